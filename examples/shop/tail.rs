//! What each service keeps, and why.

use std::time::Duration;
use throughline::{
    Outcome, Tracer,
    sampling::tail::{LocalTrace, TailRule, TailSampler},
};

/// Of ordinary requests, one in so many is kept.
const ORDINARY: f64 = 20.0;

/// Keeps what went wrong, what was slow, and a few of the rest. All services keep the same few, because
/// they go by the same random bits of the trace's id.
pub fn sampler() -> Result<TailSampler, Box<dyn std::error::Error + Send + Sync>> {
    Ok(TailSampler::new()
        .rule(TailRule::errors())
        .rule(TailRule::debug())
        .rule(TailRule::slower_than(Duration::from_millis(100)))
        .rule(TailRule::new("cancelled", |trace: &LocalTrace<'_>| {
            trace.root().is_some_and(|root| root.outcome() == Outcome::Cancelled)
        }))
        .rule(TailRule::sampled().ratio(1.0 / ORDINARY)?.named("one in twenty of the rest")))
}

/// A line for each rule of each service that kept anything.
pub fn explain(tracers: &[Tracer]) {
    println!("{:<10} {:<26} {:>7} {:>12}", "service", "kept because of", "traces", "passed over");
    for tracer in tracers {
        let Some(stats) = tracer.tail_stats() else { continue };
        let service = tracer.resource().service_name();
        for rule in stats.rules.iter().filter(|rule| rule.kept + rule.passed_over > 0) {
            println!("{service:<10} {:<26} {:>7} {:>12}", rule.name, rule.kept, rule.passed_over);
        }
        let (kept, all) = (stats.kept_spans, stats.kept_spans + stats.dropped_spans);
        println!("{service:<10} {kept} of {all} spans kept");
    }
}
