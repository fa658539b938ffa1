//! Secrets in texts: what is found, and what only looks like it.

use crate::attribute;
use std::borrow::Cow;
use throughline::redact::{Redaction, Secret};

/// Pairs of a text and what becomes of it; with nothing else switched on.
#[track_caller]
fn becomes(kind: Secret, table: &[(&str, &str)]) {
    let only = Redaction::none().with(kind);
    let usual = Redaction::default().with(kind);
    for (text, clean) in table {
        assert_eq!(only.text(text), *clean, "{kind:?}");
        assert_eq!(usual.text(text), *clean, "{kind:?} and the others");
    }
}

/// Texts in which nothing is found, whatever is switched on.
#[track_caller]
fn stay(table: &[&str]) {
    let all = Redaction::default();
    for text in table {
        assert_eq!(all.text(text), *text);
        assert!(matches!(all.text(text), Cow::Borrowed(_)), "nothing is allocated for {text}");
    }
}

#[test]
fn user_info_in_urls() {
    becomes(
        Secret::UserInfo,
        &[
            (
                "https://ada:pa@ss@shop.example:8443/a?b=1#c",
                "https://REDACTED:REDACTED@shop.example:8443/a?b=1#c",
            ),
            ("https://ada@shop.example", "https://REDACTED:REDACTED@shop.example"),
            (
                "connecting to postgres://ada:s3cret@db:5432/shop: refused",
                "connecting to postgres://REDACTED:REDACTED@db:5432/shop: refused",
            ),
            (
                "(amqp://a:b@mq), (redis://:pw@cache/0)",
                "(amqp://REDACTED:REDACTED@mq), (redis://REDACTED:REDACTED@cache/0)",
            ),
            ("mongodb://a:b@one,two:27017/db", "mongodb://REDACTED:REDACTED@one,two:27017/db"),
            // Not encoded as it should be.
            ("postgres://ada:s3/cr?t@db/shop", "postgres://REDACTED:REDACTED@db/shop"),
            ("//ada:s3cret@shop.example/a", "//REDACTED:REDACTED@shop.example/a"),
            (r#"{"url":"https://ada:s3cret@h/"}"#, r#"{"url":"https://REDACTED:REDACTED@h/"}"#),
            ("https://REDACTED:REDACTED@h/", "https://REDACTED:REDACTED@h/"),
            ("https://größe:s3cret@h/é", "https://REDACTED:REDACTED@h/é"),
        ],
    );
    stay(&[
        "http://shop.example/a@b",
        "http://shop.example:8080/a@b?c=d@e",
        "http://[::1]:8080/@x",
        "see http://shop.example, write to ada@shop.example",
        "http://shop.example:80: connection refused (ada@shop)",
        "https://@shop.example/",
        "// a comment, not ada@home",
        "path//ada:x@y",
    ]);
}

#[test]
fn secrets_in_queries() {
    becomes(
        Secret::Query,
        &[
            ("/a?page=2&Token=s3cret&sig=abc&q=", "/a?page=2&Token=REDACTED&sig=REDACTED&q="),
            ("/a?%74oken=s3cret", "/a?%74oken=REDACTED"),
            ("/a?%54%4Fken=s3cret&b", "/a?%54%4Fken=REDACTED&b"),
            ("/callback#access_token=s3cret&state=7", "/callback#access_token=REDACTED&state=7"),
            ("/a?user[password]=s3cret&user[name]=ada", "/a?user[password]=REDACTED&user[name]=ada"),
            ("GET /a?token=s3cret: refused", "GET /a?token=REDACTED: refused"),
            (
                "see http://h/?key=2, then (http://h/?code=3).",
                "see http://h/?key=REDACTED, then (http://h/?code=REDACTED).",
            ),
            ("'http://h/?secret=2'", "'http://h/?secret=REDACTED'"),
            ("\"/a?auth=2\" <a href=\"/b?otp=3\">", "\"/a?auth=REDACTED\" <a href=\"/b?otp=REDACTED\">"),
            ("/a?token=sécret&b=é", "/a?token=REDACTED&b=é"),
            (
                "/a?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&X-Goog-Signature=4&AWSAccessKeyId=5&Signature=6",
                "/a?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED&X-Goog-Signature=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED",
            ),
            ("/a?token=REDACTED&b=1", "/a?token=REDACTED&b=1"),
        ],
    );
    stay(&[
        "/a?page=2&tokens=3&sort",
        "/a?token&b=1",
        "/a?token=&b=1",
        "/a?q=token",
        "/a?%7token=1",
        // `+` is no hexadecimal digit.
        "/a?%+74oken=1&%+6ey=2",
        "exit code=1, key=order/7, session=open",
    ]);
}

#[test]
fn every_name_of_the_list_in_any_case() {
    let names = "X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature sig AWSAccessKeyId \
                 Signature token access_token refresh_token id_token api_key apikey key password passwd \
                 secret client_secret code auth session";
    for name in names.split(' ') {
        for name in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let text = Redaction::none().with(Secret::Query).text(&format!("/?{name}=s3cret")).into_owned();
            assert_eq!(text, format!("/?{name}=REDACTED"));
        }
    }
}

