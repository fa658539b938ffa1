//! Tail sampling: each rule, what is kept and why, and what it stands for.

use crate::support::{LONG, Seeded, assert_balanced, assert_binomial, caller, context, tracer, wait_until};
use std::{sync::Barrier, thread, time::Duration};
use throughline::{
    Span, SpanKind, SpanRecord, Status, TraceFlags, Tracer,
    analysis::Performance,
    exporters::Memory,
    sampling::{
        AlwaysOff, AlwaysOn, AlwaysRecord, ParentBased, Pattern, RateLimited, Ratio,
        tail::{InvalidPercentile, LocalTrace, RULE, TailRule, TailSampler},
    },
    testing::ManualClock,
};

/// A tracer with these rules, and a clock that stands still.
fn tail(rules: impl IntoIterator<Item = TailRule>) -> (Tracer, Memory, ManualClock) {
    let sampler = rules.into_iter().fold(TailSampler::new(), TailSampler::rule);
    let clock = ManualClock::new();
    let (tracer, memory) =
        tracer(|builder| builder.tail_sampler(sampler).clock(clock.clone().into()).sampler(AlwaysOn));
    (tracer, memory, clock)
}

fn names(memory: &Memory) -> Vec<String> {
    let mut names: Vec<_> = memory.spans().iter().map(|span| span.name().to_owned()).collect();
    names.sort();
    names
}

fn rule_of(span: &SpanRecord) -> Option<String> {
    span.attribute(RULE).map(|rule| rule.to_string())
}

/// One trace of each kind: its root is named after it.
fn one_of_each(tracer: &Tracer, clock: &ManualClock) {
    tracer.span("plain").in_scope(|| Span::new("step").end());
    tracer.span("failed").set_status(Status::error("no"));
    tracer.span("child failed").in_scope(|| _ = Span::new("step").set_status(Status::error("no")));
    let panicked = thread::scope(|scope| {
        scope.spawn(|| tracer.span("panicked").in_scope(|| panic!("as the test wants it"))).join()
    });
    assert!(panicked.is_err());
    tracer.span("cancelled").cancel();
    let slow = tracer.span("slow");
    clock.advance(Duration::from_millis(501));
    slow.end();
    let nearly = tracer.span("nearly slow");
    clock.advance(Duration::from_millis(500));
    nearly.end();
    let outer = tracer.span("slow child, quick root");
    outer.end();
    tracer.span("gold").set_attribute("tenant", "gold");
    tracer.span("child gold").in_scope(|| _ = Span::new("step").set_attribute("tenant", "gold"));
    tracer.span("silver").set_attribute("tenant", "silver");
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let debug = caller(trace_id, TraceFlags::DEBUG, "");
    tracer.span_builder("debug").kind(SpanKind::Server).remote(context(debug)).start().end();
}

