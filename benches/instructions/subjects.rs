//! The workloads, to be run under callgrind.

use crate::workloads::{
    CHILDREN, http,
    ours::{self, Null},
};
use std::time::Duration;
use throughline::{Span, Tracer, sampling::AlwaysOff};

/// Rounds before anything is counted: what is done once is done by then.
pub const WARM_UP: usize = 20;

/// Traces, or requests, between two flushes.
const TRACES: usize = 40;

/// Every workload, and its units in a round: spans, or requests.
pub const ALL: [(&str, usize); 6] = [
    ("local100", TRACES * (CHILDREN + 1)),
    ("request", TRACES * 4),
    ("unsampled", TRACES * (CHILDREN + 1)),
    ("no-tracer", TRACES * (CHILDREN + 1)),
    ("http", TRACES),
    ("bare-http", TRACES),
];

/// Runs a workload for so many rounds. Fails if a span is lost.
pub fn run(workload: &str, rounds: usize) {
    match workload {
        "local100" => {
            let tracer = tracer(false);
            repeat(rounds, &mut || ours::nested(tracer.span("root")), Some(&tracer));
        }
        "request" => {
            let tracer = tracer(false);
            repeat(rounds, &mut || ours::request(&tracer), Some(&tracer));
        }
        "unsampled" => {
            let tracer = tracer(true);
            repeat(rounds, &mut || ours::nested(tracer.span("root")), Some(&tracer));
        }
        "no-tracer" => repeat(rounds, &mut || ours::nested(Span::new("root")), None),
        "http" => {
            let tracer = tracer(false);
            let (mut server, mut requests) = (ours::server(&tracer), http::Requests::new());
            repeat(rounds, &mut || http::exchange(&mut server, requests.next()), Some(&tracer));
        }
        "bare-http" => {
            let (mut server, mut requests) = (http::bare(), http::Requests::new());
            repeat(rounds, &mut || http::exchange(&mut server, requests.next()), None);
        }
        other => panic!("{other}: no such workload"),
    }
}

fn tracer(unsampled: bool) -> Tracer {
    let builder = Tracer::builder("instructions").exporter(Null);
    let builder = if unsampled { builder.sampler(AlwaysOff) } else { builder };
    builder.build().expect("a tracer")
}

fn repeat(rounds: usize, trace: &mut dyn FnMut(), tracer: Option<&Tracer>) {
    let flush = || {
        if let Some(tracer) = tracer {
            assert!(tracer.flush(Duration::from_secs(60)).is_complete(), "every span is delivered");
        }
    };
    for _ in 0..WARM_UP {
        (0..TRACES).for_each(|_| trace());
        flush();
    }
    all_sides(rounds, trace, &flush);
    // What the end of the process costs is not asked for.
    std::process::exit(0);
}

/// Where callgrind counts for all threads: it knows this function by its name.
#[inline(never)]
fn all_sides(rounds: usize, trace: &mut dyn FnMut(), flush: &dyn Fn()) {
    for _ in 0..rounds {
        caller_side(trace);
        flush();
    }
}

/// Where callgrind counts for the caller: it knows this function by its name.
#[inline(never)]
fn caller_side(trace: &mut dyn FnMut()) {
    (0..TRACES).for_each(|_| trace());
}
