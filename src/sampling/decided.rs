//! From a sampler's answer to what the engine keeps of it (floor 3).

use super::result::{Additions, Chance, SamplingDecision, SamplingResult};
use crate::{
    context::{Threshold, TraceState},
    record::Weight,
};

/// What a decision means for the trace it was made of.
pub(crate) struct Decided {
    pub(crate) is_recording: bool,
    pub(crate) is_sampled: bool,
    pub(crate) weight: Weight,
    /// What travels on.
    pub(crate) trace_state: TraceState,
    /// Among them what is for the trace's first span here.
    pub(crate) additions: Option<Box<Additions>>,
}

impl SamplingResult {
    /// Carries the decision out on the tracestate that came with the trace. Without a tail sampler nothing is
    /// recorded that is not sampled: nobody would ever see it.
    #[inline]
    pub(crate) fn decide(mut self, received: TraceState, has_tail_sampler: bool) -> Decided {
        let is_sampled = self.is_sampled();
        let is_recording = is_sampled || has_tail_sampler && self.decision == SamplingDecision::RecordOnly;
        let changed = self.additions.as_mut().and_then(|additions| additions.trace_state.take());
        let keeps_trace_state = self.keeps_trace_state && changed.is_none();
        let mut trace_state = changed.unwrap_or(received);
        let (threshold, weight) = match self.chance {
            _ if !is_sampled => (None, Weight::ONE),
            Chance::Unknown => (None, Weight::ONE),
            Chance::Threshold(Threshold::ALWAYS) => (Some(Threshold::ALWAYS), Weight::ONE),
            Chance::Threshold(threshold) => (Some(threshold), Weight::new(threshold.adjusted_count())),
            Chance::Count(count) => (None, Weight::new(count)),
        };
        // Most traces have no tracestate, and need none to say that nothing was left out.
        let says_something = threshold.is_some_and(|threshold| threshold != Threshold::ALWAYS);
        if !keeps_trace_state && (says_something || !trace_state.is_empty()) {
            let says_nothing =
                threshold == Some(Threshold::ALWAYS) && trace_state.sampling_threshold().is_none();
            trace_state.set_sampling_threshold(threshold.filter(|_| !says_nothing));
        }
        let was_recorded_anyway = has_tail_sampler && self.recorded_anyway;
        Decided {
            is_recording,
            is_sampled,
            weight: if was_recorded_anyway { weight.recorded_anyway() } else { weight },
            trace_state,
            additions: self.additions,
        }
    }
}