#[test]
fn the_whole_value_in_what_is_known_to_be_a_url() {
    let value = |key, text: &str| attribute(Redaction::default(), key, text).unwrap().to_string();
    assert_eq!(value("url.query", "token=a b'(c)\"d&e=1"), "token=REDACTED&e=1");
    assert_eq!(value("url.query", "%74oken=1"), "%74oken=REDACTED");
    assert_eq!(value("url.full", "http://h/?code=a'b\"c d#e"), "http://h/?code=REDACTED#e");
    assert_eq!(value("note", "token count"), "token count");
}

#[test]
fn names_with_their_values_in_texts() {
    becomes(
        Secret::Assignment,
        &[
            (
                "host=db user=ada password=s3cret dbname=shop",
                "host=db user=ada password=REDACTED dbname=shop",
            ),
            ("Server=db;Password=s3cret;Timeout=5", "Server=db;Password=REDACTED;Timeout=5"),
            ("/a;jsessionid=s3cret?b=1", "/a;jsessionid=REDACTED"),
            ("DB_PASSWORD=s3cret", "DB_PASSWORD=REDACTED"),
            ("password = 's3 cret', user = 'ada'", "password = 'REDACTED', user = 'ada'"),
            (
                r#"{"user":"ada","password":"s3 \" cret","n":1}"#,
                r#"{"user":"ada","password":"REDACTED","n":1}"#,
            ),
            (r#"{"apiKey": 1234}"#, r#"{"apiKey": REDACTED}"#),
            (
                r#"Login { user: "ada", password: "s3cret" }"#,
                r#"Login { user: "ada", password: "REDACTED" }"#,
            ),
            (r#"token: Some("s3cret")"#, r#"token: Some("REDACTED")"#),
            (r#"body: "{\"password\":\"s3cret\"}""#, r#"body: "{\"password\":\"REDACTED\"}""#),
            (r#"{"authorization": "Token s3cret"}"#, r#"{"authorization": "REDACTED"}"#),
            ("password => 's3cret'", "password => 'REDACTED'"),
            ("client_secret=s3cret&grant_type=x", "client_secret=REDACTED&grant_type=x"),
            ("password=\"s3cret", "password=\"REDACTED"),
            ("token=s3cret.", "token=REDACTED."),
            ("AccountKey=abc+/==;x", "AccountKey=REDACTED;x"),
        ],
    );
    stay(&[
        "token: expired",
        "password: too short",
        "WHERE password = ? AND token = $1",
        "password=***, token=null",
        "passwords=3 password_length=12 token_type=bearer",
        "if token == other {}",
        r#"{"token": {"a": 1}, "secrets": ["b"], "token": null}"#,
        "std::token::Token",
        "compass=north",
    ]);
}

#[test]
fn credentials() {
    becomes(
        Secret::Credentials,
        &[
            ("Bearer mF_9.B5f-4.1JqM", "Bearer REDACTED"),
            ("bearer s3cret", "bearer REDACTED"),
            ("sent Authorization: Bearer abcdef to h", "sent Authorization: Bearer REDACTED to h"),
            ("got BEARER s3cretT0ken, and failed", "got BEARER REDACTED, and failed"),
            ("with bearer abcdefghijklmnopqrstuvwxyz", "with bearer REDACTED"),
            ("Basic YWRhOnMzY3JldA==", "Basic REDACTED"),
            ("saw basic YWRhOnMzY3JldA== there", "saw basic REDACTED there"),
            ("curl -H 'Authorization: Basic YWRhOnMzY3JldA=='", "curl -H 'Authorization: Basic REDACTED'"),
            ("Bearer  \t1|sanctum", "Bearer  \tREDACTED"),
        ],
    );
    stay(&[
        "the bearer of bad news",
        "a bearer token is missing",
        "basic authentication failed, then basic auth",
        "this basic cGxhaW4= is none",
        "Bearer REDACTED",
        "forbearer 12345678901",
        "Bearer",
        "Bearer ",
    ]);
}

#[test]
fn json_web_tokens() {
    const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let signed = format!("{HEADER}.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let encrypted = format!(
        "{HEADER}..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ"
    );
    for token in [signed.as_str(), &encrypted] {
        let text = |pattern: &str| pattern.replace('@', token);
        for pattern in ["@", "token @ refused", "(@)", "@.", "x@", "\"@\",", "a=@&b"] {
            let clean = Redaction::none().with(Secret::Jwt).text(&text(pattern)).into_owned();
            assert_eq!(clean, pattern.replace('@', "REDACTED"));
        }
    }
    let unsigned = format!("{HEADER}.eyJzdWIiOiIxIn0.");
    assert_eq!(Redaction::default().text(&unsigned), "REDACTED.");
    stay(&[
        HEADER,
        &format!("{HEADER}.eyJzdWIiOiIxIn0"),
        "eyJ.eyJ.eyJ",
        "aGVsbG8gd29ybGQ.aGVsbG8gd29ybGQ.aGVsbG8gd29ybGQ",
        "1.2.3-eyJshort.4.5",
    ]);
}

#[test]
fn private_keys() {
    becomes(
        Secret::PrivateKey,
        &[
            ("-----BEGIN PRIVATE KEY-----\nMIIE\nabc=\n-----END PRIVATE KEY-----\n", "REDACTED\n"),
            (
                "key: -----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----, more",
                "key: REDACTED, more",
            ),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", "REDACTED"),
            (
                "a -----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK----- b",
                "a REDACTED b",
            ),
            (
                "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----",
                "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\nREDACTED",
            ),
        ],
    );
    // The first one's end is torn.
    assert_eq!(
        Redaction::default().text(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA P -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- b"
        ),
        "REDACTED b"
    );
    // The dashes that end the first one begin the second.
    for between in ["-----", " -----", "\n-----", "----------"] {
        let texts = format!(
            "a -----BEGIN RSA PRIVATE KEY-----END RSA PRIVATE KEY{between}BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- b"
        );
        assert_eq!(Redaction::default().text(&texts), "a REDACTED b", "{texts}");
    }
    // What holds one by its name loses all of it.
    assert_eq!(
        Redaction::default().text("password=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"),
        "password=REDACTED"
    );
    stay(&[
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN ",
        "the PRIVATE KEY was not found ----- sorry",
    ]);
}

#[test]
fn api_keys() {
    let follows = "0aB1".repeat(20);
    let table = [
        ("AKIA", 16),
        ("ASIA", 16),
        ("AIza", 35),
        ("ghp_", 36),
        ("gho_", 36),
        ("ghs_", 36),
        ("github_pat_", 40),
        ("glpat-", 20),
        ("xoxb-", 40),
        ("xoxp-", 40),
        ("sk_live_", 24),
        ("rk_test_", 24),
        ("sk-ant-", 60),
        ("sk-proj-", 60),
        ("npm_", 36),
        ("SG.", 66),
        ("shpat_", 32),
        ("hvs.", 40),
        ("dop_v1_", 64),
        ("ya29.", 60),
    ];
    for (begin, length) in table {
        let key = format!("{begin}{}", &follows[..length]);
        for pattern in ["@", "key @, refused", "\"@\"", "x=@", "-@"] {
            let clean = Redaction::none().with(Secret::ApiKey).text(&pattern.replace('@', &key)).into_owned();
            assert_eq!(clean, pattern.replace('@', "REDACTED"), "{key}");
        }
        // What only begins like a key hides none behind it.
        for before in ["hf_", "dop_v1_", "pypi-sk-ant-"] {
            let clean = Redaction::default().text(&[before, &key].concat()).into_owned();
            assert!(!clean.contains(&key) && clean.ends_with("REDACTED"), "{clean}");
        }
        let short = format!("{begin}0aB");
        stay(&[&short, &format!("{short} and so on, for a while"), &format!("x{key}")]);
    }
}

#[test]
fn card_numbers() {
    becomes(
        Secret::Card,
        &[
            ("4111111111111111", "REDACTED"),
            ("5500005555555559", "REDACTED"),
            ("378282246310005", "REDACTED"),
            ("6011111111111117", "REDACTED"),
            ("30569309025904", "REDACTED"),
            ("3530111333300000", "REDACTED"),
            ("2223003122003222", "REDACTED"),
            ("6759649826438453", "REDACTED"),
            ("4222222222222", "REDACTED"),
            ("card 4111 1111 1111 1111, thanks", "card REDACTED, thanks"),
            ("4111-1111-1111-1111.", "REDACTED."),
            ("3782 822463 10005", "REDACTED"),
            ("order 12 4111 1111 1111 1111 2030", "order 12 REDACTED 2030"),
            ("a=4111111111111111&b=5500005555555559", "a=REDACTED&b=REDACTED"),
            ("é4111111111111111é", "éREDACTEDé"),
        ],
    );
    stay(&[
        // The check digit is wrong, or there are too few digits or too many.
        "4111111111111112",
        "order 4111-1111-1111-1112",
        "411111111111",
        "41111111111111111111",
        // Times, in milliseconds to nanoseconds.
        "1795273445003",
        "1795273445123456785",
        "2026-11-21 15:04:05.123456789",
        "20261121150405",
        // Part of something else.
        "0af7651916cd43dd8448eb211c80319c",
        "a4111111111111111",
        "4111111111111111f",
        "0.4111111111111111",
        "4111111111111111.5",
        "4111-1111 1111-1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "1.2.3.4.5.6.7.8.9.10.11.12.13",
        "0000000000000000",
    ]);
}

#[test]
fn card_numbers_that_are_integers() {
    let value = |number: i64| attribute(Redaction::default(), "card", number).unwrap();
    assert_eq!(value(4_111_111_111_111_111), "REDACTED".into());
    assert_eq!(value(378_282_246_310_005), "REDACTED".into());
    assert_eq!(value(30_569_309_025_904), "REDACTED".into());
    // The longer ones would be a card's number as texts.
    for number in [
        6_634_060_010_621_149_737,
        4_222_222_222_222,
        4_111_111_111_111_112,
        -4_111_111_111_111_111,
        0,
        i64::MAX,
        i64::MIN,
        1_795_273_445_003,
    ] {
        assert_eq!(value(number), number.into());
    }
    let list = vec![1, 4_111_111_111_111_111];
    assert_eq!(attribute(Redaction::default(), "cards", list.clone()), Some("REDACTED".into()));
    assert_eq!(
        attribute(Redaction::default().without(Secret::Card), "cards", list.clone()),
        Some(list.into())
    );
}

#[test]
fn emails_where_switched_on() {
    becomes(
        Secret::Email,
        &[
            ("ada@shop.example", "REDACTED"),
            ("from <Ada.L+x@mail.shop.example>.", "from <REDACTED>."),
            ("ada@a.example,bob@b.example", "REDACTED,REDACTED"),
            ("mailto:ada@shop.example?subject=x", "mailto:REDACTED?subject=x"),
        ],
    );
    let on = Redaction::default().with(Secret::Email);
    assert_eq!(on.text("https://ada:pw@shop.example/"), "https://REDACTED:REDACTED@shop.example/");
    for text in ["ada@shop", "@shop.example", "ada@", "a @ b.example", "user@1.2.3.4", "x@.com", "ada@b.c"] {
        assert_eq!(on.text(text), text);
    }
    assert_eq!(Redaction::default().text("ada@shop.example"), "ada@shop.example");
}

#[test]
fn what_the_limit_has_cut_in_two() {
    let jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP";
    let secrets = [
        ("4111111111111111", 9),
        (jwt, 20),
        ("https://ada:s3cretpassword@h/", 14),
        ("ghp_0aB10aB10aB10aB10aB10aB10aB10aB1", 10),
        ("/?token=s3cretpassword", 10),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq", 30),
    ];
    for (secret, from) in secrets {
        for length in from..secret.len() {
            let limit = 2_000;
            let text = format!("{} {secret}", "x".repeat(limit - length - 1));
            let test = throughline::testing::TestTracer::with(|builder| builder.max_value_bytes(limit));
            test.span("span").set_attribute("text", &text);
            let span = test.spans().remove(0);
            let value = span.attribute("text").unwrap().to_string();
            let visible = value.trim_start_matches('x').trim_start();
            assert!(
                visible != &secret[..length] && visible.contains("RE"),
                "{length} of {secret}: {visible}"
            );
            assert!(!visible.contains("s3c") && !visible.contains("4111"), "{visible}");
        }
    }
}

#[test]
fn a_kind_that_is_off_is_left() {
    let texts = [
        (Secret::UserInfo, "http://a:b@h/"),
        (Secret::Query, "/?sig=1"),
        (Secret::Assignment, "password=x"),
        (Secret::Credentials, "Bearer s3cretT0ken"),
        (Secret::PrivateKey, "-----BEGIN PRIVATE KEY-----\nMIIE"),
        (Secret::Card, "4111111111111111"),
        (Secret::ApiKey, "AKIAIOSFODNN7EXAMPLE"),
        (Secret::Jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    ];
    for (kind, text) in texts {
        assert_ne!(Redaction::default().text(text), text);
        assert_eq!(Redaction::default().without(kind).text(text), text);
        assert_eq!(Redaction::none().text(text), text);
    }
}
