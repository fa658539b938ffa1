//! Several formats as one, and `OTEL_PROPAGATORS`.

use crate::{Headers, PARENT, caller, extracted, filled, headers, injected};
use std::sync::Arc;
use throughline::{
    Context, SpanContext, TraceFlags,
    context::Baggage,
    propagation::{
        B3, Composite, Datadog, ExtractError, GoogleCloud, Jaeger, OtTrace, Propagator, Reason,
        RequestIdHeader, TraceContext, W3cBaggage, XRay,
    },
};

const B3_ONE: (&str, &str) = ("b3", "00000000000000000000000000000001-0000000000000001-1");
const JAEGER_TWO: (&str, &str) = ("uber-trace-id", "2:2:0:1");

fn one() -> SpanContext {
    caller("00000000000000000000000000000001", "0000000000000001", TraceFlags::SAMPLED)
}

fn two() -> SpanContext {
    caller("00000000000000000000000000000002", "0000000000000002", TraceFlags::SAMPLED)
}

#[test]
fn the_first_that_finds_the_span_wins() {
    let both = [JAEGER_TWO, B3_ONE];
    let b3_first = Composite::none().with(B3::single()).with(Jaeger);
    let jaeger_first = Composite::none().with(Jaeger).with(B3::single());
    assert_eq!(extracted(&b3_first, &both), (Some(one()), None));
    assert_eq!(extracted(&jaeger_first, &both), (Some(two()), None));
    assert_eq!(extracted(&b3_first, &[JAEGER_TWO]), (Some(two()), None));
    assert_eq!(extracted(&b3_first, &[]), (None, None));
    // One that is refused finds nothing, and is named.
    let error = ExtractError::new("b3", Reason::Malformed);
    assert_eq!(extracted(&b3_first, &[("b3", "canary"), JAEGER_TWO]), (Some(two()), Some(error)));
    let bad = [("b3", "canary"), ("uber-trace-id", "canary")];
    assert_eq!(extracted(&b3_first, &bad), (None, Some(error)), "the first");
    let error = ExtractError::new("uber-trace-id", Reason::Malformed);
    assert_eq!(extracted(&jaeger_first, &bad), (None, Some(error)));
    // So is one that is refused after the span was found.
    assert_eq!(extracted(&b3_first, &[B3_ONE, ("uber-trace-id", "canary")]), (Some(one()), Some(error)));
}

#[test]
fn each_part_is_the_first_ones_that_finds_it() {
    let formats = Composite::none()
        .with(TraceContext::default())
        .with(Jaeger)
        .with(W3cBaggage)
        .with(RequestIdHeader::default())
        .with(RequestIdHeader::named("x-correlation-id"));
    let mut context = filled();
    let lines = [
        ("baggage", "a=w3c;p,b=w3c,c=w3c"),
        ("uberctx-b", "jaeger"),
        ("uberctx-d", "jaeger"),
        ("x-correlation-id", "second"),
        JAEGER_TWO,
    ];
    formats.extract(&headers(&lines), &mut context).unwrap();
    assert_eq!(context.span, Some(two()));
    assert_eq!(context.request_id.as_ref().unwrap().to_string(), "second");
    let entries: Vec<_> = context.baggage.iter().map(|entry| (entry.key(), entry.value())).collect();
    assert_eq!(entries, [("b", "jaeger"), ("d", "jaeger"), ("a", "w3c"), ("c", "w3c")]);
    let properties: Vec<_> = context.baggage.entry("a").unwrap().properties().collect();
    assert_eq!(properties, [("p", None)]);

    let lines =
        [("x-request-id", "first"), ("x-correlation-id", "second"), ("traceparent", PARENT), JAEGER_TWO];
    formats.extract(&headers(&lines), &mut context).unwrap();
    assert_eq!(context.request_id.as_ref().unwrap().to_string(), "first");
    assert_eq!(context.span.as_ref().unwrap().trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(context.baggage.len(), 4, "what is not found stays");
}

#[test]
fn baggage_of_two_formats_keeps_to_the_limits() {
    let formats = Composite::none().with(W3cBaggage).with(Jaeger);
    let w3c: Vec<String> = (0..40).map(|number| format!("a{number}=1")).collect();
    let mut lines = vec![("baggage".to_owned(), w3c.join(",").into_bytes())];
    lines.extend((0..40).map(|number| (format!("uberctx-b{number}"), b"1".to_vec())));
    let mut context = Context::default();
    formats.extract(&lines, &mut context).unwrap();
    assert_eq!(context.baggage.len(), Baggage::MAX_ENTRIES);
    assert_eq!((context.baggage.get("b23"), context.baggage.get("b24")), (Some("1"), None));

    let long = "v".repeat(8_000);
    let fits = "v".repeat(8_192 - 8_000 - 2 - 1 - 2);
    for (value, len) in [(fits.clone(), 2), (format!("{fits}v"), 1)] {
        let lines = [("baggage", &*format!("a={long}")), ("uberctx-b", &value)];
        let mut context = Context::default();
        formats.extract(&headers(&lines), &mut context).unwrap();
        assert_eq!(context.baggage.len(), len);
        let sent = throughline::propagation::baggage::encode(&context.baggage);
        assert_eq!((sent.left_out, sent.text.len()), (0, if len == 2 { 8_192 } else { 8_002 }));
    }
}

#[test]
fn all_inject_in_order() {
    let formats = Composite::default().with(B3::single()).extracting(Jaeger).injecting(B3::multi());
    let names: Vec<String> = injected(&formats, one()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]);
    assert_eq!(extracted(&formats, &[JAEGER_TWO]), (Some(two()), None));
    assert_eq!(extracted(&Composite::none().injecting(Jaeger), &[JAEGER_TWO]), (None, None));
    assert_eq!(injected(&Composite::none().extracting(Jaeger), one()), []);
}

