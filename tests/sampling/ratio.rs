//! The ratio sampler: how many, which, and what it tells others.

use crate::support::{Seeded, ask, ask_under, assert_binomial, caller, context, tracer};
use throughline::{
    SpanContext, TraceFlags, TraceId,
    sampling::{AlwaysOn, InvalidRatio, ParentBased, Ratio},
};

#[test]
fn the_share_is_the_ratio() {
    const TRACES: u64 = 200_000;
    for (seed, ratio) in [(1, 0.5), (2, 0.1), (3, 0.01), (4, 0.9), (5, 1.0 / 3.0)] {
        let (sampler, mut random) = (Ratio::new(ratio).unwrap(), Seeded::new(seed));
        let probability = sampler.threshold().unwrap().probability();
        assert!((probability / ratio - 1.0).abs() < 1e-3, "{ratio}");
        let results: Vec<_> = (0..TRACES).map(|_| ask(&sampler, random.trace_id())).collect();
        let sampled = results.iter().filter(|result| result.is_sampled());
        assert_binomial(sampled.clone().count() as u64, TRACES, probability);
        // What was kept stands for all there was.
        let estimate: f64 = sampled.map(|result| result.adjusted_count()).sum();
        let deviation = (TRACES as f64 * (1.0 - probability) / probability).sqrt();
        assert!((estimate - TRACES as f64).abs() <= 5.0 * deviation, "{ratio}: {estimate}");
    }
}

#[test]
fn none_and_all_are_exact() {
    let (none, all) = (Ratio::new(0.0).unwrap(), Ratio::new(1.0).unwrap());
    for low_bits in [0, 1, (1 << 56) - 1] {
        let trace_id = TraceId::from_u128(1 << 127 | low_bits).unwrap();
        assert!(!ask(&none, trace_id).is_sampled() && ask(&all, trace_id).is_sampled());
    }
    for invalid in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Ratio::new(invalid).unwrap_err(), InvalidRatio);
    }
}

#[test]
fn a_higher_ratio_samples_whatever_a_lower_one_does() {
    let mut random = Seeded::new(7);
    let samplers = [0.001, 0.01, 0.1, 0.1, 0.5, 1.0].map(|ratio| Ratio::new(ratio).unwrap());
    for _ in 0..50_000 {
        let trace_id = random.trace_id();
        let sampled = samplers.map(|sampler| ask(&sampler, trace_id).is_sampled());
        assert!(sampled.is_sorted(), "{sampled:?}");
        assert_eq!(sampled[2], sampled[3], "the same ratio");
    }
}

#[test]
fn explicit_randomness_wins_over_the_trace_id() {
    let half = Ratio::new(0.5).unwrap();
    let low: TraceId = "4bf92f3577b34da6a300000000000000".parse().unwrap();
    let high: TraceId = "4bf92f3577b34da6a3ffffffffffffff".parse().unwrap();
    for (trace_id, trace_state, sampled) in [
        (low, "", false),
        (high, "", true),
        (low, "ot=rv:80000000000000", true),
        (high, "ot=rv:7fffffffffffff", false),
        // Malformed: as if it were not there.
        (low, "ot=rv:8", false),
        (high, "ot=rv:7FFFFFFFFFFFFF", true),
    ] {
        let caller = caller(trace_id, TraceFlags::SAMPLED, trace_state);
        assert_eq!(ask_under(&half, &caller).is_sampled(), sampled, "{trace_id} {trace_state}");
    }
}

/// A service's outgoing context for a caller's trace, and the adjusted count of what it recorded.
fn pass(sampler: Ratio, received: Option<SpanContext>) -> (SpanContext, Option<f64>) {
    let (tracer, memory) = tracer(|builder| builder.sampler(sampler));
    let span = match received {
        Some(caller) => tracer.span_builder("order").remote(context(caller)).start(),
        None => tracer.span("order"),
    };
    let outgoing = span.context().unwrap();
    drop(span);
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    (outgoing, memory.spans().first().map(|span| span.adjusted_count()))
}