#[test]
fn each_rule_keeps_what_it_says() {
    type Row = (fn() -> TailRule, &'static str, &'static [&'static str]);
    let table: [Row; 9] = [
        (TailRule::errors, "errors", &["child failed", "failed", "panicked"]),
        (|| TailRule::slower_than(Duration::from_millis(500)), "slow", &["slow"]),
        (|| TailRule::attribute("tenant", "gold"), "attribute", &["child gold", "gold"]),
        (
            || TailRule::attribute("tenant", Pattern::glob("*l*")),
            "attribute",
            &["child gold", "gold", "silver"],
        ),
        (TailRule::debug, "debug", &["debug"]),
        (|| TailRule::name(Pattern::prefix("child")), "name", &["child failed", "child gold"]),
        (
            || TailRule::new("two", |trace: &LocalTrace<'_>| trace.spans().len() == 2),
            "two",
            &["child failed", "child gold", "plain"],
        ),
        (|| TailRule::all().ratio(0.0).unwrap(), "all", &[]),
        (
            || TailRule::sampled().named("rest"),
            "rest",
            &[
                "cancelled",
                "child failed",
                "child gold",
                "debug",
                "failed",
                "gold",
                "nearly slow",
                "panicked",
                "plain",
                "silver",
                "slow",
                "slow child, quick root",
            ],
        ),
    ];
    for (rule, name, kept) in table {
        let (tracer, memory, clock) = tail([rule()]);
        one_of_each(&tracer, &clock);
        let report = tracer.shutdown(LONG);
        assert!(report.is_complete());
        let roots: Vec<_> = memory.spans().into_iter().filter(SpanRecord::is_local_root).collect();
        let mut kept_names: Vec<_> = roots.iter().map(|span| span.name().to_owned()).collect();
        kept_names.sort();
        assert_eq!(kept_names, kept, "{name}");
        assert!(
            roots.iter().all(|span| rule_of(span).as_deref() == Some(name) && span.adjusted_count() == 1.0)
        );
        let others = memory.spans().into_iter().filter(|span| !span.is_local_root());
        assert!(others.into_iter().all(|span| rule_of(&span).is_none()));

        let stats = tracer.tail_stats().unwrap();
        assert_eq!((stats.kept, stats.dropped), (kept.len() as u64, 12 - kept.len() as u64), "{name}");
        assert_eq!(stats.rules.len(), 1);
        assert_eq!((stats.rules[0].name.as_str(), stats.rules[0].kept), (name, kept.len() as u64));
        assert_eq!(stats.rules[0].passed_over + stats.unmatched, stats.dropped);
        assert_eq!(stats.kept_spans, memory.len() as u64);
        assert_eq!((stats.undecided, stats.undecided_spans, stats.undecided_bytes), (0, 0, 0));
        assert_eq!(stats.early.total(), 0);
        assert_eq!(report.stats.sampled_out_spans, stats.dropped_spans);
        assert_balanced(&report.stats);
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let rules = [
        TailRule::attribute("tenant", "gold").ratio(0.0).unwrap(),
        TailRule::errors(),
        TailRule::all().named("rest"),
    ];
    let (tracer, memory, _) = tail(rules);
    tracer.span("gold error").set_attribute("tenant", "gold").set_status(Status::error("no"));
    tracer.span("error").set_status(Status::error("no"));
    tracer.span("other").end();
    assert!(tracer.shutdown(LONG).is_complete());
    let kept: Vec<_> =
        memory.spans().iter().map(|span| (span.name().to_owned(), rule_of(span).unwrap())).collect();
    let text = |name: &str, rule: &str| (name.to_owned(), rule.to_owned());
    assert_eq!(kept, [text("error", "errors"), text("other", "rest")]);
    let stats = tracer.tail_stats().unwrap();
    let counts: Vec<_> = stats.rules.iter().map(|rule| (rule.kept, rule.passed_over)).collect();
    assert_eq!(counts, [(0, 1), (1, 0), (1, 0)]);
}

#[test]
fn without_a_rule_nothing_is_kept_and_nothing_is_lost() {
    let (tracer, memory, clock) = tail([]);
    one_of_each(&tracer, &clock);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete() && memory.is_empty());
    assert_eq!(report.stats.sampled_out_spans, report.stats.ended);
    assert_eq!(tracer.tail_stats().unwrap().unmatched, 12);
    assert!(report.to_string().contains("15 sampled out"), "{report}");
    let (plain, _) = crate::support::tracer(|builder| builder);
    assert_eq!(plain.tail_stats(), None);
}

#[test]
fn unusual_is_what_is_slow_for_its_route() {
    let (tracer, memory, clock) = tail([TailRule::above_percentile(95.0).unwrap()]);
    let run = |name: &'static str, millis: u64| {
        let span = tracer.span(name);
        clock.advance(Duration::from_millis(millis));
        span.end();
    };
    for _ in 0..100 {
        run("quick", 10);
        run("slow", 1_000);
    }
    assert!(tracer.flush(LONG).is_complete());
    assert!(memory.is_empty(), "what is always the same is never unusual");
    run("quick", 100);
    run("slow", 900);
    run("new", 100_000);
    assert!(tracer.shutdown(LONG).is_complete());
    let kept = memory.spans();
    assert_eq!(names(&memory), ["quick"]);
    assert_eq!(rule_of(&kept[0]).as_deref(), Some("slow for its route"));
    for invalid in [0.0, 100.0, -1.0, f64::NAN] {
        assert_eq!(TailRule::above_percentile(invalid).unwrap_err(), InvalidPercentile);
    }
}

#[test]
fn a_condition_that_panics_does_not_fit() {
    let rules = [
        TailRule::new("broken", |trace: &LocalTrace<'_>| {
            trace.spans().len() > 1 || panic!("as the test wants")
        }),
        TailRule::all(),
    ];
    let (tracer, memory, _) = tail(rules);
    tracer.span("order").end();
    tracer.span("order").in_scope(|| Span::new("step").end());
    assert!(tracer.shutdown(LONG).is_complete());
    let mut rules: Vec<_> = memory.spans().iter().filter_map(rule_of).collect();
    rules.sort();
    assert_eq!(rules, ["all", "broken"]);
    assert_eq!(tracer.tail_stats().unwrap().rules[0].panicked, 1);
}

// What it is decided about.

#[test]
fn two_local_roots_of_one_trace_are_decided_apart() {
    let (tracer, memory, _) = tail([TailRule::errors()]);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let root = |name: &'static str| {
        tracer.span_builder(name).remote(context(caller(trace_id, TraceFlags::SAMPLED, ""))).start()
    };
    let (good, bad) = (root("good"), root("bad"));
    let (good_step, bad_step) = (good.child("good step"), bad.child("bad step"));
    bad_step.child("deep").record_error_fmt("Broken", format_args!("no"));
    drop((good_step, bad_step));
    good.end();
    assert!(tracer.tail_stats().unwrap().kept == 0);
    bad.end();
    let report = tracer.shutdown(LONG);
    assert_eq!(names(&memory), ["bad", "bad step", "deep"]);
    assert_eq!(report.stats.sampled_out_spans, 2);
    assert_balanced(&report.stats);
}

