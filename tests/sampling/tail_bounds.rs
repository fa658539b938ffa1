//! Tail sampling at its bounds: what is decided early, and that every span is accounted for.

use crate::support::{LONG, Seeded, assert_balanced, tracer, wait_until};
use proptest::prelude::*;
use std::{collections::HashSet, env, process::Command, time::Duration};
use throughline::{
    Span, Status, Tracer,
    export::Stats,
    exporters::Memory,
    sampling::tail::{EarlyReason, RULE, TailRule, TailSampler, TailStats},
    testing::ManualClock,
};

fn errors() -> TailSampler {
    TailSampler::new().rule(TailRule::errors())
}

fn with(sampler: TailSampler) -> (Tracer, Memory, ManualClock) {
    let clock = ManualClock::new();
    let (tracer, memory) = tracer(|builder| builder.tail_sampler(sampler).clock(clock.clone().into()));
    (tracer, memory, clock)
}

fn stats(tracer: &Tracer) -> TailStats {
    tracer.tail_stats().unwrap()
}

/// All that has ended is either held back or decided.
fn wait_for_the_collector(tracer: &Tracer) {
    wait_until(|| {
        let (stats, tail) = (tracer.stats(), stats(tracer));
        stats.ended == tail.undecided_spans + tail.kept_spans + tail.dropped_spans
    });
}

fn names(memory: &Memory) -> Vec<String> {
    let mut names: Vec<_> = memory.spans().iter().map(|span| span.name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_trace_with_too_many_spans_is_decided_and_may_fail_later() {
    let (tracer, memory, _) = with(errors().max_trace(10, 1 << 20));
    let root = tracer.span("root");
    for _ in 0..25 {
        root.child("step").end();
    }
    wait_for_the_collector(&tracer);
    let early = stats(&tracer).early;
    assert_eq!((early.get(EarlyReason::TraceSpans), early.total()), (2, 2));
    assert_eq!(stats(&tracer).dropped_spans, 20);
    root.child("failed").set_status(Status::error("no"));
    root.end();
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["failed", "root", "step", "step", "step", "step", "step"], "what came last");
    assert_balanced(&tracer.stats());
}

#[test]
fn a_large_trace_that_is_kept_goes_straight_through() {
    let (tracer, memory, _) = with(errors().max_trace(10, 1 << 20));
    let root = tracer.span("root");
    root.child("failed").set_status(Status::error("no"));
    for _ in 0..100 {
        root.child("step").end();
    }
    wait_for_the_collector(&tracer);
    assert_eq!((stats(&tracer).undecided, stats(&tracer).kept_spans), (0, 101));
    root.end();
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(memory.len(), 102);
    let rules: Vec<_> = memory
        .spans()
        .iter()
        .filter_map(|span| span.attribute(RULE).map(|_| span.name().to_owned()))
        .collect();
    assert_eq!(rules, ["root"], "the local root says why, late as it is");
    assert_eq!((stats(&tracer).kept, stats(&tracer).rules[0].kept), (1, 1));
}

#[test]
fn bytes_bound_a_trace_too() {
    let (tracer, _, _) = with(errors().max_trace(1_000, 100_000));
    let root = tracer.span("root");
    for _ in 0..20 {
        root.child("step").set_attribute("text", "x".repeat(10_000)).is_recording();
    }
    wait_for_the_collector(&tracer);
    assert!(stats(&tracer).early.get(EarlyReason::TraceBytes) >= 1, "{:?}", stats(&tracer));
    assert!(stats(&tracer).undecided_bytes <= 100_000);
    drop(root);
    assert_balanced(&tracer.shutdown(LONG).stats);
}

#[test]
fn all_traces_together_are_bounded_and_errors_stay_longest() {
    for (sampler, reason) in [
        (errors().max_undecided(100, 1 << 30), EarlyReason::Spans),
        (errors().max_undecided(1 << 20, 100_000), EarlyReason::Bytes),
    ] {
        let (tracer, memory, _) = with(sampler);
        let roots: Vec<Span> = (0..400).map(|_| tracer.span("root")).collect();
        for root in &roots[..30] {
            root.child("failed").set_status(Status::error("no"));
        }
        for root in &roots[30..] {
            root.child("step").end();
        }
        wait_for_the_collector(&tracer);
        let now = stats(&tracer);
        assert!(now.undecided_spans <= 400 && now.undecided_bytes <= 1 << 30, "{now:?}");
        assert_eq!(now.early.total(), now.early.get(reason), "{now:?}");
        assert_eq!((now.kept, now.early.total()), (0, now.dropped), "those with an error stay: {now:?}");
        assert!(now.dropped > 100, "{now:?}");
        drop(roots);
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!(memory.len(), 60);
        assert_balanced(&tracer.stats());
    }
}

#[test]
fn errors_beyond_the_bound_are_kept_early() {
    let (tracer, memory, _) = with(errors().max_undecided(10, 1 << 30));
    let roots: Vec<Span> = (0..100).map(|_| tracer.span("root")).collect();
    for root in &roots {
        root.child("failed").set_status(Status::error("no"));
    }
    wait_for_the_collector(&tracer);
    assert_eq!((stats(&tracer).undecided, stats(&tracer).kept), (10, 90));
    drop(roots);
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(memory.len(), 200, "with their roots, that came later");
}

#[test]
fn a_trace_that_gets_old_is_decided() {
    let (tracer, memory, clock) = with(errors().max_age(Duration::from_secs(5)));
    let (good, bad) = (tracer.span("good"), tracer.span("bad"));
    good.child("good step").end();
    wait_for_the_collector(&tracer);
    clock.advance(Duration::from_secs(1));
    bad.child("bad step").set_status(Status::error("no"));
    wait_for_the_collector(&tracer);
    clock.advance(Duration::from_secs(4));
    wait_until(|| stats(&tracer).undecided == 1);
    assert_eq!((stats(&tracer).dropped, stats(&tracer).kept), (1, 0));
    clock.advance(Duration::from_secs(1));
    wait_until(|| stats(&tracer).undecided == 0);
    assert_eq!(stats(&tracer).early.get(EarlyReason::Age), 2);
    good.set_status(Status::error("after all"));
    drop((good, bad));
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["bad", "bad step", "good"]);
}

