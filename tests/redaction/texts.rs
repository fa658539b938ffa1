//! Secrets in texts: what is found, and what only looks like it.

use crate::attribute;
use std::borrow::Cow;
use throughline::{
    Value,
    redact::{Redaction, Secret},
};

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
            (r"https:\/\/ada:s3cret@h\/a", r"https:\/\/REDACTED:REDACTED@h\/a"),
            ("https://ada:!x/s3cret@h/", "https://REDACTED:REDACTED@h/"),
            ("https://ada:/s3cret@h/", "https://REDACTED:REDACTED@h/"),
            ("https://ada:123456/s3cret@h/", "https://REDACTED:REDACTED@h/"),
            ("https://ada:s3 cret@h/", "https://REDACTED:REDACTED@h/"),
            (r"https://dom\ada:s3cret@h", "https://REDACTED:REDACTED@h"),
            ("(//ada:s3cret@h)", "(//REDACTED:REDACTED@h)"),
            // Within a query.
            ("/a?next=https%3A%2F%2Fada:s3cret@h&b=c@d", "/a?next=https%3A%2F%2FREDACTED:REDACTED@h&b=c@d"),
            ("https%3a%2f%2fada%3As3cret%40h%2Fa", "https%3a%2f%2fREDACTED:REDACTED%40h%2Fa"),
            ("https%253A%252F%252Fada:s3cret%2540h", "https%253A%252F%252FREDACTED:REDACTED%2540h"),
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
        "http://[2001:db8::abcd]/@x",
        "http://h: refused (ada@shop)",
        "x = 1 //todo",
        "https%3A%2F%2Fshop.example%2Fa%40b",
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
            ("/a?code[]=s3cret&key[0][1]=s3cret", "/a?code[]=REDACTED&key[0][1]=REDACTED"),
            ("/a?+code=1&%20key+=2&sig =3", "/a?+code=REDACTED&%20key+=REDACTED&sig =REDACTED"),
            ("/a?b=1&amp;code=s3cret", "/a?b=1&amp;code=REDACTED"),
            (r"/a?b=1\u0026code=s3cret", r"/a?b=1\u0026code=REDACTED"),
            ("/a?key=\"s3 cret\"&code=<s3cret>", "/a?key=\"REDACTED\"&code=REDACTED>"),
            ("/a?auth_code=1&oauth_signature=2", "/a?auth_code=REDACTED&oauth_signature=REDACTED"),
            // A URL within a query, encoded once or twice, or not well.
            (
                "/a?next=https%3A%2F%2Fh%2F%3Ftoken%3Ds3cret%26page%3D2&b=1",
                "/a?next=https%3A%2F%2Fh%2F%3Ftoken%3DREDACTED%26page%3D2&b=1",
            ),
            ("/a?next=%2Fcb%3fcode%3ds3cret.", "/a?next=%2Fcb%3fcode%3dREDACTED."),
            ("/a?next=%252Fcb%253Fcode%253Ds3cret%2526b", "/a?next=%252Fcb%253Fcode%253DREDACTED%2526b"),
            ("/a?next=%2Fcb%23access_token%3Ds3%2526cret", "/a?next=%2Fcb%23access_token%3DREDACTED"),
            ("/a?next=/cb%3Fcode=s3cret&b", "/a?next=/cb%3Fcode=REDACTED&b"),
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
        "/a?next=%2Forders%3Fpage%3D2%26sort%3Dname&codec=1&zip[code]x=1",
        "q=a%3Db%3Ac",
        "GET \"/a?token=\", 7 bytes",
    ]);
}