/// A root may be seen before what ended earlier on another thread: over and over, on many threads.
#[test]
fn what_other_threads_ended_before_the_root_is_decided_with_it() {
    const TRACES: usize = 300;
    let (tracer, memory, _) = tail([TailRule::errors()]);
    let meet = Barrier::new(2);
    let (hand_over, handles) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            for handle in handles {
                let handle: throughline::SpanHandle = handle;
                handle.child("elsewhere").set_status(Status::error("no"));
                meet.wait();
            }
        });
        for _ in 0..TRACES {
            let root = tracer.span("root");
            hand_over.send(root.handle().unwrap()).unwrap();
            meet.wait();
            root.end();
        }
        drop(hand_over);
    });
    wait_until(|| {
        let stats = tracer.tail_stats().unwrap();
        stats.kept + stats.dropped == TRACES as u64 && stats.undecided == 0
    });
    let stats = tracer.tail_stats().unwrap();
    assert_eq!((stats.kept, stats.kept_spans, stats.late_spans), (TRACES as u64, 2 * TRACES as u64, 0));
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(memory.len(), 2 * TRACES);
}

#[test]
fn late_spans_follow_the_decision() {
    let (tracer, memory, _) = tail([TailRule::errors()]);
    let (good, bad) = (tracer.span("good"), tracer.span("bad"));
    let (good_late, bad_late) = (good.child("good late"), bad.child("bad late"));
    good.end();
    bad.set_status(Status::error("no"));
    bad.end();
    wait_until(|| tracer.tail_stats().unwrap().kept + tracer.tail_stats().unwrap().dropped == 2);
    good_late.set_status(Status::error("too late"));
    drop((good_late, bad_late));
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["bad", "bad late"]);
    assert_eq!(tracer.tail_stats().unwrap().late_spans, 2);
}

#[test]
fn lingering_waits_for_what_outlives_the_root() {
    let clock = ManualClock::new();
    let sampler = TailSampler::new().rule(TailRule::errors()).linger(Duration::from_secs(2));
    let (tracer, memory) = tracer(|builder| builder.tail_sampler(sampler).clock(clock.clone().into()));
    let root = tracer.span("root");
    let background = root.child("background");
    root.end();
    wait_until(|| tracer.tail_stats().unwrap().undecided_spans == 1);
    clock.advance(Duration::from_secs(1));
    background.set_status(Status::error("no"));
    drop(background);
    wait_until(|| tracer.tail_stats().unwrap().undecided_spans == 2);
    clock.advance(Duration::from_secs(1));
    wait_until(|| tracer.tail_stats().unwrap().undecided == 0);
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(names(&memory), ["background", "root"]);
    assert_eq!(tracer.tail_stats().unwrap().early.total(), 0);
}

// What was recorded only.

#[test]
fn a_caller_s_00_does_not_hide_errors_here() {
    let sampler = ParentBased::new(AlwaysOn).remote_not_sampled(AlwaysRecord::new(AlwaysOff));
    let rules = TailSampler::new().rule(TailRule::errors()).rule(TailRule::sampled());
    let (tracer, memory) = tracer(|builder| builder.sampler(sampler).tail_sampler(rules));
    let mut random = Seeded::new(1);
    let mut serve = |name: &'static str, flags: TraceFlags, fails: bool| {
        let caller = caller(random.trace_id(), flags, "");
        let span = tracer.span_builder(name).kind(SpanKind::Server).remote(context(caller)).start();
        assert!(span.is_recording());
        let outgoing = span.handle().unwrap().child("call").context().unwrap();
        assert_eq!(outgoing.is_sampled(), flags.is_sampled(), "callees do as the caller says");
        if fails {
            span.set_status(Status::error("no"));
        }
    };
    serve("00 good", TraceFlags::default(), false);
    serve("00 bad", TraceFlags::default(), true);
    serve("01 good", TraceFlags::SAMPLED, false);
    serve("01 bad", TraceFlags::SAMPLED, true);
    let report = tracer.shutdown(LONG);
    let kept: Vec<_> = memory
        .spans()
        .iter()
        .filter(|span| span.is_local_root())
        .map(|span| (span.name().to_owned(), rule_of(span).unwrap(), span.flags().is_sampled()))
        .collect();
    let row = |name: &str, rule: &str, sampled| (name.to_owned(), rule.to_owned(), sampled);
    assert_eq!(
        kept,
        [row("00 bad", "errors", false), row("01 good", "sampled", true), row("01 bad", "errors", true)],
    );
    assert_eq!((report.stats.sampled_out, report.stats.sampled_out_spans), (0, 2));
    assert_balanced(&report.stats);
}

