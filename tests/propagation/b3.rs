//! B3 [openzipkin/b3-propagation: Single Header, Multiple Headers].

use crate::{caller, extracted, headers, injected, injected_over, pairs, refused};
use proptest::prelude::*;
use throughline::{
    SpanContext, TraceFlags,
    propagation::{
        B3, ExtractError, FieldError, Reason,
        b3::{self, Received},
    },
};

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
const SPAN: &str = "e457b5a2e4d86bd1";
const PARENT_SPAN: &str = "05e3ac9a4f6e3b90";
const ZEROS: &str = "00000000000000000000000000000000";
const NOT_SAMPLED: TraceFlags = TraceFlags::from_bits(0);

fn remote(flags: TraceFlags) -> SpanContext {
    caller(TRACE, SPAN, flags)
}

#[test]
fn single_accepted_and_emitted() {
    let short = &TRACE[16..];
    let padded = format!("{:0>32}", short);
    for (value, trace, flags, emitted) in [
        (format!("{TRACE}-{SPAN}-1"), TRACE, TraceFlags::SAMPLED, "-1"),
        (format!("{TRACE}-{SPAN}-0"), TRACE, NOT_SAMPLED, "-0"),
        // Debug is sampled as well.
        (format!("{TRACE}-{SPAN}-d"), TRACE, TraceFlags::DEBUG, "-d"),
        // The decision is left to this hop.
        (format!("{TRACE}-{SPAN}"), TRACE, TraceFlags::DEFERRED, ""),
        // The parent's id is never passed on. 68 bytes.
        (format!("{TRACE}-{SPAN}-1-{PARENT_SPAN}"), TRACE, TraceFlags::SAMPLED, "-1"),
        (format!("{TRACE}-{SPAN}-d-{PARENT_SPAN}"), TRACE, TraceFlags::DEBUG, "-d"),
        // 64 bits are padded on the left.
        (format!("{short}-{SPAN}-1"), &*padded, TraceFlags::SAMPLED, "-1"),
        (format!("{short}-{SPAN}"), &*padded, TraceFlags::DEFERRED, ""),
        (format!(" \t{TRACE}-{SPAN}-1\t"), TRACE, TraceFlags::SAMPLED, "-1"),
    ] {
        let span = caller(trace, SPAN, flags);
        assert_eq!(b3::parse(value.as_bytes()), Ok(Received::Span(span.clone())), "{value}");
        assert_eq!(extracted(&B3::single(), &[("b3", &value)]), (Some(span.clone()), None), "{value}");
        assert_eq!(extracted(&B3::multi(), &[("b3", &value)]), (Some(span.clone()), None), "{value}");
        let sent = injected(&B3::single(), span);
        assert_eq!(sent, pairs(&[("b3", &format!("{trace}-{SPAN}{emitted}"))]), "{value}");
    }
    assert!(TraceFlags::DEBUG.is_sampled() && !TraceFlags::DEFERRED.is_sampled());
}

