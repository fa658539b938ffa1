//! `x-datadog-*` [Datadog tracing libraries, trace context propagation].

use crate::{caller, extracted, injected, injected_over, pairs, refused};
use throughline::{
    TraceFlags,
    propagation::{Datadog, ExtractError, Reason},
};

const LOWER: &str = "0000000000000000a3ce929d0e0e4736";
const WHOLE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const TRACE_ID: (&str, &str) = ("x-datadog-trace-id", "11803532876627986230");
const PARENT_ID: (&str, &str) = ("x-datadog-parent-id", "67667974448284343");
const KEEP: (&str, &str) = ("x-datadog-sampling-priority", "1");
const TAGS: (&str, &str) = ("x-datadog-tags", "_dd.p.tid=4bf92f3577b34da6");

#[test]
fn accepted_and_emitted() {
    let none = TraceFlags::default();
    let priority = |value| ("x-datadog-sampling-priority", value);
    for (rest, trace, flags, emitted) in [
        (&[][..], LOWER, TraceFlags::DEFERRED, &[][..]),
        (&[KEEP], LOWER, TraceFlags::SAMPLED, &[KEEP]),
        (&[priority("0")], LOWER, none, &[priority("0")]),
        // What a user has decided goes on as a decision.
        (&[priority("2")], LOWER, TraceFlags::SAMPLED, &[KEEP]),
        (&[priority("-1")], LOWER, none, &[priority("0")]),
        // The upper half of the trace id.
        (&[KEEP, TAGS], WHOLE, TraceFlags::SAMPLED, &[KEEP, TAGS]),
        (
            &[KEEP, ("x-datadog-tags", "_dd.p.dm=-4, _dd.p.tid=4bf92f3577b34da6 ,a=b=c,,d")],
            WHOLE,
            TraceFlags::SAMPLED,
            &[KEEP, TAGS],
        ),
        (&[("x-datadog-tags", "_dd.p.tid=0000000000000000")], LOWER, TraceFlags::DEFERRED, &[]),
        (&[("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tidy=1,_DD.P.TID=2")], LOWER, TraceFlags::DEFERRED, &[]),
        (&[("x-datadog-tags", "")], LOWER, TraceFlags::DEFERRED, &[]),
        // Not ours.
        (&[("x-datadog-origin", "rum")], LOWER, TraceFlags::DEFERRED, &[]),
    ] {
        let lines = [&[TRACE_ID, PARENT_ID], rest].concat();
        let span = caller(trace, SPAN, flags);
        assert_eq!(extracted(&Datadog, &lines), (Some(span.clone()), None), "{rest:?}");
        let sent = [&[TRACE_ID, PARENT_ID], emitted].concat();
        assert_eq!(injected(&Datadog, span), pairs(&sent), "{rest:?}");
    }
    let (most, zeros) = ("18446744073709551615", " 00000000000000000001\t");
    let lines = [("X-Datadog-Trace-Id", most), ("X-Datadog-Parent-Id", zeros)];
    let span = caller("0000000000000000ffffffffffffffff", "0000000000000001", TraceFlags::DEFERRED);
    assert_eq!(extracted(&Datadog, &lines), (Some(span.clone()), None));
    let sent = injected(&Datadog, span.with_flags(TraceFlags::DEBUG));
    assert_eq!(sent, pairs(&[("x-datadog-trace-id", most), ("x-datadog-parent-id", "1"), KEEP]));
}

#[test]
fn a_trace_without_a_span_is_no_parent_and_no_error() {
    for lines in [
        &[TRACE_ID, KEEP, TAGS][..],
        &[TRACE_ID, ("x-datadog-parent-id", "0"), KEEP],
        &[PARENT_ID, KEEP, TAGS],
    ] {
        assert_eq!(extracted(&Datadog, lines), (None, None), "{lines:?}");
    }
}

#[test]
fn refused_values() {
    let long = "1".repeat(8_193);
    for bad in
        ["", "-", "-1", "+1", "a", "0x1", "1 1", "1.0", "18446744073709551616", "000000000000000000001"]
    {
        refused(&Datadog, &[("x-datadog-trace-id", bad), PARENT_ID], "x-datadog-trace-id", Reason::Malformed);
        refused(
            &Datadog,
            &[TRACE_ID, ("x-datadog-parent-id", bad)],
            "x-datadog-parent-id",
            Reason::Malformed,
        );
    }
    refused(
        &Datadog,
        &[("x-datadog-trace-id", "0"), PARENT_ID, TAGS],
        "x-datadog-trace-id",
        Reason::Malformed,
    );
    for bad in ["", "3", "-2", "+1", "01", "true", "1.0"] {
        let lines = [TRACE_ID, PARENT_ID, ("x-datadog-sampling-priority", bad)];
        refused(&Datadog, &lines, "x-datadog-sampling-priority", Reason::Malformed);
    }
    for (place, header) in
        ["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"].iter().enumerate()
    {
        let mut lines = [TRACE_ID, PARENT_ID, KEEP];
        lines[place].1 = &long;
        refused(&Datadog, &lines, header, Reason::TooLong);
        let lines = [&[TRACE_ID, PARENT_ID, KEEP][..], &[[TRACE_ID, PARENT_ID, KEEP][place]]].concat();
        refused(&Datadog, &lines, header, Reason::Repeated);
    }
}

#[test]
fn a_refused_upper_half_leaves_the_lower() {
    let long = format!("_dd.p.tid=4bf92f3577b34da6,a={}", "v".repeat(500));
    for (tags, reason) in [
        ("_dd.p.tid=", Reason::Malformed),
        ("_dd.p.tid=4bf92f3577b34da", Reason::Malformed),
        ("_dd.p.tid=4bf92f3577b34da66", Reason::Malformed),
        ("_dd.p.tid=4BF92F3577B34DA6", Reason::Malformed),
        ("_dd.p.tid=+bf92f3577b34da6", Reason::Malformed),
        ("_dd.p.tid=4bf92f3577b34da6,_dd.p.tid=4bf92f3577b34da6", Reason::Malformed),
        (&long, Reason::TooLong),
    ] {
        let lines = [TRACE_ID, PARENT_ID, KEEP, ("x-datadog-tags", tags)];
        let error = ExtractError::new("x-datadog-tags", reason);
        let span = caller(LOWER, SPAN, TraceFlags::SAMPLED);
        assert_eq!(extracted(&Datadog, &lines), (Some(span), Some(error)), "{tags:.60}");
    }
    let twice = [TRACE_ID, PARENT_ID, TAGS, TAGS];
    let error = ExtractError::new("x-datadog-tags", Reason::Repeated);
    assert_eq!(extracted(&Datadog, &twice), (Some(caller(LOWER, SPAN, TraceFlags::DEFERRED)), Some(error)));
}

#[test]
fn nothing_stale_is_left() {
    let stale = [("X-Datadog-Tags", TAGS.1), ("X-Datadog-Sampling-Priority", "2"), ("keep", "1")];
    let sent = injected_over(&Datadog, &stale, caller(LOWER, SPAN, TraceFlags::DEFERRED));
    assert_eq!(sent, pairs(&[("keep", "1"), TRACE_ID, PARENT_ID]));
    // Half a trace id would be another trace.
    let upper_only = caller("4bf92f3577b34da60000000000000000", SPAN, TraceFlags::SAMPLED);
    assert_eq!(injected(&Datadog, upper_only), []);
}
