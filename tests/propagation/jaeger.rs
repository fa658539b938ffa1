//! uber-trace-id and `uberctx-*` [Jaeger client libraries: propagation format].

use crate::{Headers, caller, extracted, filled, headers, injected, pairs, refused};
use throughline::{
    Context, SpanContext, TraceFlags,
    context::Baggage,
    propagation::{ExtractError, FieldError, Jaeger, Propagator, Reason, jaeger},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

#[test]
fn accepted_and_emitted() {
    let none = TraceFlags::default();
    let short = "000000000000000000000000deadbeef";
    for (value, trace, span, flags, emitted) in [
        (format!("{TRACE}:{SPAN}:0:1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}:0:0"), TRACE, SPAN, none, "0"),
        (format!("{TRACE}:{SPAN}:0:01"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        // Debug goes with sampled, and alone for nothing.
        (format!("{TRACE}:{SPAN}:0:3"), TRACE, SPAN, TraceFlags::DEBUG, "3"),
        (format!("{TRACE}:{SPAN}:0:2"), TRACE, SPAN, none, "0"),
        // Firehose, and bits nobody has defined, in hex.
        (format!("{TRACE}:{SPAN}:0:9"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}:0:8"), TRACE, SPAN, none, "0"),
        (format!("{TRACE}:{SPAN}:0:0b"), TRACE, SPAN, TraceFlags::DEBUG, "3"),
        (format!("{TRACE}:{SPAN}:0:10"), TRACE, SPAN, none, "0"),
        (format!("{TRACE}:{SPAN}:0:fd"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}:0:FF"), TRACE, SPAN, TraceFlags::DEBUG, "3"),
        // Short ids are padded on the left; hex is hex in either case.
        ("deadbeef:1:0:1".to_owned(), short, "0000000000000001", TraceFlags::SAMPLED, "1"),
        ("DEADBEEF:F:0:1".to_owned(), short, "000000000000000f", TraceFlags::SAMPLED, "1"),
        (format!("00{}:{SPAN}:0:1", &short[2..]), short, SPAN, TraceFlags::SAMPLED, "1"),
        // The parent's id is not looked at.
        (format!("{TRACE}:{SPAN}:{SPAN}:1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}::1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}:not hex, and too long for an id:1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        // Encoded as in a URL.
        (format!("{TRACE}%3A{SPAN}%3A0%3A1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}%3a{SPAN}%3a0%3a1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!("{TRACE}:{SPAN}%3A0:1"), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
        (format!(" \t{TRACE}:{SPAN}:0:1 "), TRACE, SPAN, TraceFlags::SAMPLED, "1"),
    ] {
        let span_context = caller(trace, span, flags);
        assert_eq!(jaeger::parse(value.as_bytes()), Ok(span_context.clone()), "{value}");
        let read = extracted(&Jaeger, &[("Uber-Trace-Id", &value)]);
        assert_eq!(read, (Some(span_context.clone()), None), "{value}");
        let sent = injected(&Jaeger, span_context);
        assert_eq!(sent, pairs(&[("uber-trace-id", &format!("{trace}:{span}:0:{emitted}"))]), "{value}");
    }
    // A decision left open has no spelling here.
    let sent = injected(&Jaeger, caller(TRACE, SPAN, TraceFlags::DEFERRED));
    assert_eq!(sent, pairs(&[("uber-trace-id", &format!("{TRACE}:{SPAN}:0:0"))]));
}

#[test]
fn refused_values() {
    use FieldError::{Layout, Sampling, SpanId, TooLong, TraceId};
    for (value, error) in [
        (String::new(), Layout),
        (":::".to_owned(), TraceId),
        (TRACE.to_owned(), Layout),
        (format!("{TRACE}:{SPAN}"), Layout),
        (format!("{TRACE}:{SPAN}:0"), Layout),
        (format!("{TRACE}:{SPAN}:0:1:"), Sampling),
        (format!("{TRACE}:{SPAN}:0:1:1"), Sampling),
        (format!("0:{SPAN}:0:1"), TraceId),
        (format!("{}:{SPAN}:0:1", "0".repeat(32)), TraceId),
        (format!("{TRACE}:0:0:1"), SpanId),
        (format!(":{SPAN}:0:1"), TraceId),
        (format!("{TRACE}::0:1"), SpanId),
        (format!("0{TRACE}:{SPAN}:0:1"), TraceId),
        (format!("{TRACE}:0{SPAN}:0:1"), SpanId),
        (format!("+{}:{SPAN}:0:1", &TRACE[1..]), TraceId),
        (format!("-1:{SPAN}:0:1"), TraceId),
        (format!("0x1:{SPAN}:0:1"), TraceId),
        (format!("{TRACE}: {SPAN}:0:1"), SpanId),
        (format!("{TRACE}:{SPAN}:0:"), Sampling),
        (format!("{TRACE}:{SPAN}:0:g"), Sampling),
        (format!("{TRACE}:{SPAN}:0:+1"), Sampling),
        (format!("{TRACE}:{SPAN}:0:001"), Sampling),
        (format!("{TRACE}:{SPAN}:0:-1"), Sampling),
        (format!("{TRACE}%3B{SPAN}:0:1"), Layout),
        (format!("{TRACE}%{SPAN}:0:1"), Layout),
        (format!("{TRACE}-{SPAN}-0-1"), Layout),
        ("1".repeat(8_193), TooLong),
    ] {
        assert_eq!(jaeger::parse(value.as_bytes()), Err(error), "{value:.80}");
        let reason = if error == TooLong { Reason::TooLong } else { Reason::Malformed };
        refused(&Jaeger, &[("uber-trace-id", &value)], "uber-trace-id", reason);
    }
    let value = &*format!("{TRACE}:{SPAN}:0:1");
    refused(
        &Jaeger,
        &[("uber-trace-id", value), ("uber-trace-id", value)],
        "uber-trace-id",
        Reason::Repeated,
    );
}

#[test]
fn a_debug_id_is_not_honoured() {
    let lines = [("jaeger-debug-id", "please"), ("jaeger-baggage", "k=v")];
    assert_eq!(extracted(&Jaeger, &lines), (None, None));
}

fn baggage(lines: &[(&str, &[u8])]) -> Result<Vec<(String, String)>, ExtractError> {
    let carrier: Headers = lines.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    let mut context = Context::default();
    Jaeger.extract(&carrier, &mut context)?;
    assert_eq!(context.span, None);
    Ok(context.baggage.iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned())).collect())
}

#[test]
fn baggage_is_read_from_the_names() {
    for (line, value) in [
        (&b"gold"[..], "gold"),
        (b"", ""),
        (b" gold\t", "gold"),
        (b"caf%C3%A9", "caf\u{e9}"),
        // As forms are encoded, which is how most clients do it.
        (b"a+b%2Bc%20d", "a b+c d"),
        (b"a%2Cb%3Bc%3Dd", "a,b;c=d"),
        // Clients of other carriers encode nothing.
        (b"a, b; c=d \"e\\", "a, b; c=d \"e\\"),
        ("caf\u{e9}+\u{e9}".as_bytes(), "caf\u{e9} \u{e9}"),
        (b"100%", "100%"),
        (b"%zz%4", "%zz%4"),
        (b"%FF%C3x%F0%9F", "\u{fffd}\u{fffd}x\u{fffd}"),
        (b"%0D%0A", "\r\n"),
        (b"a\tb", "a\tb"),
    ] {
        let read = baggage(&[("uberctx-k", line)]).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        assert_eq!(read, pairs(&[("k", value)]));
    }
    let read = baggage(&[
        ("other", b"x"),
        ("uberctx-b", b"1"),
        ("Uberctx-a", b"2"),
        ("UBERCTX-userId", b"3"),
        ("uberctx-b", b"4"),
        ("uberctxc", b"5"),
        ("uberct", b"6"),
        ("uberctx", b"7"),
        ("", b"8"),
    ]);
    assert_eq!(read.unwrap(), pairs(&[("b", "4"), ("a", "2"), ("userId", "3")]));
}

#[test]
fn bad_baggage_is_refused_as_a_whole_and_the_span_taken() {
    let value = format!("{TRACE}:{SPAN}:0:1");
    let many: Vec<String> = (0..65).map(|number| format!("uberctx-k{number}")).collect();
    let long = "v".repeat(8_192);
    let half = "v".repeat(4_096);
    let mut cases = vec![
        (vec![("uberctx-good", "1"), ("uberctx-k", "a\r\nb")], Reason::Malformed),
        (vec![("uberctx-good", "1"), ("uberctx-k", "\0")], Reason::Malformed),
        (vec![("uberctx-good", "1"), ("uberctx-k", "\u{7f}")], Reason::Malformed),
        (vec![("uberctx-", "1"), ("uberctx-k", "1")], Reason::Malformed),
        (vec![("uberctx-a b", "1"), ("uberctx-k", "1")], Reason::Malformed),
        (vec![("uberctx-a,b", "1")], Reason::Malformed),
        (vec![("uberctx-\u{e9}", "1")], Reason::Malformed),
        (vec![("uberctx-k", &*long)], Reason::TooLong),
        // All lines together, and lines that a later one replaces.
        (vec![("uberctx-a", &*half), ("uberctx-b", &*half)], Reason::TooLong),
        (vec![("uberctx-a", &*half), ("uberctx-a", &*half)], Reason::TooLong),
    ];
    cases.push((many.iter().map(|name| (&**name, "1")).collect(), Reason::TooMany));
    cases.push((vec![("uberctx-k", "1"); 65], Reason::TooMany));
    // More headers of any kind than are looked at.
    cases.push((vec![("x", "1"); 1_025], Reason::TooMany));
    for (mut lines, reason) in cases {
        let error = ExtractError::new("uberctx-*", reason);
        refused(&Jaeger, &lines, "uberctx-*", reason);
        lines.push(("uber-trace-id", &value));
        let span = caller(TRACE, SPAN, TraceFlags::SAMPLED);
        assert_eq!(extracted(&Jaeger, &lines), (Some(span), Some(error)), "{:?}", lines[0]);
    }
    let mut context = Context::default();
    let carrier = Headers::from([("uberctx-k".to_owned(), b"\xff".to_vec())]);
    let error = ExtractError::new("uberctx-*", Reason::Malformed);
    assert_eq!(Jaeger.extract(&carrier, &mut context), Err(error), "not UTF-8");

    // As much as is taken: 8,192 bytes with keys, `=` and `,`.
    let full = "v".repeat(8_190);
    assert_eq!(baggage(&[("uberctx-k", full.as_bytes())]).unwrap(), pairs(&[("k", &full)]));
    let lines: Vec<_> = many.iter().take(64).map(|name| (&**name, &b"1"[..])).collect();
    assert_eq!(baggage(&lines).unwrap().len(), 64);
    assert!(baggage(&vec![("x", &b"1"[..]); 1_024]).unwrap().is_empty());
}

#[test]
fn a_bad_span_leaves_good_baggage() {
    let mut context = filled();
    let carrier = headers(&[("uber-trace-id", "bad"), ("uberctx-k", "v")]);
    let error = ExtractError::new("uber-trace-id", Reason::Malformed);
    assert_eq!(Jaeger.extract(&carrier, &mut context), Err(error));
    assert_eq!((context.span, context.baggage.get("k")), (filled().span, Some("v")));
}

fn sent(baggage: Baggage) -> Vec<(String, String)> {
    let mut context = Context::default();
    context.baggage = baggage;
    let mut carrier = Headers::new();
    Jaeger.inject(&context, &mut carrier);
    carrier.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

#[test]
fn baggage_is_sent_so_that_every_client_reads_the_same() {
    let mut baggage = Baggage::EMPTY.with("tenant", "caf\u{e9} 7+1").unwrap();
    baggage.insert_with_properties("k", "a,b;c=d%\r\n", &[("p", Some("x"))]).unwrap();
    baggage.insert("User-Id", "~x_y.z-").unwrap();
    assert_eq!(
        sent(baggage),
        pairs(&[
            ("uberctx-tenant", "caf%C3%A9%207%2B1"),
            ("uberctx-k", "a%2Cb%3Bc%3Dd%25%0D%0A"),
            ("uberctx-user-id", "~x_y.z-"),
        ])
    );
    // What is longer than the limit in this spelling is left out from there on.
    let mut baggage = Baggage::EMPTY.with("a", "1").unwrap();
    baggage.insert("b", &"=".repeat(4_000)).unwrap();
    baggage.insert("c", "1").unwrap();
    assert_eq!(sent(baggage), pairs(&[("uberctx-a", "1")]));
}

#[test]
fn a_span_of_this_process_is_sent_as_well() {
    let local = SpanContext::new(TRACE.parse().unwrap(), SPAN.parse().unwrap(), TraceFlags::from_bits(3));
    assert_eq!(injected(&Jaeger, local), pairs(&[("uber-trace-id", &format!("{TRACE}:{SPAN}:0:1"))]));
}
