//! What holds for every format: any bytes at all, and a great many of them.

use crate::PARENT;
use proptest::prelude::*;
use std::hint::black_box;
use throughline::{
    SpanId, TraceId,
    context::TraceState,
    propagation::{baggage, request_id, service_name, trace_context, traceparent},
};

/// Reads the lines as each header in turn, and writes out what was good.
fn read_as_everything(lines: &[impl AsRef<[u8]>]) {
    if let Some(line) = lines.first() {
        let line = line.as_ref();
        if let Ok(span) = traceparent::parse(line) {
            assert_eq!(traceparent::parse(&traceparent::format(&span)), Ok(span));
        }
        if let Ok(text) = str::from_utf8(line) {
            black_box((
                text.parse::<TraceId>().ok(),
                text.parse::<SpanId>().ok(),
                text.parse::<TraceState>().ok(),
            ));
        }
    }
    if let Ok(state) = TraceState::from_lines(lines) {
        assert_eq!(state.to_string().parse(), Ok(state.clone()));
        assert!(state.to_header().len() <= 512);
    }
    if let Ok(read) = baggage::parse(lines) {
        let encoded = baggage::encode(&read);
        assert!(encoded.text.len() <= 8_192);
        assert_eq!(baggage::parse([&encoded.text]).unwrap().len() + encoded.left_out, read.len());
    }
    black_box(trace_context::extract([PARENT], lines).is_ok());
    black_box(trace_context::extract(lines, lines).is_ok());
    if let Ok(id) = request_id::parse(lines) {
        assert_eq!(id.to_string().as_bytes(), lines[0].as_ref());
    }
    if let Ok(name) = service_name::parse(lines) {
        assert!(service_name::check(name.as_bytes()).is_ok());
    }
}

/// Bytes that have a meaning somewhere, more often than others.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(&b",;=%- \t0aAfFk@"[..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..most)
}

proptest! {
    #[test]
    fn nothing_panics(lines in prop::collection::vec(bytes(100), 0..10)) {
        read_as_everything(&lines);
    }

    #[test]
    fn nothing_panics_on_some_kib(line in bytes(10_000)) {
        read_as_everything(&[line]);
    }

    #[test]
    fn nothing_panics_on_almost_valid_input(
        line in "([a-c]{1,2} ?= ?[a-z%]{0,3}(%[0-9A-F]{2}){0,2}(; ?p(=%?1)?)?[,;=]?){0,90}"
    ) {
        read_as_everything(&[line]);
    }

    #[test]
    fn nothing_panics_on_a_changed_traceparent(place in 0..PARENT.len(), byte: u8, tail in bytes(8)) {
        let mut value = PARENT.as_bytes().to_vec();
        value[place] = byte;
        value.extend(tail);
        read_as_everything(&[value]);
    }
}

#[test]
fn a_mebibyte_of_anything_does_no_harm() {
    const MEBIBYTE: usize = 1 << 20;
    for pattern in
        ["a", " ", "\t", ",", ";", "=", "%", "%FF", "%C3%A9,", "k=v,", "k=v;p,", "\u{e9}", "\0", "00-"]
    {
        let long = pattern.repeat(MEBIBYTE / pattern.len());
        read_as_everything(&[&long]);
        // The same in many lines.
        read_as_everything(&vec![pattern; MEBIBYTE / pattern.len()]);
        // As far as the cap goes.
        read_as_everything(&[&long[..8_190 / pattern.len() * pattern.len()]]);
    }
    read_as_everything(&vec![""; MEBIBYTE]);
    read_as_everything(&[""; 0]);
}
