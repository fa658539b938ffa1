//! `ot-tracer-*` and `ot-baggage-*` [opentracing/basictracer-go, basictracer-python].

use crate::{Headers, caller, extracted, filled, headers, injected, injected_over, pairs, refused};
use throughline::{
    Context, TraceFlags,
    context::Baggage,
    propagation::{ExtractError, OtTrace, Propagator, Reason},
};

const LOWER: &str = "0000000000000000a3ce929d0e0e4736";
const WHOLE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const TRACE_ID: (&str, &str) = ("ot-tracer-traceid", "a3ce929d0e0e4736");
const SPAN_ID: (&str, &str) = ("ot-tracer-spanid", SPAN);

#[test]
fn accepted_and_emitted() {
    let none = TraceFlags::default();
    let sampled = |value| ("ot-tracer-sampled", value);
    for (state, flags, emitted) in [
        (&[sampled("true")][..], TraceFlags::SAMPLED, &[sampled("true")][..]),
        (&[sampled("false")], none, &[sampled("false")]),
        (&[], TraceFlags::DEFERRED, &[]),
        // As Python writes it, and Go.
        (&[sampled("True")], TraceFlags::SAMPLED, &[sampled("true")]),
        (&[sampled("FALSE")], none, &[sampled("false")]),
        (&[sampled(" 1 ")], TraceFlags::SAMPLED, &[sampled("true")]),
        (&[sampled("0")], none, &[sampled("false")]),
    ] {
        let span = caller(LOWER, SPAN, flags);
        let lines = [&[TRACE_ID, SPAN_ID], state].concat();
        assert_eq!(extracted(&OtTrace, &lines), (Some(span.clone()), None), "{state:?}");
        assert_eq!(injected(&OtTrace, span), pairs(&[&[TRACE_ID, SPAN_ID], emitted].concat()), "{state:?}");
    }
    for (trace, span, ids) in [
        // Unpadded, as Go writes numbers; in either case; of 128 bits.
        ("1", "f", ("00000000000000000000000000000001", "000000000000000f")),
        ("A3CE929D0E0E4736", SPAN, (LOWER, SPAN)),
        (WHOLE, SPAN, (WHOLE, SPAN)),
        (" 1\t", " f ", ("00000000000000000000000000000001", "000000000000000f")),
    ] {
        let lines = [("Ot-Tracer-Traceid", trace), ("Ot-Tracer-Spanid", span)];
        let expected = caller(ids.0, ids.1, TraceFlags::DEFERRED);
        assert_eq!(extracted(&OtTrace, &lines), (Some(expected), None), "{trace}");
    }
    // Basic tracers read 64 bits and no more.
    let sent = injected(&OtTrace, caller(WHOLE, SPAN, TraceFlags::DEBUG));
    assert_eq!(sent, pairs(&[TRACE_ID, SPAN_ID, ("ot-tracer-sampled", "true")]));
}

#[test]
fn refused_values() {
    let zeros = "0".repeat(33);
    let long = "1".repeat(8_193);
    for (bad, reason) in [
        ("", Reason::Malformed),
        ("0", Reason::Malformed),
        (&zeros[..16], Reason::Malformed),
        ("g", Reason::Malformed),
        ("+1", Reason::Malformed),
        ("-1", Reason::Malformed),
        ("0x1", Reason::Malformed),
        ("1 1", Reason::Malformed),
        (&*format!("{zeros}1"), Reason::Malformed),
        (&long, Reason::TooLong),
    ] {
        refused(&OtTrace, &[("ot-tracer-traceid", bad), SPAN_ID], "ot-tracer-traceid", reason);
        refused(&OtTrace, &[TRACE_ID, ("ot-tracer-spanid", bad)], "ot-tracer-spanid", reason);
    }
    refused(
        &OtTrace,
        &[TRACE_ID, ("ot-tracer-spanid", &format!("0{SPAN}"))],
        "ot-tracer-spanid",
        Reason::Malformed,
    );
    for bad in ["", "2", "yes", "t", "truer", "d"] {
        refused(
            &OtTrace,
            &[TRACE_ID, SPAN_ID, ("ot-tracer-sampled", bad)],
            "ot-tracer-sampled",
            Reason::Malformed,
        );
    }
    // One id is none.
    refused(&OtTrace, &[SPAN_ID], "ot-tracer-traceid", Reason::Malformed);
    refused(&OtTrace, &[TRACE_ID], "ot-tracer-spanid", Reason::Malformed);
    for line in [TRACE_ID, SPAN_ID, ("ot-tracer-sampled", "true")] {
        let lines = [TRACE_ID, SPAN_ID, ("ot-tracer-sampled", "true"), line];
        refused(&OtTrace, &lines, line.0, Reason::Repeated);
    }
    assert_eq!(extracted(&OtTrace, &[("ot-tracer-sampled", "true")]), (None, None), "a decision of nothing");
}

