//! Where secrets are looked for.

use crate::exported;
use throughline::{
    Resource, SpanContext, SpanId, Status, TraceFlags, TraceId, Tracer, Value,
    context::TraceState,
    exporters::Memory,
    redact::{Redaction, Secret},
    testing::TestTracer,
};

const CARD: &str = "4111111111111111";

fn remote(state: &str) -> SpanContext {
    let state: TraceState = state.parse().unwrap();
    SpanContext::new(TraceId::from_u128(7).unwrap(), SpanId::from_u64(8).unwrap(), TraceFlags::SAMPLED)
        .with_trace_state(state)
}

#[test]
fn names_keys_events_links_and_status() {
    let span = exported(Redaction::default(), |span| {
        span.set_name(format!("pay {CARD}")).set_attribute(format!("paid {CARD}"), true);
        span.add_event(format!("charged {CARD}"), &[("number", CARD.into())]);
        span.add_link(&remote("a=1"), &[("number", CARD.into())]);
        span.set_status(Status::error(format!("no credit on {CARD}")));
    });
    assert_eq!(span.name(), "pay REDACTED");
    assert_eq!(span.attributes().next().unwrap().key, "paid REDACTED");
    let event = span.events().next().unwrap();
    assert_eq!((event.name, event.attribute("number")), ("charged REDACTED", Some("REDACTED".into())));
    assert_eq!(span.links().next().unwrap().attributes().next().unwrap().value, "REDACTED".into());
    assert_eq!(span.status().description(), "no credit on REDACTED");
    assert!(!format!("{span:?}").contains(CARD));
}

#[test]
fn keys_that_have_become_the_same_are_one() {
    let span = exported(Redaction::default(), |span| {
        span.set_attribute("paid 4111111111111111".to_owned(), 1);
        span.set_attribute("paid 5500005555555559".to_owned(), 2);
        span.set_attribute("note", 3);
    });
    let attributes: Vec<_> = span.attributes().map(|it| (it.key.to_owned(), it.value.to_string())).collect();
    assert_eq!(
        attributes,
        [("paid REDACTED".to_owned(), "2".to_owned()), ("note".to_owned(), "3".to_owned())]
    );
}

#[test]
fn lists_of_texts_one_by_one() {
    let list = vec!["one", CARD, "three", "Bearer s3cretT0ken", "five"];
    let span = exported(Redaction::default(), |span| {
        span.set_attribute("list", list).set_attribute("other", vec!["one", "two"]);
    });
    assert_eq!(
        span.attribute("list"),
        Some(vec!["one", "REDACTED", "three", "Bearer REDACTED", "five"].into())
    );
    assert_eq!(span.attribute("other"), Some(vec!["one", "two"].into()));
}

#[test]
fn recorded_errors() {
    let error = std::io::Error::other("https://ada:s3cret@h/?token=s3cret: refused");
    let span = exported(Redaction::default(), |span| {
        span.record_error(&error).record_error_fmt("Login", format_args!("password=s3cret"));
    });
    let messages: Vec<_> =
        span.events().map(|event| event.attribute("exception.message").unwrap().to_string()).collect();
    assert_eq!(messages, ["https://REDACTED:REDACTED@h/?token=REDACTED: refused", "password=REDACTED"]);
    assert_eq!(span.status().description(), "password=REDACTED");
}

#[test]
fn tracestates() {
    let test = TestTracer::new();
    let state = format!("first=1,card={CARD},jwt=a-Bearer s3cretT0ken,last=2");
    let mut context = throughline::Context::default();
    context.span = Some(remote(&state));
    let span = test.span_builder("span").remote(context).start();
    // What is handed on is the vendors', and stays as it is.
    assert_eq!(span.context().unwrap().trace_state().to_string(), state);
    span.add_link(&remote(&format!("a={CARD}")), &[]);
    span.add_link(&remote("a=1"), &[]);
    span.end();
    let span = test.spans().remove(0);
    assert_eq!(span.trace_state().to_string(), "first=1,card=REDACTED,jwt=a-Bearer REDACTED,last=2");
    let states: Vec<_> = span.links().map(|link| link.trace_state().to_string()).collect();
    assert_eq!(states, ["a=REDACTED", "a=1"]);
}

#[test]
fn tracestates_one_after_the_other() {
    let test = TestTracer::new();
    let states = ["a=1", "a=1", &format!("a={CARD}"), "a=1", &format!("a={CARD}"), &format!("a={CARD}")];
    for state in states {
        let mut context = throughline::Context::default();
        context.span = Some(remote(state));
        test.span_builder("span").remote(context).start().end();
    }
    let clean: Vec<_> = test.spans().iter().map(|span| span.trace_state().to_string()).collect();
    assert_eq!(clean, ["a=1", "a=1", "a=REDACTED", "a=1", "a=REDACTED", "a=REDACTED"]);
}

#[test]
fn the_resource_once() {
    let memory = Memory::new();
    let tracer = Tracer::builder("test")
        .environment(|_| None)
        .resource_attribute("deployment.token", "s3cret")
        .resource_attribute("note", format!("card {CARD}"))
        .exporter(memory.clone())
        .build()
        .unwrap();
    let expected = |resource: &Resource| {
        assert_eq!(resource.service_name(), "test");
        assert_eq!(resource.attribute("deployment.token"), Some("REDACTED".into()));
        assert_eq!(resource.attribute("note"), Some("card REDACTED".into()));
    };
    expected(tracer.resource());
    tracer.span("span").end();
    assert!(tracer.shutdown(std::time::Duration::from_secs(30)).is_complete());
    expected(&memory.records()[0].resource);
}

#[test]
fn nothing_at_all_with_none() {
    let span = exported(Redaction::none(), |span| {
        span.set_name(format!("pay {CARD}")).set_attribute("password", CARD);
        span.set_attribute("http.request.header.authorization", vec!["Bearer s3cretT0ken"]);
        span.set_status(Status::error(format!("no credit on {CARD}")));
    });
    assert_eq!(span.name(), format!("pay {CARD}"));
    assert_eq!(span.attribute("password"), Some(CARD.into()));
    assert_eq!(span.attribute("http.request.header.authorization"), Some(vec!["Bearer s3cretT0ken"].into()));
    assert_eq!(span.status().description(), format!("no credit on {CARD}"));
}

#[test]
fn everything_else_stays_as_it_was() {
    let record = |span: &throughline::Span| {
        span.set_attribute("password", "x").set_attribute("flag", true).set_attribute("number", 1.5);
        span.set_attribute("text", "größe").set_attribute("list", vec![1_i64, 2]);
        span.add_event("one", &[("a", "1".into()), ("token", "x".into()), ("b", "2".into())]);
        span.add_event("two", &[("c", Value::from(vec!["x"]))]);
    };
    let [with, without] = [Redaction::default(), Redaction::none().with(Secret::Header)].map(|redaction| {
        let span = exported(redaction, record);
        serde_json::to_value(&span).unwrap()
    });
    let parts = |span: &serde_json::Value| {
        let mut attributes = span["attributes"].clone();
        let mut events = span["events"].clone();
        for event in events.as_array_mut().unwrap() {
            event["time"].take();
            event["time_unix_nanos"].take();
        }
        attributes["password"].take();
        events[0]["attributes"]["token"].take();
        (attributes, events)
    };
    assert_eq!(parts(&with), parts(&without));
    assert_eq!(with["events"][0]["attributes"]["token"], "REDACTED");
    assert_eq!(without["events"][0]["attributes"]["token"], "x");
}