/// The place in which a parameter begins may be far before its name's end.
#[test]
fn a_name_of_any_length() {
    let name = format!("user[{}][password]", "a".repeat(300));
    let redacted = |name: &str| Redaction::default().text(&format!("/?{name}=s3cret&b=1")).into_owned();
    assert_eq!(redacted(&name), format!("/?{name}=REDACTED&b=1"));
    let name = format!("{}[code]", "a".repeat(300));
    assert_eq!(redacted(&name), format!("/?{name}=REDACTED&b=1"));
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
    for key in ["http.url", "url.original"] {
        assert_eq!(value(key, "http://h/?b&token=a'b\"c d<e\\f#g"), "http://h/?b&token=REDACTED#g", "{key}");
    }
    assert_eq!(value("http.target", "/a?b;code=1\"2"), "/a?b;code=REDACTED");
    assert_eq!(value("url.query", "next=%2F%3Fcode%3D1\"2&b"), "next=%2F%3Fcode%3DREDACTED&b");
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
            (
                r#"{"token": {"a": 1}, "secrets": ["b"], "n": 1}"#,
                r#"{"token": REDACTED, "secrets": REDACTED, "n": 1}"#,
            ),
        ],
    );
    stay(&[
        "token: expired",
        "password: too short",
        "WHERE password = ? AND token = $1",
        "password=***, token=null",
        "passwords=3 password_length=12 token_type=bearer",
        "if token == other {}",
        r#"{"token": null, "a": 1}"#,
        r#"[{"token":null,"a":"b"},{"token":null},{"a":{"b":1}}]"#,
        "std::token::Token",
        "compass=north",
    ]);
}