#[test]
fn two_services_with_the_same_ratio_keep_the_same_traces() {
    let (quarter, tenth) = (Ratio::new(0.25).unwrap(), Ratio::new(0.1).unwrap());
    let mut random = Seeded::new(11);
    let mut both = 0;
    for _ in 0..300 {
        let caller = caller(random.trace_id(), TraceFlags::default(), "congo=1");
        let (first, first_count) = pass(quarter, Some(caller));
        let (second, second_count) = pass(quarter, Some(first.clone()));
        assert_eq!(first.is_sampled(), second.is_sampled());
        assert_eq!(first_count, second_count);
        assert_eq!(first.trace_state(), second.trace_state());
        // A service that keeps fewer keeps some of the same, and says so.
        let (third, third_count) = pass(tenth, Some(second.clone()));
        assert!(second.is_sampled() || !third.is_sampled());
        match (first.is_sampled(), third.is_sampled()) {
            (false, _) => assert_eq!(first.trace_state().to_string(), "congo=1"),
            (true, false) => assert_eq!(third.trace_state().to_string(), "congo=1", "erased"),
            (true, true) => {
                both += 1;
                assert_eq!(second.trace_state().to_string(), "ot=th:c,congo=1");
                assert_eq!(third.trace_state().to_string(), "ot=th:e666,congo=1");
                assert_eq!(first_count, Some(4.0));
                assert!((third_count.unwrap() - 9.999_389_7).abs() < 1e-6);
            }
        }
    }
    assert_binomial(both, 300, tenth.threshold().unwrap().probability());
}

#[test]
fn what_is_not_known_any_more_is_erased() {
    let mut random = Seeded::new(13);
    let caller = caller(random.trace_id(), TraceFlags::SAMPLED, "ot=th:0;rv:ffffffffffffff,a=1");
    let outgoing = |sampler: Box<dyn Fn() -> bool + Send + Sync>| {
        let (tracer, _) = tracer(|builder| {
            builder.sampler(move |_: &throughline::sampling::SamplingParameters<'_>| sampler())
        });
        let span = tracer.span_builder("order").remote(context(caller.clone())).start();
        span.context().unwrap().trace_state().to_string()
    };
    assert_eq!(outgoing(Box::new(|| true)), "ot=rv:ffffffffffffff,a=1", "of unknown probability");
    assert_eq!(outgoing(Box::new(|| false)), "ot=rv:ffffffffffffff,a=1");
}

#[test]
fn everything_is_said_only_where_something_else_was() {
    let outgoing = |trace_state: &str| {
        let (tracer, _) = tracer(|builder| builder.sampler(AlwaysOn));
        let trace_id = "4bf92f3577b34da6a3ffffffffffffff".parse().unwrap();
        let caller = caller(trace_id, TraceFlags::SAMPLED, trace_state);
        let span = tracer.span_builder("order").remote(context(caller)).start();
        span.context().unwrap().trace_state().to_string()
    };
    assert_eq!(outgoing("a=1"), "a=1");
    assert_eq!(outgoing("a=1,ot=th:c"), "ot=th:0,a=1", "this service keeps them all");
    assert_eq!(outgoing("a=1,ot=th:0"), "a=1,ot=th:0");
}

#[test]
fn a_root_s_threshold_goes_with_every_span() {
    let ratio = ParentBased::new(Ratio::new(0.5).unwrap());
    let (tracer, memory) = tracer(|builder| builder.sampler(ratio));
    for _ in 0..100 {
        tracer.span("order").in_scope(|| throughline::Span::new("step").end());
    }
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    let spans = memory.spans();
    assert!(!spans.is_empty() && spans.len() < 200);
    for span in &spans {
        assert_eq!((span.trace_state().to_string().as_str(), span.adjusted_count()), ("ot=th:8", 2.0));
    }
}
