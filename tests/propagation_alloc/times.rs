//! How long reading takes: for a person to look at.

use crate::{
    MEBIBYTE, PARENT,
    formats::{
        B3_VALUE, GOOGLE_VALUE, Headers, JAEGER_VALUE, XRAY_VALUE, entries, formats, with_keys_in_names,
    },
};
use std::{
    hint::black_box,
    ops::ControlFlow::{self, Continue},
    time::Instant,
};
use throughline::{
    Context,
    context::TraceState,
    propagation::{
        Getter, MAX_HEADER_BYTES, Propagator, b3, baggage, google_cloud, jaeger, trace_context, traceparent,
        xray,
    },
};

/// `cargo test --release --test propagation_alloc -- --ignored --nocapture`
#[test]
#[ignore = "prints times, and asserts nothing"]
fn times() {
    let members = |count: usize, bytes: usize| {
        let list: Vec<_> =
            (0..count).map(|number| format!("k{number:02}={}", "v".repeat(bytes - 4))).collect();
        list.join(",")
    };
    time("traceparent, parsed", 100_000, || traceparent::parse(black_box(PARENT.as_bytes())));
    let span = traceparent::parse(PARENT.as_bytes()).unwrap();
    time("traceparent, written", 100_000, || traceparent::format(black_box(&span)));
    time("tracestate of two members", 10_000, || {
        TraceState::from_lines([black_box("congo=t61rcWkgMzE,rojo=1")])
    });
    time("baggage of two entries", 10_000, || baggage::parse([black_box("tenant=caf%C3%A9,tier=gold")]));
    let small = baggage::parse(["tenant=caf%C3%A9,tier=gold"]).unwrap();
    time("baggage of two entries, written", 10_000, || baggage::encode(black_box(&small)));
    for (what, lines) in [
        ("tracestate of 8 KiB", vec![members(32, 255)]),
        ("baggage of 8 KiB in 64 entries", vec![members(64, 127)]),
        ("baggage of 8 KiB in one entry", vec![format!("k={}", "v".repeat(8_190))]),
        ("baggage of 8 KiB of bad UTF-8", vec![format!("k={}", "%FF".repeat(2_730))]),
        ("baggage of 8 KiB of coded text", vec![format!("k={}", "%C3%A9".repeat(1_365))]),
        ("baggage of 8 KiB, coded now and then", vec![format!("k={}", "a%20".repeat(2_047))]),
        ("baggage of 8 KiB of percent signs", vec![format!("k={}", "%".repeat(8_190))]),
        ("baggage of 8 KiB of properties", vec![format!("k=v{}", ";p".repeat(4_094))]),
        ("baggage of 8 KiB of properties with values", vec![format!("k=v{}", ";p=".repeat(2_729))]),
        ("baggage of 8 KiB of properties with spaces", vec![format!("k=v{}", "; p".repeat(2_729))]),
        ("baggage of 8 KiB of properties with both", vec![format!("k=v{}", "; p=".repeat(2_047))]),
        ("8 KiB of commas", vec![",".repeat(8_192)]),
        ("8 KiB of spaces", vec![" ".repeat(8_192)]),
        ("1 MiB of commas", vec![",".repeat(MEBIBYTE)]),
        ("1 Mi lines", vec![String::new(); MEBIBYTE]),
        ("8 Ki lines of a comma", vec![",".to_owned(); 8_192]),
    ] {
        time(&format!("{what}, as tracestate"), 200, || TraceState::from_lines(black_box(&lines)));
        time(&format!("{what}, as baggage"), 200, || baggage::parse(black_box(&lines)));
        time(&format!("{what}, as traceparent"), 200, || trace_context::extract(black_box(&lines), [""; 0]));
    }

    time("b3, parsed", 100_000, || b3::parse(black_box(B3_VALUE.as_bytes())));
    time("uber-trace-id, parsed", 100_000, || jaeger::parse(black_box(JAEGER_VALUE.as_bytes())));
    time("x-amzn-trace-id, parsed", 100_000, || xray::parse(black_box(XRAY_VALUE.as_bytes())));
    time("x-cloud-trace-context, parsed", 100_000, || {
        google_cloud::parse(black_box(GOOGLE_VALUE.as_bytes()))
    });
    time("b3, written", 100_000, || b3::format(black_box(&span), &mut [0; b3::BYTES]).len());
    time("uber-trace-id, written", 100_000, || {
        jaeger::format(black_box(&span), &mut [0; jaeger::BYTES]).len()
    });
    for (format, carrier) in formats() {
        let mut context = Context::default();
        let name = carrier[0].0.clone();
        time(&format!("{name} and so on, through the seam"), 10_000, || {
            format.extract(&carrier, &mut context)
        });
    }
    times_of_any_headers();
}

fn time<T>(what: &str, rounds: u32, mut call: impl FnMut() -> T) {
    let best = (0..20).map(|_| {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(call());
        }
        start.elapsed().as_nanos() / u128::from(rounds)
    });
    println!("{:>8} ns  {what}", best.min().unwrap_or_default());
}

/// A carrier that finds a header by its name at no cost, as a `HeaderMap` does.
struct Lines {
    name: &'static str,
    lines: Vec<Vec<u8>>,
    /// More headers, which are only listed.
    listed: Headers,
}

impl Getter for Lines {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        if name == self.name { self.lines.iter().try_for_each(|line| each(line)) } else { Continue(()) }
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.listed.all_lines(each)
    }
}

fn times_of_any_headers() {
    let patterns = ["1", " ", ";", ":", "-", ",", "a=1;", "a=b,", "%3A", "\u{e9}"];
    for (format, good) in formats() {
        for (name, _) in &good {
            let name: &'static str = Box::leak(name.clone().into_boxed_str());
            let mut worst = (0, "");
            for pattern in patterns {
                let capped = pattern.repeat(MAX_HEADER_BYTES / pattern.len()).into_bytes();
                let many = vec![pattern.as_bytes().to_vec(); MEBIBYTE / pattern.len()];
                for lines in [vec![capped], many] {
                    let carrier = Lines {
                        name,
                        lines,
                        listed: good.iter().filter(|(other, _)| other != name).cloned().collect(),
                    };
                    let mut context = Context::default();
                    let start = Instant::now();
                    for _ in 0..100 {
                        let _ = black_box(format.extract(&carrier, &mut context));
                    }
                    worst = worst.max((start.elapsed().as_nanos() / 100, pattern));
                }
            }
            println!("{:>8} ns  {name} of anything, at worst {:?}", worst.0, worst.1);
        }
    }
    for (format, prefix) in with_keys_in_names() {
        for (what, listed) in [
            ("64 entries of 127 bytes", entries(prefix, 64, &"v".repeat(122))),
            ("64 coded entries", entries(prefix, 64, &"%FF+".repeat(30))),
            ("one entry of 8 KiB", entries(prefix, 1, &"v".repeat(8_100))),
            ("one coded entry of 8 KiB", entries(prefix, 1, &"%FF".repeat(2_700))),
            ("one entry of 8 KiB beyond ASCII", entries(prefix, 1, &"\u{e9}+".repeat(2_700))),
            ("50,000 entries", entries(prefix, 50_000, "v")),
            ("50,000 other headers", entries("other-", 50_000, "v")),
        ] {
            let carrier = Lines { name: "", lines: Vec::new(), listed };
            let mut context = Context::default();
            time(&format!("{prefix}*, {what}"), 200, || format.extract(&carrier, &mut context));
        }
    }
}
