//! What a decision means for a span (floor 3).

use super::key::Key;
use crate::{
    context::{Threshold, TraceState},
    record::{SpanRecord, Weight},
};

/// The attribute of a local root that says which rule kept its trace.
pub const RULE: &str = "sampling.rule";

/// A trace is kept: by which rule, and how likely that was.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    /// The rule's place.
    pub(super) rule: u32,
    pub(super) threshold: Threshold,
    /// By a rate limit, this many are one.
    pub(super) limited: Option<u64>,
    /// The rule does not fit what the head sampler recorded only.
    pub(super) only_sampled: bool,
}

/// What came of one trace.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    Kept(Kept),
    Dropped,
}

/// Writes a decision into spans, of one trace mostly, the tracestate of which is then rewritten once.
pub(super) struct Marker<'r> {
    pub(super) kept: Kept,
    pub(super) rule_name: &'r str,
    last: Option<(TraceState, TraceState)>,
}

impl<'r> Marker<'r> {
    pub(super) const fn new(kept: Kept, rule_name: &'r str) -> Self {
        Self { kept, rule_name, last: None }
    }

    /// Says what the span stands for and, on the local root, by which rule it was kept.
    pub(super) fn mark(&mut self, span: &mut SpanRecord) {
        let (weight, threshold) = self.kept.chance(span);
        span.weight = weight;
        let says_nothing =
            threshold == Some(Threshold::ALWAYS) && span.trace_state().sampling_threshold().is_none();
        if threshold != span.trace_state().sampling_threshold() && !says_nothing {
            let marked = self.marked(span.trace_state(), threshold);
            span.trace_state = marked;
        }
        if Key::of(span).is_root(span) {
            span.details_mut().set_attribute(RULE.into(), self.rule_name.into());
        }
    }

    fn marked(&mut self, trace_state: &TraceState, threshold: Option<Threshold>) -> TraceState {
        if let Some((from, to)) = &self.last
            && from == trace_state
        {
            return to.clone();
        }
        let mut marked = trace_state.clone();
        marked.set_sampling_threshold(threshold);
        self.last = Some((trace_state.clone(), marked.clone()));
        marked
    }
}

impl Kept {
    /// How likely a span was to get here, all stages together, and as a threshold if it is one
    /// [OpenTelemetry, Probability Sampling, equalizing downstream sampler].
    fn chance(&self, span: &SpanRecord) -> (Weight, Option<Threshold>) {
        // What the head sampler says of itself holds for what it sampled. A rule that fits the rest as well
        // takes away from what was recorded.
        let passed_head = if span.weight.is_recorded_anyway() && !self.only_sampled {
            Ok(Threshold::ALWAYS)
        } else {
            match span.trace_state().sampling_threshold() {
                Some(threshold) => Ok(threshold),
                None if span.weight.count() == 1.0 => Ok(Threshold::ALWAYS),
                None => Err(span.weight.count()),
            }
        };
        let (count, threshold) = match passed_head {
            // The same random bits have to reach both.
            Ok(head) => {
                let threshold = head.max(self.threshold);
                (threshold.adjusted_count(), Some(threshold))
            }
            Err(count) => (count * self.threshold.adjusted_count(), None),
        };
        match self.limited {
            Some(limited) => (Weight::new(count * limited as f64), None),
            None => (Weight::new(count), threshold),
        }
    }
}
