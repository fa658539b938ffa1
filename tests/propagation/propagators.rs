//! The formats behind the `Propagator` seam, with carriers of several kinds.

use crate::{Headers, PARENT, filled, headers};
use std::{
    collections::BTreeMap,
    ops::ControlFlow::{self, Continue},
};
use throughline::{
    Context, RequestId, SpanContext, TraceFlags,
    context::{Baggage, TraceState},
    propagation::{ExtractError, Getter, Propagator, Reason, RequestIdHeader, TraceContext, W3cBaggage},
};

fn all() -> [Box<dyn Propagator>; 3] {
    [Box::new(TraceContext::default()), Box::new(W3cBaggage), Box::new(RequestIdHeader::default())]
}

#[test]
fn all_that_is_injected_is_extracted() {
    let mut sent = Context::default();
    let state: TraceState = "a=1,b=2".parse().unwrap();
    let ids = ("1".repeat(32).parse().unwrap(), "2".repeat(16).parse().unwrap());
    let span = SpanContext::new(ids.0, ids.1, TraceFlags::from_bits(3)).with_trace_state(state);
    sent.span = Some(span.with_remote(true));
    sent.request_id = Some("order-7".parse().unwrap());
    sent.baggage = Baggage::EMPTY.with("tenant", "é,1").unwrap();

    let mut carrier = Headers::new();
    let mut received = Context::default();
    for format in all() {
        format.inject(&sent, &mut carrier);
        assert_eq!(format.extract(&carrier, &mut received), Ok(()));
    }
    assert_eq!(received, sent);
    assert_eq!(
        carrier,
        headers(&[
            ("traceparent", "00-11111111111111111111111111111111-2222222222222222-03"),
            ("tracestate", "a=1,b=2"),
            ("baggage", "tenant=%C3%A9%2C1"),
            ("x-request-id", "order-7"),
        ])
    );
}

#[test]
fn missing_headers_change_nothing() {
    for carrier in [headers(&[]), headers(&[("other", "1"), ("tracestate", "a=1"), ("baggage", "")])] {
        let mut context = filled();
        for format in all() {
            assert_eq!(format.extract(&carrier, &mut context), Ok(()));
        }
        assert_eq!(context, filled());
    }
}

#[test]
fn malformed_headers_change_nothing_and_are_named() {
    use Reason::{Malformed, Repeated, TooLong, TooMany};
    let long = "x".repeat(8_193);
    let many = "k=v,".repeat(65);
    for (lines, header, reason) in [
        (&[("traceparent", "00-canary")][..], "traceparent", Malformed),
        (&[("traceparent", PARENT), ("traceparent", PARENT)], "traceparent", Repeated),
        (&[("traceparent", &*long)], "traceparent", Malformed),
        (&[("traceparent", "00-canary"), ("tracestate", "FOO=canary")], "traceparent", Malformed),
        (&[("baggage", "canary")], "baggage", Malformed),
        (&[("baggage", &*long)], "baggage", TooLong),
        (&[("baggage", &*many)], "baggage", TooMany),
        (&[("x-request-id", "a canary")], "x-request-id", Malformed),
        (&[("x-request-id", "a"), ("X-Request-Id", "a")], "x-request-id", Repeated),
    ] {
        let mut context = filled();
        let errors: Vec<_> =
            all().iter().filter_map(|format| format.extract(&headers(lines), &mut context).err()).collect();
        assert_eq!(errors, [ExtractError::new(header, reason)], "{lines:?}");
        assert_eq!(context, filled(), "{lines:?}");
        let words = format!("{} {:?}", errors[0], errors[0]);
        assert!(!words.contains("canary"), "{words}");
    }
}

#[test]
fn a_refused_tracestate_is_named_and_the_parent_taken() {
    for (state, reason) in [
        ("FOO=1", Reason::Malformed),
        (&*"a".repeat(8_193), Reason::TooLong),
        (&*"a=1,".repeat(33), Reason::TooMany),
    ] {
        let mut context = filled();
        let carrier = headers(&[("traceparent", PARENT), ("tracestate", state)]);
        let refused = TraceContext::default().extract(&carrier, &mut context).unwrap_err();
        assert_eq!((refused.header(), refused.reason()), ("tracestate", reason));
        let span = context.span.unwrap();
        assert_eq!(span.span_id().to_string(), "00f067aa0ba902b7");
        assert!(span.trace_state().is_empty());
    }
}

#[test]
fn nothing_stale_is_left_in_a_carrier_that_is_used_again() {
    let stale = [
        ("Traceparent", "00-0"),
        ("tracestate", "other=1"),
        ("TraceState", "other=2"),
        ("traceparent", "00-1"),
        ("keep", "1"),
    ];
    let mut carrier = headers(&stale);
    TraceContext::default().inject(&filled(), &mut carrier);
    let parent = "00-11111111111111111111111111111111-2222222222222222-00";
    assert_eq!(carrier, headers(&[("keep", "1"), ("traceparent", parent)]));

    // Of an empty context nothing is known, so what somebody else has set stays.
    let mut carrier = headers(&stale);
    for format in all() {
        format.inject(&Context::default(), &mut carrier);
    }
    assert_eq!(carrier, headers(&stale));
}

