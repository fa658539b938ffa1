//! traceparent, alone and with tracestate [W3C Trace Context Level 2].

use crate::PARENT;
use proptest::prelude::*;
use throughline::{
    SpanContext, SpanId, TraceFlags, TraceId,
    context::TraceStateError,
    propagation::{
        LineError, trace_context,
        traceparent::{self, TraceparentError},
    },
};

const NO_LINES: [&[u8]; 0] = [];

#[test]
fn accepted_and_emitted_as_version_00() {
    let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    let long = format!("01-{ids}-01-{}", "x".repeat(8_000));
    for (value, flags) in [
        (format!("00-{ids}-00"), "00"),
        (format!("00-{ids}-01"), "01"),
        // The random flag is passed on.
        (format!("00-{ids}-02"), "02"),
        (format!("00-{ids}-03"), "03"),
        // Flags without a meaning are not.
        (format!("00-{ids}-04"), "00"),
        (format!("00-{ids}-ff"), "03"),
        (format!("00-{ids}-fe"), "02"),
        (format!("00-{ids}-09"), "01"),
        // White space around the value.
        (format!(" \t00-{ids}-01\t "), "01"),
        // Later versions: the end, or a dash and anything.
        (format!("01-{ids}-01"), "01"),
        (format!("fe-{ids}-03"), "03"),
        (format!("cc-{ids}-01-"), "01"),
        (format!("cc-{ids}-01-what-the-future-will-be-like"), "01"),
        (format!("cc-{ids}-00-\u{e9}"), "00"),
        (long, "01"),
    ] {
        let span = traceparent::parse(value.as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(span.trace_id().to_string(), ids[..32], "{value}");
        assert_eq!(span.span_id().to_string(), ids[33..], "{value}");
        assert!(span.is_remote(), "{value}");
        assert!(span.trace_state().is_empty(), "{value}");
        let emitted = traceparent::format(&span);
        assert_eq!(str::from_utf8(&emitted), Ok(&*format!("00-{ids}-{flags}")), "{value}");
    }
}

#[test]
fn refused() {
    use TraceparentError::{Flags, Length, ParentId, Separator, TraceId, Version};
    for (value, error) in [
        // Too short, empty, too long.
        ("", Length),
        (" ", Length),
        ("00", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-suffix", Length),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.", Length),
        // Two joined by an intermediary.
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01, \
             00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Length,
        ),
        // Version.
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", Version),
        ("FE-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
        ("0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
        ("+0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Version),
        (" 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010", Separator),
        // Suffix of a later version.
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-010", Separator),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what-the-future", Separator),
        // Dashes.
        ("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Separator),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", Separator),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01", Separator),
        ("00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01", Separator),
        ("004bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7010000", Separator),
        // Trace id.
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", TraceId),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", TraceId),
        ("00-4bf92f3577b34da6a3ce929d0e0e473G-00f067aa0ba902b7-01", TraceId),
        ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceId),
        ("00-4bf92f35-7b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceId),
        ("00- bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", TraceId),
        // Parent id.
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", ParentId),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01", ParentId),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01", ParentId),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b -01", ParentId),
        // Flags.
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A", Flags),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1", Flags),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7--1", Flags),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", Flags),
    ] {
        assert_eq!(traceparent::parse(value.as_bytes()), Err(error), "{value}");
    }
}

#[test]
fn only_spaces_and_tabs_are_trimmed() {
    for around in ["\n", "\r", "\u{b}", "\u{c}", "\0", "\u{a0}"] {
        assert!(traceparent::parse(format!("{around}{PARENT}").as_bytes()).is_err(), "{around:?} before");
        assert!(traceparent::parse(format!("{PARENT}{around}").as_bytes()).is_err(), "{around:?} after");
    }
}