#[test]
fn single_decision_alone() {
    for (value, flags) in [("0", NOT_SAMPLED), ("1", TraceFlags::SAMPLED), ("d", TraceFlags::DEBUG)] {
        assert_eq!(b3::parse(value.as_bytes()), Ok(Received::Decision(flags)), "{value}");
        let carrier = headers(&[("b3", value), ("x-b3-sampled", "bad")]);
        let said = b3::extract(&carrier);
        assert_eq!((said.received, said.refused), (Some(Received::Decision(flags)), None), "{value}");
        // A context has no place for it.
        assert_eq!(extracted(&B3::single(), &[("b3", value)]), (None, None), "{value}");
        // It wins over the several headers all the same.
        let lines = [("b3", value), ("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
        assert_eq!(extracted(&B3::single(), &lines), (None, None), "{value}");
    }
}

#[test]
fn single_refused() {
    use FieldError::{Layout, ParentId, Sampling, SpanId, TooLong, TraceId};
    let upper = TRACE.to_uppercase();
    let upper_span = SPAN.to_uppercase();
    for (value, error) in [
        (String::new(), Layout),
        (" ".to_owned(), Layout),
        ("true".to_owned(), Layout),
        ("10".to_owned(), Layout),
        ("D".to_owned(), Sampling),
        ("2".to_owned(), Sampling),
        ("-".to_owned(), Sampling),
        (TRACE.to_owned(), Layout),
        // Zero ids.
        (format!("{ZEROS}-{SPAN}-1"), TraceId),
        (format!("{}-{SPAN}-1", &ZEROS[..16]), TraceId),
        (format!("{TRACE}-{}-1", &ZEROS[..16]), SpanId),
        (format!("{TRACE}-{SPAN}-1-{}", &ZEROS[..16]), ParentId),
        // Uppercase.
        (format!("{upper}-{SPAN}-1"), TraceId),
        (format!("{TRACE}-{upper_span}-1"), SpanId),
        (format!("{TRACE}-{SPAN}-D"), Sampling),
        // Trailing dashes.
        (format!("{TRACE}-"), SpanId),
        (format!("{TRACE}-{SPAN}-"), Sampling),
        (format!("{TRACE}-{SPAN}-1-"), ParentId),
        (format!("{TRACE}-{SPAN}-1-{PARENT_SPAN}-"), Layout),
        // A fifth field, and Finagle's debug flag in its place.
        (format!("{}-{SPAN}-1-{PARENT_SPAN}-1", &TRACE[16..]), ParentId),
        (format!("{TRACE}-{SPAN}-1-{PARENT_SPAN}-1"), Layout),
        (format!("{}-{SPAN}-1-1", &TRACE[16..]), ParentId),
        ("1-1".to_owned(), TraceId),
        // Not a state.
        (format!("{TRACE}-{SPAN}-true"), Sampling),
        (format!("{TRACE}-{SPAN}-2"), Sampling),
        (format!("{TRACE}-{SPAN}--{PARENT_SPAN}"), Sampling),
        (format!("{TRACE}-{SPAN}-{PARENT_SPAN}"), Sampling),
        // Wrong lengths and digits.
        (format!("{}-{SPAN}-1", &TRACE[1..]), TraceId),
        (format!("{}-{SPAN}-1", &TRACE[..24]), TraceId),
        (format!("{TRACE}-{}-1", &SPAN[1..]), SpanId),
        (format!("+{}-{SPAN}-1", &TRACE[1..]), TraceId),
        (format!("{TRACE}-+{}-1", &SPAN[1..]), SpanId),
        (format!("{TRACE}-{SPAN}-1-{}g", &PARENT_SPAN[1..]), ParentId),
        (format!("{TRACE} -{SPAN}-1"), TraceId),
        (format!("-{TRACE}-{SPAN}-1"), TraceId),
        ("x".repeat(69), Layout),
        ("x".repeat(8_193), TooLong),
    ] {
        assert_eq!(b3::parse(value.as_bytes()), Err(error), "{value:.80}");
        let reason = if error == TooLong { Reason::TooLong } else { Reason::Malformed };
        refused(&B3::single(), &[("b3", &value)], "b3", reason);
    }
}

#[test]
fn multi_accepted_and_emitted() {
    let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
    for (state, flags, emitted) in [
        (&[("x-b3-sampled", "1")][..], TraceFlags::SAMPLED, &[("x-b3-sampled", "1")][..]),
        (&[("x-b3-sampled", "0")], NOT_SAMPLED, &[("x-b3-sampled", "0")]),
        (&[("x-b3-sampled", "true")], TraceFlags::SAMPLED, &[("x-b3-sampled", "1")]),
        (&[("x-b3-sampled", "false")], NOT_SAMPLED, &[("x-b3-sampled", "0")]),
        (&[], TraceFlags::DEFERRED, &[]),
        // Debug implies an accept decision, which is then not sent as well.
        (&[("x-b3-flags", "1")], TraceFlags::DEBUG, &[("x-b3-flags", "1")]),
        (&[("x-b3-flags", "1"), ("x-b3-sampled", "0")], TraceFlags::DEBUG, &[("x-b3-flags", "1")]),
        // Any other flag is ignored.
        (&[("x-b3-flags", "0"), ("x-b3-sampled", "1")], TraceFlags::SAMPLED, &[("x-b3-sampled", "1")]),
        (&[("x-b3-flags", "d"), ("x-b3-sampled", "0")], NOT_SAMPLED, &[("x-b3-sampled", "0")]),
        (&[("x-b3-flags", "")], TraceFlags::DEFERRED, &[]),
        // The parent's id is never passed on.
        (&[("x-b3-parentspanid", PARENT_SPAN)], TraceFlags::DEFERRED, &[]),
        // The first value wins.
        (
            &[
                ("x-b3-sampled", "1"),
                ("x-b3-sampled", "0"),
                ("X-B3-TraceId", "bad"),
                ("x-b3-flags", "0"),
                ("x-b3-flags", "1"),
            ],
            TraceFlags::SAMPLED,
            &[("x-b3-sampled", "1")],
        ),
    ] {
        let lines = [&ids[..], state].concat();
        assert_eq!(extracted(&B3::single(), &lines), (Some(remote(flags)), None), "{state:?}");
        assert_eq!(extracted(&B3::multi(), &lines), (Some(remote(flags)), None), "{state:?}");
        let sent = injected(&B3::multi(), remote(flags));
        assert_eq!(sent, pairs(&[&ids[..], emitted].concat()), "{state:?}");
    }
    let short = [("X-B3-TraceId", &TRACE[16..]), ("X-B3-SpanId", SPAN)];
    let padded = caller(&format!("{:0>32}", &TRACE[16..]), SPAN, TraceFlags::DEFERRED);
    assert_eq!(extracted(&B3::multi(), &short), (Some(padded), None));
}

#[test]
fn multi_decision_alone() {
    for (lines, flags) in [
        (&[("x-b3-sampled", "0")][..], NOT_SAMPLED),
        (&[("x-b3-sampled", "1")], TraceFlags::SAMPLED),
        (&[("x-b3-flags", "1")], TraceFlags::DEBUG),
        (&[("x-b3-sampled", "0"), ("x-b3-flags", "1")], TraceFlags::DEBUG),
    ] {
        assert_eq!(b3::extract(&headers(lines)).received, Some(Received::Decision(flags)), "{lines:?}");
        assert_eq!(extracted(&B3::multi(), lines), (None, None), "{lines:?}");
    }
    assert_eq!(b3::extract(&headers(&[("x-b3-flags", "0")])).received, None);
    assert_eq!(b3::extract(&headers(&[])).received, None);
}

#[test]
fn multi_refused() {
    let good = [
        ("x-b3-traceid", TRACE),
        ("x-b3-spanid", SPAN),
        ("x-b3-parentspanid", PARENT_SPAN),
        ("x-b3-sampled", "1"),
    ];
    let upper = TRACE.to_uppercase();
    let long = "1".repeat(8_193);
    for (header, value, reason) in [
        ("x-b3-traceid", "", Reason::Malformed),
        ("x-b3-traceid", "-", Reason::Malformed),
        ("x-b3-traceid", ZEROS, Reason::Malformed),
        ("x-b3-traceid", &upper, Reason::Malformed),
        ("x-b3-traceid", &TRACE[1..], Reason::Malformed),
        ("x-b3-traceid", &long, Reason::TooLong),
        ("x-b3-spanid", "", Reason::Malformed),
        ("x-b3-spanid", "-", Reason::Malformed),
        ("x-b3-spanid", &ZEROS[..16], Reason::Malformed),
        ("x-b3-spanid", TRACE, Reason::Malformed),
        ("x-b3-parentspanid", "", Reason::Malformed),
        ("x-b3-parentspanid", "-", Reason::Malformed),
        ("x-b3-parentspanid", "05E3ac9a4f6e3b90", Reason::Malformed),
        ("x-b3-parentspanid", &TRACE[..15], Reason::Malformed),
        ("x-b3-sampled", "", Reason::Malformed),
        ("x-b3-sampled", "d", Reason::Malformed),
        ("x-b3-sampled", "2", Reason::Malformed),
        ("x-b3-sampled", "True", Reason::Malformed),
        ("x-b3-sampled", "1,1", Reason::Malformed),
    ] {
        let lines = good.map(|(name, good)| (name, if name == header { value } else { good }));
        refused(&B3::multi(), &lines, header, reason);
        // The debug flag does not make a bad decision good.
        refused(&B3::multi(), &[&lines[..], &[("x-b3-flags", "1")]].concat(), header, reason);
    }
    // One id is none; each of the two is needed.
    refused(&B3::multi(), &[("x-b3-spanid", SPAN), ("x-b3-sampled", "1")], "x-b3-traceid", Reason::Malformed);
    refused(
        &B3::multi(),
        &[("x-b3-traceid", TRACE), ("x-b3-sampled", "1")],
        "x-b3-spanid",
        Reason::Malformed,
    );
    // The lines that do not win count for the limit all the same.
    let half = "0".repeat(5_000);
    let lines = [&good[..], &[("x-b3-sampled", &half), ("x-b3-sampled", &half)]].concat();
    refused(&B3::multi(), &lines, "x-b3-sampled", Reason::TooLong);
    let lines = [&good[..], &[("x-b3-sampled", "1"); 64]].concat();
    refused(&B3::multi(), &lines, "x-b3-sampled", Reason::TooMany);
    let most = [&good[..3], &[("x-b3-sampled", "1"); 64]].concat();
    assert_eq!(extracted(&B3::multi(), &most), (Some(remote(TraceFlags::SAMPLED)), None));
}

#[test]
fn single_wins_and_where_it_is_bad_the_several_are_taken() {
    let several = [("x-b3-traceid", "1111111111111111"), ("x-b3-spanid", "2222222222222222")];
    let single = format!("{TRACE}-{SPAN}-1");
    let both = [&several[..], &[("b3", &single)]].concat();
    assert_eq!(extracted(&B3::single(), &both), (Some(remote(TraceFlags::SAMPLED)), None));

    let others = caller("00000000000000001111111111111111", "2222222222222222", TraceFlags::DEFERRED);
    for (bad, reason) in [("canary", Reason::Malformed), (&*"1".repeat(8_193), Reason::TooLong)] {
        let both = [&several[..], &[("b3", bad)]].concat();
        let error = ExtractError::new("b3", reason);
        assert_eq!(extracted(&B3::single(), &both), (Some(others.clone()), Some(error)));
    }
    let twice = [&several[..], &[("b3", &single), ("b3", &single)]].concat();
    let error = ExtractError::new("b3", Reason::Repeated);
    assert_eq!(extracted(&B3::single(), &twice), (Some(others), Some(error)));
    // Of two that are bad, the one that is looked at first is named.
    refused(&B3::single(), &[("b3", "bad"), ("x-b3-spanid", SPAN)], "b3", Reason::Malformed);
}

#[test]
fn nothing_stale_is_left() {
    let stale = [("X-B3-ParentSpanId", PARENT_SPAN), ("X-B3-Flags", "1"), ("X-B3-Sampled", "1")];
    let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)];
    assert_eq!(injected_over(&B3::multi(), &stale, remote(TraceFlags::DEFERRED)), pairs(&ids));
    let denied = [&ids[..], &[("x-b3-sampled", "0")]].concat();
    assert_eq!(injected_over(&B3::multi(), &stale, remote(NOT_SAMPLED)), pairs(&denied));
}