#[test]
fn tracestate_is_sent_within_the_limit_asked_for() {
    let state = format!("a={},b={}", "v".repeat(250), "v".repeat(256)) + ",c=1";
    assert!(state.len() > 512);
    let mut context = filled();
    context.span = context.span.map(|span| span.with_trace_state(state.parse().unwrap()));
    let sent = |format: TraceContext| {
        let mut carrier = Headers::new();
        format.inject(&context, &mut carrier);
        String::from_utf8(carrier.pop().unwrap().1).unwrap()
    };
    assert_eq!(sent(TraceContext::default()), format!("a={},c=1", "v".repeat(250)));
    assert_eq!(sent(TraceContext::default().with_trace_state_limit(1_024)), state);
    assert_eq!(sent(TraceContext::default().with_trace_state_limit(1)).len(), 256);
}

#[test]
fn a_request_id_has_the_name_asked_for() {
    let format = RequestIdHeader::named("X-Correlation-ID").or("X-Request-ID").or("x-trace");
    let id = |lines: &[(&str, &str)]| -> (Option<RequestId>, Option<Reason>) {
        let mut context = Context::default();
        let result = format.extract(&headers(lines), &mut context);
        (context.request_id, result.err().map(|error| error.reason()))
    };
    let text = |text: &str| (Some(text.parse().unwrap()), None);
    assert_eq!(id(&[("x-correlation-id", "a")]), text("a"));
    assert_eq!(id(&[("X-REQUEST-ID", "b")]), text("b"));
    assert_eq!(id(&[("x-trace", "c"), ("x-request-id", "b")]), text("b"));
    assert_eq!(id(&[("x-request-id", "b"), ("x-correlation-id", "a")]), text("a"));
    assert_eq!(id(&[("x-request-id", "b"), ("x-correlation-id", "a a")]), (None, Some(Reason::Malformed)));
    assert_eq!(id(&[("x-request-id", "b"), ("x-correlation-id", "")]), (None, Some(Reason::Malformed)));
    assert_eq!(id(&[]), (None, None));

    let mut carrier = Headers::new();
    format.inject(&filled(), &mut carrier);
    assert_eq!(carrier, headers(&[("x-correlation-id", "before")]));
}

/// A carrier that goes on whether told to stop or not.
#[derive(Default)]
struct Deaf(BTreeMap<String, Vec<Vec<u8>>>);

impl Getter for Deaf {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        for line in self.0.get(name).into_iter().flatten() {
            let _ = each(line);
        }
        Continue(())
    }
}

#[test]
fn a_carrier_that_does_not_stop_does_no_harm() {
    let long = "x".repeat(8_193);
    for (name, lines, reason) in [
        ("traceparent", [PARENT, PARENT, PARENT], Reason::Repeated),
        ("x-request-id", ["a", "a", "a"], Reason::Repeated),
        // What comes after a bad line is good, or short.
        ("baggage", ["a=1", "bad", "b=2"], Reason::Malformed),
        ("baggage", ["a=1", &long, "b=2"], Reason::TooLong),
    ] {
        let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let carrier = Deaf(BTreeMap::from([(name.to_owned(), lines)]));
        let mut context = filled();
        let errors: Vec<_> =
            all().iter().filter_map(|format| format.extract(&carrier, &mut context).err()).collect();
        assert_eq!(errors, [ExtractError::new(name, reason)]);
        assert_eq!(context, filled());
    }
}

/// The functions read the `http` crate's lines as they are.
#[cfg(feature = "server")]
#[test]
fn header_maps_are_read_without_copying() {
    use http::{HeaderMap, HeaderValue};
    use throughline::propagation::{baggage, request_id, service_name, trace_context};

    let mut map = HeaderMap::new();
    for (name, value) in [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
        ("baggage", "k=v"),
        ("x-request-id", "order-7"),
        ("x-service-name", "gateway"),
    ] {
        map.append(name, HeaderValue::from_static(value));
    }
    let caller = trace_context::extract(&map.get_all("traceparent"), &map.get_all("tracestate")).unwrap();
    assert_eq!(caller.span.trace_state().to_string(), "a=1,b=2");
    assert_eq!(baggage::parse(&map.get_all("baggage")).unwrap().get("k"), Some("v"));
    assert_eq!(request_id::parse(&map.get_all("x-request-id")).unwrap().to_string(), "order-7");
    assert_eq!(service_name::parse(&map.get_all("x-service-name")), Ok("gateway"));
}