// What it stands for.

/// A trace of a known id, about which nobody has decided: the head sampler is this tracer's.
fn begun_elsewhere(tracer: &Tracer, random: &mut Seeded) -> Span {
    let caller = caller(random.trace_id(), TraceFlags::DEFERRED, "");
    tracer.span_builder("order").remote(context(caller)).start()
}

/// So many traces, every tenth of which fails, through a head and a tail sampler: the spans that come out.
fn thousands(
    head: impl throughline::sampling::Sampler + 'static,
    tail: TailSampler,
) -> (Vec<SpanRecord>, u64) {
    const TRACES: u64 = 20_000;
    let mut random = Seeded::new(23);
    let (tracer, memory) = tracer(|builder| {
        builder.sampler(head).tail_sampler(tail).max_buffered_spans(1 << 20).max_queued(1 << 20, 1 << 30)
    });
    for number in 0..TRACES {
        let span = begun_elsewhere(&tracer, &mut random);
        if number % 10 == 0 {
            span.set_status(Status::error("no"));
        }
    }
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_balanced(&report.stats);
    (memory.spans(), TRACES)
}

/// The estimate of how many there were, and of how many failed, is right within five standard deviations
/// (`worst` is the largest weight; fixed seeds).
#[track_caller]
fn assert_estimates(spans: &[SpanRecord], traces: u64, worst: f64) {
    let performance = Performance::of(spans.iter().map(|span| ("orders", span)));
    let order = &performance.operations()[0];
    let within = |estimate: usize, expected: f64| {
        let bound = 5.0 * (expected * (worst - 1.0)).sqrt() + 1.0;
        assert!((estimate as f64 - expected).abs() <= bound, "{estimate}, expected {expected} ± {bound}");
    };
    within(order.requests, traces as f64);
    within(order.errors, traces as f64 / 10.0);
}

#[test]
fn a_ratio_s_weight_and_threshold_are_on_every_span() {
    let rules = TailSampler::new().rule(TailRule::errors()).rule(TailRule::sampled().ratio(0.1).unwrap());
    let (spans, traces) = thousands(AlwaysOn, rules);
    for span in &spans {
        let (rule, state) = (rule_of(span).unwrap(), span.trace_state().to_string());
        match rule.as_str() {
            "errors" => assert_eq!((span.adjusted_count(), state.as_str()), (1.0, "")),
            "sampled" => {
                assert_eq!(state, "ot=th:e666");
                assert!((span.adjusted_count() - 9.999_389_7).abs() < 1e-6);
            }
            other => panic!("{other}"),
        }
    }
    let of_rule =
        |name: &str| spans.iter().filter(|span| rule_of(span).as_deref() == Some(name)).count() as u64;
    assert_eq!(of_rule("errors"), traces / 10, "all of them");
    assert_binomial(of_rule("sampled"), traces * 9 / 10, 0.100_006_103_515_625);
    assert_estimates(&spans, traces, 10.0);
}

#[test]
fn head_and_tail_ratios_do_not_lose_twice() {
    // The same random bits: a tail ratio of a half takes nothing from what a head ratio of a fifth left.
    let rest = |ratio| TailSampler::new().rule(TailRule::sampled().ratio(ratio).unwrap());
    let fifth = || ParentBased::new(Ratio::new(0.2).unwrap());
    let (spans, traces) = thousands(fifth(), rest(0.5));
    assert_binomial(spans.len() as u64, traces, 0.2);
    assert!(spans.iter().all(|span| span.trace_state().to_string() == "ot=th:cccd"));
    assert_estimates(&spans, traces, 5.0);
    // A tail ratio of a tenth takes half of it.
    let (spans, traces) = thousands(fifth(), rest(0.1));
    assert_binomial(spans.len() as u64, traces, 0.1);
    assert!(spans.iter().all(|span| span.trace_state().to_string() == "ot=th:e666"));
    assert_estimates(&spans, traces, 10.0);
    // A rule that keeps all keeps what the head sampler says of it.
    let (spans, traces) = thousands(fifth(), TailSampler::new().rule(TailRule::all()));
    assert!(spans.iter().all(|span| (span.adjusted_count() - 5.0).abs() < 1e-3));
    assert_estimates(&spans, traces, 5.0);
}