#[test]
fn every_single_wrong_byte_is_refused() {
    let valid = format!("{TRACE}-{SPAN}-1-{PARENT_SPAN}");
    for place in 0..valid.len() {
        for byte in 0..=u8::MAX {
            let mut value = valid.clone().into_bytes();
            value[place] = byte;
            let may_be_there = match place {
                32 | 49 | 51 => byte == b'-',
                50 => matches!(byte, b'0' | b'1' | b'd'),
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            };
            assert_eq!(b3::parse(&value).is_ok(), may_be_there, "byte {byte:#x} at {place}");
        }
    }
}

#[test]
fn flags_keep_to_their_rules() {
    let debug = TraceFlags::DEBUG;
    assert!(debug.is_debug() && debug.is_sampled() && !debug.is_deferred());
    assert!(!TraceFlags::DEFERRED.is_sampled() && !TraceFlags::DEFERRED.is_debug());
    // As for a caller who is not trusted with it.
    assert_eq!(debug.with_debug(false), TraceFlags::SAMPLED);
    // What is not recorded is not for debugging, and what is decided not open.
    assert_eq!(debug.with_sampled(false), NOT_SAMPLED);
    assert_eq!(debug.with_sampled(true), debug);
    assert_eq!(TraceFlags::DEFERRED.with_sampled(false), NOT_SAMPLED);
    assert_eq!(TraceFlags::DEFERRED.with_sampled(true), TraceFlags::SAMPLED);
    assert_eq!(TraceFlags::DEFERRED.with_debug(true), debug);
    assert_eq!(TraceFlags::DEFERRED.with_debug(false), TraceFlags::DEFERRED);
    // W3C's byte has neither, in either direction.
    let random = TraceFlags::RANDOM.with_debug(true);
    assert_eq!((random.bits(), random.is_random()), (3, true));
    assert_eq!(TraceFlags::from_bits(0xff), TraceFlags::from_bits(3));
}

proptest! {
    #[test]
    fn what_is_accepted_keeps_the_grammar(value in "[0-9a-fA]{15,17}([0-9a-f]{16})?-[0-9a-f]{15,17}(-[01dD])?(-[0-9a-f]{16})?-?") {
        let fields: Vec<&str> = value.split('-').collect();
        let is_lower_hex = |field: &str| field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
        let is_id = |field: &str, lengths: &[usize]| {
            lengths.contains(&field.len()) && is_lower_hex(field) && !is_zero(field)
        };
        let is_valid = is_id(fields[0], &[16, 32])
            && is_id(fields[1], &[16])
            && fields.get(2).is_none_or(|state| ["0", "1", "d"].contains(state))
            && fields.get(3).is_none_or(|parent| is_id(parent, &[16]))
            && fields.len() <= 4;
        prop_assert_eq!(b3::parse(value.as_bytes()).is_ok(), is_valid, "{}", value);
    }
}