#[test]
fn nothing_stale_is_left() {
    let stale = [("Ot-Tracer-Sampled", "true"), ("keep", "1")];
    let sent = injected_over(&OtTrace, &stale, caller(LOWER, SPAN, TraceFlags::DEFERRED));
    assert_eq!(sent, pairs(&[("keep", "1"), TRACE_ID, SPAN_ID]));
    // Nothing of an id is not an id.
    let upper_only = caller("4bf92f3577b34da60000000000000000", SPAN, TraceFlags::SAMPLED);
    assert_eq!(injected(&OtTrace, upper_only), []);
}

#[test]
fn baggage_is_read_as_it_is() {
    for (line, value) in [
        ("gold", Some("gold")),
        ("", Some("")),
        (" gold ", Some("gold")),
        ("a+b%20c%", Some("a+b%20c%")),
        ("caf\u{e9}, \"7\"; x=y\\", Some("caf\u{e9}, \"7\"; x=y\\")),
        ("a\tb", Some("a\tb")),
        ("a\nb", None),
        ("a\0", None),
    ] {
        let mut context = filled();
        let read =
            OtTrace.extract(&headers(&[("Ot-Baggage-k", line), ("ot-baggage-other", "1")]), &mut context);
        match value {
            Some(value) => {
                assert_eq!(read, Ok(()), "{line:?}");
                assert_eq!((context.baggage.get("k"), context.baggage.len()), (Some(value), 2), "{line:?}");
            }
            None => {
                assert_eq!(read, Err(ExtractError::new("ot-baggage-*", Reason::Malformed)), "{line:?}");
                assert_eq!(context, filled(), "{line:?}");
            }
        }
    }
    let many: Vec<String> = (0..65).map(|number| format!("ot-baggage-k{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "1")).collect();
    refused(&OtTrace, &many, "ot-baggage-*", Reason::TooMany);
    let long = "v".repeat(8_191);
    refused(&OtTrace, &[("ot-baggage-k", &long)], "ot-baggage-*", Reason::TooLong);
}

#[test]
fn only_what_arrives_as_it_is_sent() {
    let mut context = Context::default();
    context.baggage = Baggage::EMPTY
        .with("tenant", "caf\u{e9}, 7+1%")
        .and_then(|baggage| baggage.with("split", "a\r\nset-cookie: b"))
        .and_then(|baggage| baggage.with("null", "\0"))
        .and_then(|baggage| baggage.with("front", " a"))
        .and_then(|baggage| baggage.with("back", "a\t"))
        .and_then(|baggage| baggage.with("empty", ""))
        .and_then(|baggage| baggage.with("Tier", "gold"))
        .unwrap();
    let mut carrier = Headers::new();
    OtTrace.inject(&context, &mut carrier);
    assert_eq!(
        carrier,
        headers(&[
            ("ot-baggage-tenant", "caf\u{e9}, 7+1%"),
            ("ot-baggage-empty", ""),
            ("ot-baggage-tier", "gold")
        ])
    );
}