#[test]
fn composites_nest_and_are_shared() {
    let inner = Composite::none().with(Jaeger).with(B3::single());
    let boxed: Box<dyn Propagator> = Box::new(inner.clone());
    let shared: Arc<dyn Propagator> = Arc::new(inner);
    for formats in [Composite::none().with(boxed), Composite::none().with(shared)] {
        assert_eq!(extracted(&formats, &[B3_ONE, JAEGER_TWO]), (Some(two()), None));
        assert_eq!(injected(&formats, one()).len(), 2);
    }
}

/// What a list of names sends, which tells the formats apart.
fn names_sent(formats: &Composite) -> Vec<String> {
    let mut context = Context::default();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    context.span = Some(SpanContext::new(trace, "1".repeat(16).parse().unwrap(), TraceFlags::SAMPLED));
    context.baggage = Baggage::EMPTY.with("k", "v").unwrap();
    let mut carrier = Headers::new();
    formats.inject(&context, &mut carrier);
    carrier.into_iter().map(|(name, _)| name).collect()
}

fn alone(format: impl Propagator + 'static) -> Vec<String> {
    names_sent(&Composite::none().with(format))
}

#[test]
fn formats_by_name() {
    for (names, sent) in [
        ("tracecontext", alone(TraceContext::default())),
        ("baggage", alone(W3cBaggage)),
        ("b3", alone(B3::single())),
        ("b3multi", alone(B3::multi())),
        ("jaeger", alone(Jaeger)),
        ("xray", alone(XRay)),
        ("ottrace", alone(OtTrace)),
        ("datadog", alone(Datadog)),
        ("gcp", alone(GoogleCloud)),
        ("none", vec![]),
        ("none,none", vec![]),
        ("", vec!["traceparent".to_owned(), "baggage".to_owned()]),
        ("baggage,tracecontext", vec!["baggage".to_owned(), "traceparent".to_owned()]),
        (" B3 , TraceContext\t", vec!["b3".to_owned(), "traceparent".to_owned()]),
    ] {
        let formats = Composite::from_names(names).unwrap_or_else(|error| panic!("{names}: {error}"));
        assert_eq!(names_sent(&formats), sent, "{names}");
    }
    // Each is there once.
    let formats = Composite::from_names("b3,jaeger,B3, b3").unwrap();
    assert_eq!(format!("{formats:?}"), "Composite { extracting: 2, injecting: 2 }");
    // The order counts.
    let formats = Composite::from_names("jaeger,b3").unwrap();
    assert_eq!(extracted(&formats, &[B3_ONE, JAEGER_TWO]), (Some(two()), None));
}

#[test]
fn a_bad_name_is_an_error_that_says_what_is_accepted() {
    for names in [
        "canary",
        "tracecontext,canary",
        "tracecontext;baggage",
        "none,b3",
        "b3,none",
        ",",
        " ",
        "b3,",
        "w3c",
        "b3 b3",
    ] {
        let error = Composite::from_names(names).unwrap_err();
        assert_eq!(error.variable(), "OTEL_PROPAGATORS", "{names}");
        let words = error.to_string();
        assert_eq!(
            words,
            "the environment variable OTEL_PROPAGATORS has to be a list, separated by commas, of tracecontext, \
             baggage, b3, b3multi, jaeger, xray, ottrace, datadog and gcp, or none",
        );
        assert!(words.ends_with(error.accepts()) && !format!("{error:?}").contains("canary"));
    }
}

/// The environment is the process's: a child has one of its own.
#[test]
fn the_environment_names_the_formats() {
    if std::env::var_os("THROUGHLINE_TEST_CHILD").is_some() {
        let said = Composite::from_env()
            .map_or_else(|error| error.to_string(), |formats| names_sent(&formats).join(" "));
        println!("<{said}>");
        return;
    }
    for (value, said) in [
        (None, "<traceparent baggage>"),
        (Some(""), "<traceparent baggage>"),
        (Some("b3,baggage"), "<b3 baggage>"),
        (Some("b4"), "<the environment variable OTEL_PROPAGATORS has to be"),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["composite::the_environment_names_the_formats", "--exact", "--nocapture"]);
        child.env("THROUGHLINE_TEST_CHILD", "1").env_remove("OTEL_PROPAGATORS");
        if let Some(value) = value {
            child.env("OTEL_PROPAGATORS", value);
        }
        let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
        assert!(output.contains(said), "{value:?}: {output}");
    }
}
