//! Attributes whose keys say that they hold a secret.

use crate::{attribute, exported};
use throughline::{
    Value,
    redact::{Redaction, Secret},
    testing::TestTracer,
};

#[track_caller]
fn becomes_redacted(redaction: &Redaction, key: &str) -> bool {
    match attribute(redaction.clone(), key, "plain").as_ref().and_then(Value::as_str) {
        Some("REDACTED") => true,
        Some("plain") => false,
        other => panic!("{key} became {other:?}"),
    }
}

#[test]
fn words_count_as_whole_segments_in_any_case() {
    let usual = Redaction::default();
    let secret = "password db.password DB_PASSWORD user-password userPassword user.password.1 passwd pwd secret \
                  client_secret clientSecret token accessToken OAuthToken x-my-token api_key apiKey ApiKey \
                  APIKey api-key apikey my.api.key aws.secret.access.key private_key authorization \
                  proxy.authorization credentials jwt cookie set-cookie csrf cvv card.number ssn \
                  app/secret app:secret secrets passWord PassWord PassPhrase pASSWORD password1 db_password2 \
                  db.pass DB_PASS2 dbpassword clientsecret PGPASSWORD applicationdatabasepassword userPassWord \
                  http.request.header.x_auth_key xAuthKey token2";
    for key in secret.split_whitespace() {
        assert!(becomes_redacted(&usual, key), "{key}");
    }
    let harmless = "passwords compass tokens tokenizer monkey keys key secretary author authorized order.id \
                    gen_ai.usage.input_tokens gen_ai.token.type token_count token.expires_at password_length \
                    secret.name cookie.present api.version key.api session.id code http.route card.brand é \
                    pass tests.passed compasses pass.count passport bypass nonsecretive dbpasswords password1.count";
    for key in harmless.split_whitespace() {
        assert!(!becomes_redacted(&usual, key), "{key}");
    }
}

#[test]
fn a_literal_s_class_is_remembered_per_literal() {
    let span = exported(Redaction::default(), |span| {
        span.set_attribute("password", "a").set_attribute("passwor", "b").set_attribute("db.token", "c");
        span.add_event("e", &[("password", "d".into()), ("token", "e".into()), ("note", "f".into())]);
    });
    let values = |key| span.attribute(key).unwrap().to_string();
    assert_eq!([values("password"), values("passwor"), values("db.token")], ["REDACTED", "b", "REDACTED"]);
    let event = span.events().next().unwrap();
    let values: Vec<_> = event.attributes().map(|attribute| attribute.value.to_string()).collect();
    assert_eq!(values, ["REDACTED", "REDACTED", "f"]);

    // More literals than are remembered, again and again: each is treated as the same key that is none.
    let literals: Vec<&'static str> = include_str!("texts.rs").split_whitespace().collect();
    assert!(literals.len() > 500);
    let test = TestTracer::with(|builder| builder.redaction(Redaction::none().with(Secret::Key)));
    for keys in literals.chunks(100).chain(literals.chunks(100)) {
        let [remembered, read] = [test.span("span"), test.span("span")];
        for key in keys {
            remembered.set_attribute(*key, "plain");
            read.set_attribute((*key).to_owned(), "plain");
        }
    }
    for pair in test.spans().chunks(2) {
        // Dropped in reverse, but both have the same.
        assert!(pair[0].attributes().eq(pair[1].attributes()), "{pair:?}");
    }
}

#[test]
fn every_type_but_truths() {
    let value = |value: Value<'static>| attribute(Redaction::default(), "password", value).unwrap();
    assert_eq!(value(1234.into()), "REDACTED".into());
    assert_eq!(value(0.5.into()), "REDACTED".into());
    assert_eq!(value(vec![1_i64, 2].into()), "REDACTED".into());
    assert_eq!(value(vec![1.5].into()), "REDACTED".into());
    assert_eq!(value(vec!["a", "b"].into()), vec!["REDACTED", "REDACTED"].into());
    assert_eq!(value(true.into()), true.into());
    assert_eq!(value(vec![true].into()), vec![true].into());
    assert_eq!(value("".into()), "".into());
}

#[test]
fn words_can_be_added_and_keys_allowed() {
    let redaction =
        Redaction::default().deny_key("pin").deny_key("Account.Number").deny_key("").allow_key("Page.Token");
    for key in ["pin", "card.pin", "PIN", "account_number", "my.accountNumber.id", "pin.name"] {
        assert!(becomes_redacted(&redaction, key), "{key}");
    }
    for key in ["pinned", "account", "number.account", "page.token", "PAGE.TOKEN"] {
        assert!(!becomes_redacted(&redaction, key), "{key}");
    }
    assert!(becomes_redacted(&redaction, "next.page.token"));
    // Nothing built-in looks at what is allowed.
    let card = Redaction::default().allow_key("order.number");
    assert_eq!(attribute(card, "order.number", "4111111111111111"), Some("4111111111111111".into()));
    assert_eq!(redaction.text("pin=1234"), "pin=REDACTED");
    for key in ["pIN", "aCCOUNT.nUMBER", "pin2"] {
        assert!(becomes_redacted(&redaction, key) == (key != "pin2"), "{key}");
    }
}

#[test]
fn query_parameters_can_be_added_and_allowed() {
    let redaction = Redaction::default().deny_query("Ticket").allow_query("CODE").allow_query("token");
    assert_eq!(
        redaction.text("/?ticket=1&code=2&token=3&sig=4"),
        "/?ticket=REDACTED&code=2&token=3&sig=REDACTED"
    );
}

#[test]
fn headers_win_over_naming_and_over_permission() {
    let redaction = || {
        Redaction::default()
            .deny_header("X-Internal")
            .allow_key("http.request.header.authorization")
            .allow_key("http.request.header.x-internal")
            .without(Secret::Key)
    };
    let secret = [
        "http.request.header.authorization",
        "http.request.header.Authorization",
        "http.response.header.set-cookie",
        "http.response.header.set_cookie",
        "http.request.header.x-api-key",
        "http.request.header.proxy-authorization",
        "http.request.header.cookie",
        "rpc.request.metadata.authorization",
        "rpc.response.metadata.x-auth-token",
        "rpc.grpc.request.metadata.cookie",
        "rpc.connect_rpc.response.metadata.set-cookie",
        "http.request.header.x-internal",
    ];
    for key in secret {
        assert_eq!(attribute(redaction(), key, "plain"), Some("REDACTED".into()), "{key}");
        assert_eq!(attribute(redaction(), key, vec!["a", "b"]), Some(vec!["REDACTED", "REDACTED"].into()));
    }
    for key in ["http.request.header.accept", "http.request.headers", "rpc.metadata", "authorization.header"]
    {
        assert_eq!(attribute(redaction(), key, "plain"), Some("plain".into()), "{key}");
    }
    // A header that is on no list, by its words.
    let value = attribute(Redaction::default(), "http.request.header.x-partner-token", "plain");
    assert_eq!(value, Some("REDACTED".into()));
}