#[test]
fn every_single_wrong_byte_is_refused() {
    for place in 0..PARENT.len() {
        for byte in 0..=u8::MAX {
            let mut value = PARENT.as_bytes().to_vec();
            value[place] = byte;
            let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            let may_be_there = match place {
                2 | 35 | 52 => byte == b'-',
                // At the edge a blank is trimmed away, which leaves too few.
                0 | 1 => is_digit && value[..2] != *b"ff",
                _ => is_digit,
            };
            assert_eq!(traceparent::parse(&value).is_ok(), may_be_there, "byte {byte:#x} at {place}");
        }
    }
}

#[test]
fn there_must_be_exactly_one_line() {
    assert_eq!(trace_context::extract(NO_LINES, ["a=1"]), Err(LineError::Missing));
    // The same line twice is no better.
    assert_eq!(trace_context::extract([PARENT, PARENT], ["a=1"]), Err(LineError::Repeated));
    assert_eq!(trace_context::extract([PARENT, ""], ["a=1"]), Err(LineError::Repeated));
    assert!(trace_context::extract([PARENT], NO_LINES).is_ok());
}

#[test]
fn a_bad_tracestate_is_dropped_and_the_parent_kept() {
    let caller = trace_context::extract([PARENT], ["a=1", "FOO=1"]).unwrap();
    assert_eq!(traceparent::format(&caller.span), PARENT.as_bytes());
    assert!(caller.span.trace_state().is_empty());
    assert_eq!(caller.dropped_trace_state, Some(TraceStateError::Key));

    let caller = trace_context::extract([PARENT], ["a=1", "", "b=2"]).unwrap();
    assert_eq!(caller.span.trace_state().to_string(), "a=1,b=2");
    assert_eq!(caller.dropped_trace_state, None);
}

#[test]
fn a_bad_traceparent_leaves_tracestate_unread() {
    /// Lines that must not be asked for.
    #[derive(Clone)]
    struct Untouchable;

    impl IntoIterator for Untouchable {
        type Item = &'static str;
        type IntoIter = std::array::IntoIter<&'static str, 0>;

        fn into_iter(self) -> Self::IntoIter {
            panic!("tracestate was read");
        }
    }

    let bad = trace_context::extract(["00-0-0-0"], Untouchable);
    assert_eq!(bad, Err(LineError::Malformed(TraceparentError::Length)));
    assert_eq!(trace_context::extract([PARENT, PARENT], Untouchable), Err(LineError::Repeated));
    assert_eq!(trace_context::extract(NO_LINES, Untouchable), Err(LineError::Missing));
}

proptest! {
    #[test]
    fn what_is_emitted_is_accepted(trace in 1..=u128::MAX, span in 1..=u64::MAX, flags in 0..4_u8) {
        let sent = SpanContext::new(
            TraceId::from_u128(trace).unwrap(),
            SpanId::from_u64(span).unwrap(),
            TraceFlags::from_bits(flags),
        );
        let value = traceparent::format(&sent);
        let expected = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
        prop_assert_eq!(value.as_slice(), expected.as_bytes());
        prop_assert_eq!(traceparent::parse(&value), Ok(sent.with_remote(true)));
    }

    #[test]
    fn what_is_accepted_keeps_the_grammar(value in "[0-9a-f]{2}-?[0-9a-fA-F]{31,33}-[0-9a-f]{16}-[0-9a-f]{2}(-?x?)?") {
        let parts: Vec<&str> = value.splitn(5, '-').collect();
        let has_suffix = parts.len() == 5;
        let is_valid = parts.len() >= 4
            && parts[0] != "ff"
            && parts[0].len() == 2
            && parts[1].len() == 32
            && parts[1] == parts[1].to_lowercase()
            && parts[1].bytes().any(|byte| byte != b'0')
            && parts[2].len() == 16
            && parts[2].bytes().any(|byte| byte != b'0')
            && parts[3].len() == 2
            && !(parts[0] == "00" && has_suffix);
        prop_assert_eq!(traceparent::parse(value.as_bytes()).is_ok(), is_valid, "{}", value);
    }
}