#[test]
fn a_flush_decides_with_what_is_there() {
    let (tracer, memory, _) = with(errors());
    let (good, bad) = (tracer.span("good"), tracer.span("bad"));
    good.child("good step").end();
    bad.child("bad step").set_status(Status::error("no"));
    tracer.span("other").set_status(Status::error("no"));
    let report = tracer.flush(LONG);
    assert!(report.is_complete());
    assert_eq!((report.stats.buffered, report.stats.sampled_out_spans), (0, 1));
    assert_eq!(names(&memory), ["bad step", "other"]);
    assert_eq!(stats(&tracer).early.get(EarlyReason::Flush), 2, "the other one had ended");
    good.set_status(Status::error("after all"));
    drop((good, bad));
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["bad", "bad step", "good", "other"]);
}

#[test]
fn a_forgotten_decision_is_made_again() {
    let (tracer, memory, _) = with(errors().max_decisions(10));
    let root = tracer.span("root");
    let late = root.child("late");
    root.end();
    wait_until(|| stats(&tracer).dropped == 1);
    for _ in 0..20 {
        tracer.span("other").end();
    }
    wait_until(|| stats(&tracer).dropped == 21);
    late.set_status(Status::error("no"));
    drop(late);
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["late"]);
    assert_eq!(stats(&tracer).late_spans, 0);
}

/// In a process of its own, where no other test holds memory.
#[test]
fn ever_new_names_and_traces_leave_a_bounded_amount_behind() {
    let alone = ["--exact", "tail_bounds::what_ever_new_names_and_traces_leave_behind", "--ignored"];
    let ran = Command::new(env::current_exe().unwrap()).args(alone).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

/// What a service keeps of names that never come twice, once it has met more than it remembers of anything.
#[test]
#[ignore = "to be run alone"]
fn what_ever_new_names_and_traces_leave_behind() {
    let sampler = errors()
        .rule(TailRule::above_percentile(99.0).unwrap())
        .rule(TailRule::sampled().at_most(1.0).unwrap())
        .max_decisions(1_000);
    let (tracer, _) = tracer(|builder| builder.tail_sampler(sampler).max_buffered_spans(1 << 21));
    let warm_up = 40_000;
    let mut resident = 0;
    for number in 0..200_000_u32 {
        tracer.span(format!("GET /{number}")).end();
        if number % 5_000 == 0 {
            assert!(!tracer.flush(LONG).timed_out);
            if number == warm_up {
                resident = resident_bytes();
            }
        }
    }
    let report = tracer.shutdown(LONG);
    let grown = resident_bytes().saturating_sub(resident);
    assert!(grown < 16 << 20, "{grown} bytes more after 160,000 further names");
    assert_eq!(report.stats.ended, 200_000);
    assert_balanced(&report.stats);
}

fn resident_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return 0;
    };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

// The books.

