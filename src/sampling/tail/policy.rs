//! Asking the rules (floor 3).

use super::{
    condition::TailCondition, counters::TailCounters, counters::add, rule::TailRule, trace::LocalTrace,
    verdict::Verdict,
};
use crate::{panics::caught, record::SpanRecord};
use std::sync::Arc;

pub(super) struct Policy {
    rules: Vec<TailRule>,
    counters: Arc<TailCounters>,
}

impl Policy {
    pub(super) const fn new(rules: Vec<TailRule>, counters: Arc<TailCounters>) -> Self {
        Self { rules, counters }
    }

    /// The name of the rule at this place.
    pub(super) fn rule_name(&self, place: u32) -> &str {
        self.rules.get(place as usize).map_or("", |rule| &rule.name)
    }

    /// Asks one rule after the other, and lets all of them take note.
    pub(super) fn decide(&mut self, spans: &[SpanRecord], now: u64) -> Verdict {
        let Some(trace) = LocalTrace::of(spans) else {
            return Verdict::Dropped;
        };
        let verdict = self.ask(&trace, now);
        if trace.root().is_some() {
            for (place, rule) in self.rules.iter_mut().enumerate() {
                let condition = &mut rule.condition;
                guarded(&self.counters, place, || condition.observe(&trace));
            }
        }
        verdict
    }

    fn ask(&mut self, trace: &LocalTrace<'_>, now: u64) -> Verdict {
        let counters = &self.counters;
        for (place, rule) in self.rules.iter_mut().enumerate() {
            let may_fit = trace.is_sampled() || !rule.only_sampled;
            if !(may_fit && fits(counters, place, &mut *rule.condition, trace)) {
                continue;
            }
            let kept = rule.keep(u32::try_from(place).unwrap_or(u32::MAX), trace, now);
            counters.rule(place, |rule| if kept.is_some() { &rule.kept } else { &rule.passed_over });
            return kept.map_or(Verdict::Dropped, Verdict::Kept);
        }
        add(&counters.unmatched, 1);
        Verdict::Dropped
    }
}

fn fits(
    counters: &TailCounters,
    place: usize,
    condition: &mut dyn TailCondition,
    trace: &LocalTrace<'_>,
) -> bool {
    guarded(counters, place, || condition.matches(trace)).unwrap_or(false)
}

/// The application's code must not take the collector down.
fn guarded<R>(counters: &TailCounters, place: usize, body: impl FnOnce() -> R) -> Option<R> {
    let result = caught(body);
    if result.is_none() {
        counters.rule(place, |rule| &rule.panicked);
    }
    result
}
