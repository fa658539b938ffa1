//! A hundred thousand open traces: memory stays within its bound, and every error is kept.

use crate::support::{LONG, assert_balanced, tracer, wait_until};
use std::collections::{HashMap, HashSet};
use throughline::{
    Span, Status, TraceId,
    sampling::tail::{TailRule, TailSampler},
};

const TRACES: usize = 100_000;
const MAX_BYTES: usize = 8 << 20;
const MAX_SPANS: usize = 20_000;

#[test]
fn all_errors_are_kept_under_a_flood_of_open_traces() {
    let sampler = TailSampler::new().rule(TailRule::errors()).max_undecided(MAX_SPANS, MAX_BYTES);
    // What is looked at is the tail sampler: nothing is to be lost before and behind it.
    let (tracer, memory) = tracer(|builder| {
        builder.tail_sampler(sampler).max_buffered_spans(4 * TRACES).max_queued(4 * TRACES, 1 << 30)
    });
    let bounded = || {
        let stats = tracer.tail_stats().unwrap();
        assert!(stats.undecided_bytes <= MAX_BYTES as u64, "{stats:?}");
        assert!(stats.undecided_spans <= MAX_SPANS as u64, "{stats:?}");
        stats
    };
    // Three spans a trace, and one in a hundred traces fails: in a child while the trace is open, or at its
    // end, long after it was given up.
    let mut roots: Vec<Span> = Vec::new();
    let mut failed: HashSet<TraceId> = HashSet::new();
    for number in 0..TRACES {
        let root = tracer.span("root");
        root.child("step").set_attribute("number", number as i64).set_attribute("text", "some text or other");
        let child = root.child("step");
        if number % 200 == 0 {
            child.set_status(Status::error("no"));
            failed.insert(root.context().unwrap().trace_id());
        }
        drop(child);
        roots.push(root);
        if number % 1_000 == 0 {
            bounded();
        }
    }
    wait_until(|| {
        let (stats, tail) = (tracer.stats(), bounded());
        stats.ended == tail.undecided_spans + tail.kept_spans + tail.dropped_spans
    });
    let flooded = bounded();
    assert!(flooded.early.total() > TRACES as u64 / 2, "the bound was reached: {flooded:?}");
    for (number, root) in roots.into_iter().enumerate() {
        if number % 200 == 100 {
            root.set_status(Status::error("no"));
            failed.insert(root.context().unwrap().trace_id());
        }
        drop(root);
        if number % 1_000 == 0 {
            bounded();
        }
    }
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_balanced(&report.stats);
    assert_eq!(report.stats.ended, 3 * TRACES as u64);

    let mut kept: HashMap<TraceId, (usize, bool)> = HashMap::new();
    for span in memory.spans() {
        let (spans, has_error) = kept.entry(span.trace_id()).or_default();
        *spans += 1;
        *has_error |= span.status().is_error();
    }
    assert_eq!(failed.len(), TRACES / 100);
    assert!(failed.iter().all(|trace| kept.get(trace).is_some_and(|(_, has_error)| *has_error)));
    assert_eq!(kept.len(), failed.len(), "and nothing else");
    // Those that failed in time are whole.
    let whole = kept.values().filter(|(spans, _)| *spans == 3).count();
    assert!(whole >= TRACES / 200, "{whole}");
}