#[test]
fn values_as_programs_print_them() {
    let table = [
        r#"Object {"password": String("@")}"#,
        r#"password=Ok("@")"#,
        r#"password: Some(Secret("@"))"#,
        r#"Config { password: Password("@"), user: "ada" }"#,
        r#"{\"password\":\"a\\\"@\",\"n\":1}"#,
        r#"{\"password\":\"a\\\\\",\"token\":\"@\"}"#,
        r#"{\\\"password\\\":\\\"@\\\",\\\"n\\\":1}"#,
        "\"password\":\n\"@\"",
        "password\t=\t@",
        r"password\t=\t@",
        "password        = @",
        "password := '@'",
        "password=\"\"\"@\"\"\"",
        "password='it''s @', user='ada'",
        "mysql --password @ --user ada",
        r#""mysql" "--password" "@""#,
        r#"["--password","@"]"#,
        "<password>@</password>",
        "<w:password>@</w:password>",
        "{user:ada,password:@}",
        "/a?q=%7B%22user%22%3A%22ada%22%2C%22password%22%3A%22@%22%7D&b=1",
        "/a?q=%7B%22password%22%3A%20%22a%5C%22@%22%7D&b=1",
        "q=password%3D@&b=1",
    ];
    for pattern in table {
        let clean = Redaction::default().text(&pattern.replace('@', "hunter2")).into_owned();
        assert!(!clean.contains("hunter2") && clean.contains("REDACTED"), "{clean}");
        for around in ["Object {\"", "Config", "\"n\"", "user", "ada", "mysql", "&b=1"] {
            assert_eq!(clean.contains(around), pattern.contains(around), "{clean}");
        }
    }
    becomes(
        Secret::Assignment,
        &[
            ("{'password': b'hunter2', 'n': 1}", "{'password': REDACTED, 'n': 1}"),
            ("{'password': u' a'}", "{'password': REDACTED}"),
            ("password=abc\"hunter2\", x", "password=REDACTED, x"),
            ("password=a'hunter2 x", "password=REDACTED x"),
            ("password=''hunter2", "password=REDACTED"),
            ("a Config { password: Secret { inner: \"a b\" } }", "a Config { password: REDACTED }"),
            ("password: Password(\"a\", \"b\"), n", "password: REDACTED, n"),
            ("{\"password\":[\"a]\", \"b\"],\"n\":1}", "{\"password\":REDACTED,\"n\":1}"),
            ("{\"authorization\":[\"Token a b\"]}", "{\"authorization\":REDACTED}"),
            ("UID=sa;PWD={hunt er2};n=1", "UID=sa;PWD=REDACTED;n=1"),
            ("password=[hunter2 x", "password=REDACTED"),
            ("password=(hunter2)", "password=REDACTED"),
            ("password=hun(ter2 x", "password=REDACTED x"),
            ("password=hun(ter)2 x", "password=REDACTED x"),
            ("password=Some(hunter2), x", "password=Some(REDACTED), x"),
            (r"password=\hunter2", "password=REDACTED"),
            ("password=<hunter2", "password=REDACTED"),
            (r"password=a\b<hunter2>", "password=REDACTED>"),
            // What is around the value.
            (r"password=hunter2\nuser=ada", r"password=REDACTED\nuser=ada"),
            (r#""dsn: password=hunter2", "x""#, r#""dsn: password=REDACTED", "x""#),
            (r#"{\"dsn\":\"password=hunter2\"}"#, r#"{\"dsn\":\"password=REDACTED\"}"#),
            ("(password=hunter2), (x)", "(password=REDACTED), (x)"),
            ("PASSWORD=\nUSER=ada", "PASSWORD=\nUSER=ada"),
        ],
    );
}

#[test]
fn headers_and_names_before_a_colon() {
    becomes(
        Secret::Assignment,
        &[
            ("x-api-key: hunter2", "x-api-key: REDACTED"),
            ("X-API-Key: plainword\nHost: h", "X-API-Key: REDACTED\nHost: h"),
            ("Authorization: Token hunter2", "Authorization: REDACTED"),
            ("Authorization: Token plainword", "Authorization: REDACTED"),
            ("Authorization: Digest username=\"ada\", response=\"hunter2\"", "Authorization: REDACTED"),
            ("Cookie: REDACTED; sid=hunter2", "Cookie: REDACTED"),
            (r"GET /\r\nCookie: a=1; sid=hunter2\r\nHost: h", r"GET /\r\nCookie: REDACTED\r\nHost: h"),
            ("curl -H 'Set-Cookie: sid=hunter2; Path=/' h", "curl -H 'Set-Cookie: REDACTED' h"),
            ("password: hunter2", "password: REDACTED"),
            ("password: plainword", "password: REDACTED"),
            ("password: plainword, user: ada", "password: REDACTED, user: ada"),
            ("user: ada password: plainword host: db", "user: ada password: REDACTED host: db"),
            ("password: 123456", "password: REDACTED"),
            ("access_token: abc123 expired", "access_token: REDACTED expired"),
        ],
    );
    let own = Redaction::default().deny_header("X-Note");
    assert_eq!(own.text("x-note: a=b, plain"), "x-note: REDACTED");
    assert_eq!(Redaction::default().text("x-note: a=b, plain"), "x-note: a=b, plain");
}

/// Names of secrets in prose and in code, and what looks like the shapes in which secrets stand.
#[test]
fn texts_in_which_nothing_is_a_secret() {
    stay(&[
        "password: must have 8 characters",
        "Password: The password you entered is wrong",
        "failed to get password: too short: 3",
        "reading secret: not found: a/b",
        "src/password.rs: No such file",
        "password: expired",
        "Authorization: required",
        "authorization: header is missing",
        "the secret: never give up",
        "Secret Santa: everyone brings a gift",
        "unexpected token: x1",
        "token: Token { kind: Ident, text: None }",
        "src/token.rs:10:5: unexpected",
        "key: value store",
        "code: 7, session: open, sig: none",
        "auth: x1, state: y2",
        "std::io::Error { kind: NotFound }",
        "Error { code: 7, kind: Other, span: 3..9, tls: Some(Rustls) }",
        "Point { x: 1, y: 2 }, {\"keys\":[1,2],\"tokens\":{\"input\":3}}",
        "fn f(api_key: String, secret: &str)",
        "struct Login { password: String }",
        "expected Option<Token>, got Vec<Password> or Box<Secret>",
        "impl From<Secret> for Vec<Password> {}",
        "<password></password><name>ada</name>",
        "use --password to set it, or --token",
        "missing: --password <PASSWORD> --user <USER>",
        "color: red; --main-color: blue",
        "tests: pass=3 fail=1",
        "SELECT id, name FROM users WHERE id = 7 AND name = 'ada' ORDER BY id",
        "UPDATE users SET password = ? WHERE id = $1",
        "2026-11-21 15:04:05.123456789 +01:00",
        "2026-11-21T15:04:05Z, order 7, 12:30-13:45",
        "550e8400-e29b-41d4-a716-446655440000",
        "fe80::1ff:fe23:4567:890a, [::1]:8080, 192.168.100.200",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "a%20b%3Dc%26page%3D2, 50%, 7+8=15",
        "AAAAKKKKJJJJ.AAAA.KKKK",
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
            ("h=Bearer%20s3cretT0ken&b", "h=Bearer%20REDACTED"),
            ("a%3DBearer+s3cret", "a%3DBearer+REDACTED"),
            (r"got\nBearer s3cretT0ken", r"got\nBearer REDACTED"),
        ],
    );
    stay(&[
        "the bearer of bad news",
        "a bearer token is missing",
        "basic authentication failed, then basic auth",
        "this basic cGxhaW4= is none",
        "Bearer REDACTED",
        "forbearer 12345678901",
        "a bearer%2Cof+news, basic+plain",
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
    // With blanks and line ends in the header.
    for header in [
        "eyAiYWxnIjogIkhTMjU2IiB9",
        "ewogICJhbGciOiAiSFMyNTYiCn0",
        "ewoJImFsZyI6ICJIUzI1NiIKfQ",
        "ew0KICAiYWxnIjoibm9uZSJ9",
    ] {
        assert_eq!(Redaction::none().with(Secret::Jwt).text(&format!("{header}.e30.c2ln")), "REDACTED");
        assert_eq!(Redaction::default().text(header), header);
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
    // In a form and in a query.
    for space in ["+", "%20"] {
        let text =
            "k=-----BEGIN RSA PRIVATE KEY-----%0AMIIE%0A-----END RSA PRIVATE KEY-----&b".replace(' ', space);
        assert_eq!(Redaction::none().with(Secret::PrivateKey).text(&text), "k=REDACTED&b");
    }
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
        ("sk-svcacct-", 60),
        ("sk-", 48),
        ("npm_", 36),
        ("SG.", 66),
        ("shpat_", 32),
        ("hvs.", 40),
        ("dop_v1_", 64),
        ("ya29.", 60),
    ];
    for (begin, length) in table {
        let key = format!("{begin}{}", &follows[..length]);
        for pattern in ["@", "key @, refused", "\"@\"", "x=@", "-@", "%20@", "\\n@"] {
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
            ("q=%224111111111111111%22", "q=%22REDACTED%22"),
            ("q=%204111111111111111&b", "q=%20REDACTED&b"),
            ("q=%2F4111111111111111", "q=%2FREDACTED"),
            ("q=%A04111111111111111", "q=%A0REDACTED"),
            ("q=4111+1111+1111+1111", "q=REDACTED"),
            ("q=4111%201111%201111%201111%20", "q=REDACTED%20"),
            (r"\n4111111111111111\n", r"\nREDACTED\n"),
            ("4111.1111.1111.1111, 4111_1111_1111_1111", "REDACTED, REDACTED"),
            ("4111  1111  1111  1111", "REDACTED"),
            ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "REDACTED"),
            ("4111111111111111L, 4111111111111111u64", "REDACTEDL, REDACTEDu64"),
            ("4111111111111111.0", "REDACTED.0"),
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
        "4111111111111111.05",
        "4111111111111111u64x",
        "5234567.1234567",
        "4222222.222222",
        "4111 1111  1111 1111",
        "%41111111111111111",
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
    // As a number that has no fraction.
    let value = |number: f64| attribute(Redaction::default(), "card", number).unwrap();
    assert_eq!(value(4_111_111_111_111_111.0), "REDACTED".into());
    for number in [4_111_111_111_111_112.0, 411_111_111_111_111.1, f64::NAN, f64::INFINITY, -0.5, 1e300] {
        assert_eq!(value(number).to_string(), Value::from(number).to_string());
    }
    let floats = vec![0.5, 4_111_111_111_111_111.0];
    assert_eq!(attribute(Redaction::default(), "cards", floats), Some("REDACTED".into()));
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

/// At the end of a text that is as long as texts may be.
#[test]
fn what_is_left_of_secrets_whose_end_is_missing() {
    let table = [
        ("https://ada:12345678901234567", "https://REDACTED:REDACTED"),
        ("https://ada:1234", "https://REDACTED:REDACTED"),
        ("https://ada:!hunter2", "https://REDACTED:REDACTED"),
        ("got Bearer abc1234", "got Bearer REDACTED"),
        ("to ada@sho", "to REDACTED"),
        ("eyAiYWxnIjogIkhTMjU2", "REDACTED"),
        ("sk-abcdefA1", "REDACTED"),
        ("https://shop.exam", "https://shop.exam"),
    ];
    for (end, clean) in table {
        let start = "x".repeat(1_999 - end.len()) + " ";
        let test = throughline::testing::TestTracer::with(|builder| {
            builder.max_value_bytes(2_000).redaction(Redaction::default().with(Secret::Email))
        });
        test.span("span").set_attribute("text", format!("{start}{end}and so on"));
        let span = test.spans().remove(0);
        let value = span.attribute("text").unwrap().to_string();
        // What is put in its place is cut as well.
        let clean = &clean[..clean.len().min(2_000 - start.len())];
        assert_eq!(value.strip_prefix(&start), Some(clean), "{end}");
    }
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