#[derive(Clone, Debug)]
enum Step {
    Root,
    Child(usize),
    End(usize),
    Fail(usize),
    Advance(u16),
    Flush,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Root),
        6 => any::<usize>().prop_map(Step::Child),
        6 => any::<usize>().prop_map(Step::End),
        2 => any::<usize>().prop_map(Step::Fail),
        1 => any::<u16>().prop_map(Step::Advance),
        1 => Just(Step::Flush),
        2 => Just(Step::Look),
    ]
}

fn assert_tail_agrees(stats: &Stats, tail: &TailStats) {
    assert_eq!(stats.sampled_out_spans, tail.dropped_spans, "{stats:#?} {tail:#?}");
    assert_eq!(stats.ended - stats.dropped.total(), tail.kept_spans + tail.dropped_spans);
    let fitted: u64 = tail.rules.iter().map(|rule| rule.kept + rule.passed_over).sum();
    assert_eq!(tail.kept + tail.dropped, fitted + tail.unmatched);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever happens in whatever order, every span is in one place; and none that failed is missing.
    #[test]
    fn the_books_balance(
        steps in proptest::collection::vec(step(), 1..200),
        (trace_spans, spans, decisions) in (1..20_usize, 1..60_usize, 0..50_usize),
        ratio in 0.0..1.0_f64,
    ) {
        let sampler = errors()
            .rule(TailRule::sampled().ratio(ratio).unwrap())
            .max_trace(trace_spans, 1 << 20)
            .max_undecided(spans, 1 << 20)
            .max_age(Duration::from_secs(30))
            .max_decisions(decisions);
        let (tracer, memory, clock) = with(sampler);
        let mut open: Vec<Span> = Vec::new();
        let mut failed = HashSet::new();
        for step in steps {
            match step {
                Step::Root => open.push(tracer.span("root")),
                Step::Child(of) if !open.is_empty() => open.push(open[of % open.len()].child("child")),
                Step::End(which) if !open.is_empty() => drop(open.swap_remove(which % open.len())),
                Step::Fail(which) if !open.is_empty() => {
                    let span = &open[which % open.len()];
                    span.set_status(Status::error("no"));
                    failed.insert(span.context().unwrap().trace_id());
                }
                Step::Advance(millis) => clock.advance(Duration::from_millis(millis.into())),
                Step::Flush => {
                    let report = tracer.flush(LONG);
                    assert_eq!(report.stats.buffered, 0);
                    assert_tail_agrees(&report.stats, &tracer.tail_stats().unwrap());
                }
                Step::Look => assert_balanced(&tracer.stats()),
                Step::Child(_) | Step::End(_) | Step::Fail(_) => {}
            }
        }
        drop(open);
        let report = tracer.shutdown(LONG);
        assert!(report.is_complete());
        assert_balanced(&report.stats);
        let tail = tracer.tail_stats().unwrap();
        assert_tail_agrees(&report.stats, &tail);
        assert_eq!((tail.undecided, tail.undecided_spans, tail.undecided_bytes), (0, 0, 0));
        let exported = memory.spans();
        let ids: HashSet<_> = exported.iter().map(|span| span.span_id()).collect();
        assert_eq!((ids.len(), exported.len() as u64), (exported.len(), tail.kept_spans));
        // Only what came after its root had been decided may be missing.
        if tail.late_spans == 0 {
            for trace_id in failed {
                assert!(exported.iter().any(|span| span.trace_id() == trace_id && span.status().is_error()));
            }
        }
    }
}

/// Many threads at once, bounds that are reached all the time, and somebody who looks.
#[test]
fn the_books_balance_under_load() {
    let sampler = errors()
        .rule(TailRule::sampled().ratio(0.25).unwrap())
        .max_trace(8, 1 << 20)
        .max_undecided(500, 1 << 20)
        .max_decisions(200);
    let (tracer, memory, _) = with(sampler);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let tracer = &tracer;
            scope.spawn(move || {
                let mut random = Seeded::new(seed);
                for _ in 0..3_000 {
                    let root = tracer.span("root");
                    for _ in 0..random.next() % 12 {
                        let child = root.child("child");
                        if random.next().is_multiple_of(50) {
                            child.set_status(Status::error("no"));
                        }
                    }
                }
            });
        }
        for _ in 0..200 {
            assert_balanced(&tracer.stats());
            std::thread::yield_now();
        }
    });
    let report = tracer.shutdown(LONG);
    assert_balanced(&report.stats);
    let tail = stats(&tracer);
    assert_tail_agrees(&report.stats, &tail);
    assert_eq!(memory.len() as u64, tail.kept_spans);
}