#[test]
fn what_was_recorded_anyway_stands_for_itself() {
    let rules = || TailSampler::new().rule(TailRule::errors()).rule(TailRule::sampled());
    let head = ParentBased::new(AlwaysRecord::new(Ratio::new(0.1).unwrap()));
    let (spans, traces) = thousands(head, rules());
    let (errors, others): (Vec<_>, Vec<_>) =
        spans.iter().partition(|span| rule_of(span).as_deref() == Some("errors"));
    assert_eq!(errors.len() as u64, traces / 10, "sampled or not");
    for span in errors {
        // Written where the head sampler's has to be corrected.
        let state = span.trace_state().to_string();
        assert_eq!(state, if span.flags().is_sampled() { "ot=th:0" } else { "" });
        assert_eq!(span.adjusted_count(), 1.0);
    }
    assert!(others.iter().all(|span| span.trace_state().to_string() == "ot=th:e666"));
    assert_estimates(&spans, traces, 10.0);
    // The rest at a ratio of the tail sampler's own, of everything.
    let head = ParentBased::new(AlwaysRecord::new(Ratio::new(0.1).unwrap()));
    let tail = TailSampler::new().rule(TailRule::errors()).rule(TailRule::all().ratio(0.25).unwrap());
    let (spans, traces) = thousands(head, tail);
    assert_binomial(spans.len() as u64 - traces / 10, traces * 9 / 10, 0.25);
    assert_estimates(&spans, traces, 4.0);
}

#[test]
fn a_rate_limit_s_weight_counts_what_it_passed_over() {
    let clock = ManualClock::new();
    let rules = TailSampler::new()
        .rule(TailRule::errors())
        .rule(TailRule::sampled().ratio(0.5).unwrap().at_most(2.0).unwrap());
    let (tracer, memory) = tracer(|builder| builder.tail_sampler(rules).clock(clock.clone().into()));
    const PER_SECOND: u64 = 50;
    let mut random = Seeded::new(29);
    for second in 1..=40 {
        for _ in 0..PER_SECOND {
            begun_elsewhere(&tracer, &mut random).end();
        }
        // The tail sampler's time is the collector's.
        wait_until(|| {
            let stats = tracer.tail_stats().unwrap();
            stats.kept + stats.dropped == second * PER_SECOND
        });
        clock.advance(Duration::from_secs(1));
    }
    let report = tracer.shutdown(LONG);
    let spans = memory.spans();
    assert_eq!(spans.len(), 80, "two a second");
    assert!(spans.iter().all(|span| span.trace_state().is_empty()), "of no consistent probability");
    let estimate: f64 = spans.iter().map(|span| span.adjusted_count()).sum();
    let all = 40.0 * PER_SECOND as f64;
    assert!((estimate - all).abs() < 5.0 * all.sqrt() + PER_SECOND as f64, "{estimate} of {all}");
    assert_balanced(&report.stats);
}

#[test]
fn a_head_rate_limit_s_weight_goes_through() {
    let clock = ManualClock::new();
    let head = RateLimited::new(1.0).unwrap().clock(clock.clone().into());
    let rules = TailSampler::new().rule(TailRule::all().ratio(0.5).unwrap());
    let (tracer, memory) = tracer(|builder| builder.sampler(head).tail_sampler(rules));
    let mut random = Seeded::new(31);
    for _ in 0..200 {
        (0..5).for_each(|_| begun_elsewhere(&tracer, &mut random).end());
        clock.advance(Duration::from_secs(1));
    }
    let report = tracer.shutdown(LONG);
    assert_binomial(memory.len() as u64, 200, 0.5);
    assert_eq!(report.stats.sampled_out, 800);
    let (first, others): (Vec<_>, Vec<_>) =
        memory.spans().into_iter().partition(|span| span.adjusted_count() == 2.0);
    assert!(first.len() <= 1, "before the first there was nothing to pass over");
    assert!(others.iter().all(|span| span.adjusted_count() == 10.0 && span.trace_state().is_empty()));
}
