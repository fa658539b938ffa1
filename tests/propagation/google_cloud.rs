//! X-Cloud-Trace-Context [Google Cloud Trace, trace context].

use crate::{caller, extracted, injected, pairs, refused};
use throughline::{
    TraceFlags,
    propagation::{FieldError, GoogleCloud, Reason, google_cloud},
};

const HEADER: &str = "x-cloud-trace-context";
const TRACE: &str = "105445aa7843bc8bf206b12000100000";

#[test]
fn accepted_and_emitted() {
    let none = TraceFlags::default();
    for (value, span, flags, emitted) in [
        (format!("{TRACE}/10;o=1"), "000000000000000a", TraceFlags::SAMPLED, "10;o=1"),
        (format!("{TRACE}/10;o=0"), "000000000000000a", none, "10;o=0"),
        (format!("{TRACE}/10"), "000000000000000a", TraceFlags::DEFERRED, "10"),
        (format!("{TRACE}/10;o="), "000000000000000a", TraceFlags::DEFERRED, "10"),
        (
            format!("{TRACE}/18446744073709551615;o=1"),
            "ffffffffffffffff",
            TraceFlags::SAMPLED,
            "18446744073709551615;o=1",
        ),
        (format!("{TRACE}/00000000000000000001;o=1"), "0000000000000001", TraceFlags::SAMPLED, "1;o=1"),
        (format!(" {}/1;o=1\t", TRACE.to_uppercase()), "0000000000000001", TraceFlags::SAMPLED, "1;o=1"),
    ] {
        let span = caller(TRACE, span, flags);
        assert_eq!(google_cloud::parse(value.as_bytes()), Ok(Some(span.clone())), "{value}");
        let read = extracted(&GoogleCloud, &[("X-Cloud-Trace-Context", &value)]);
        assert_eq!(read, (Some(span.clone()), None), "{value}");
        assert_eq!(
            injected(&GoogleCloud, span),
            pairs(&[(HEADER, &format!("{TRACE}/{emitted}"))]),
            "{value}"
        );
    }
}

#[test]
fn a_trace_without_a_span_is_no_parent_and_no_error() {
    for rest in ["", "/", ";o=1", ";o=", "/;o=0", "/;o="] {
        let value = format!("{TRACE}{rest}");
        assert_eq!(google_cloud::parse(value.as_bytes()), Ok(None), "{value}");
        assert_eq!(extracted(&GoogleCloud, &[(HEADER, &value)]), (None, None), "{value}");
    }
}

#[test]
fn refused_values() {
    use FieldError::{Layout, Sampling, SpanId, TooLong, TraceId};
    for (value, error) in [
        (String::new(), TraceId),
        ("/1;o=1".to_owned(), TraceId),
        (format!("{}/1;o=1", "0".repeat(32)), TraceId),
        (format!("{}/1;o=1", &TRACE[1..]), TraceId),
        (format!("{TRACE}0/1;o=1"), TraceId),
        (format!("+{}/1;o=1", &TRACE[1..]), TraceId),
        (format!("{TRACE} /1;o=1"), TraceId),
        (format!("{TRACE}/0;o=1"), SpanId),
        (format!("{TRACE}/+1;o=1"), SpanId),
        (format!("{TRACE}/-1;o=1"), SpanId),
        (format!("{TRACE}/a;o=1"), SpanId),
        (format!("{TRACE}/1/2;o=1"), SpanId),
        (format!("{TRACE}/ 1;o=1"), SpanId),
        (format!("{TRACE}/18446744073709551616;o=1"), SpanId),
        (format!("{TRACE}/000000000000000000001;o=1"), SpanId),
        (format!("{TRACE}/1;o=2"), Sampling),
        (format!("{TRACE}/1;o=3"), Sampling),
        (format!("{TRACE}/1;o=01"), Sampling),
        (format!("{TRACE}/1;o=1;o=1"), Sampling),
        (format!("{TRACE}/1;o=true"), Sampling),
        (format!("{TRACE}/1;"), Layout),
        (format!("{TRACE}/1;1"), Layout),
        (format!("{TRACE}/1;O=1"), Layout),
        (format!("{TRACE}/1; o=1"), Layout),
        (format!("{TRACE};o=9"), Sampling),
        ("1".repeat(8_193), TooLong),
    ] {
        assert_eq!(google_cloud::parse(value.as_bytes()), Err(error), "{value:.80}");
        let reason = if error == TooLong { Reason::TooLong } else { Reason::Malformed };
        refused(&GoogleCloud, &[(HEADER, &value)], HEADER, reason);
    }
    let value = &*format!("{TRACE}/1;o=1");
    refused(&GoogleCloud, &[(HEADER, value), (HEADER, value)], HEADER, Reason::Repeated);
}
