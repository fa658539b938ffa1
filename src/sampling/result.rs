//! What a sampler answers (floor 3).

use super::parameters::SamplingParameters;
use crate::{
    context::{Threshold, TraceState},
    value::Value,
};
use std::borrow::Cow;

/// What becomes of a trace [OpenTelemetry trace SDK, ShouldSample].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SamplingDecision {
    /// Nothing is recorded; callees are told so.
    Drop,
    /// Recorded here, for a [tail sampler](super::tail) to decide about, while callees are told that it is
    /// not. Without a tail sampler it is dropped.
    RecordOnly,
    /// Recorded; callees are told so.
    RecordAndSample,
}

/// How likely a sampled trace was to be sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Chance {
    /// Nobody knows.
    Unknown,
    /// By the trace's random bits.
    Threshold(Threshold),
    /// Not by them; this many traces are one.
    Count(f64),
}

/// A decision, and what goes with it. Holds no memory unless attributes or a tracestate are added.
///
/// A `bool` or a [`SamplingDecision`] alone says that the probability is not known: a threshold that came
/// with the trace is then erased.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct SamplingResult {
    pub(super) decision: SamplingDecision,
    pub(super) chance: Chance,
    pub(super) recorded_anyway: bool,
    /// The caller's tracestate is known to say no more and no less than what is true after this decision.
    pub(super) keeps_trace_state: bool,
    /// Few samplers have anything to add, and all of them are asked for every trace.
    pub(super) additions: Option<Box<Additions>>,
}

/// What a sampler adds to a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Additions {
    /// For the first span here.
    pub(crate) attributes: Vec<(Cow<'static, str>, Value<'static>)>,
    /// In the place of the caller's.
    pub(super) trace_state: Option<TraceState>,
}

impl SamplingResult {
    /// A decision of unknown probability.
    pub const fn new(decision: SamplingDecision) -> Self {
        Self {
            decision,
            chance: Chance::Unknown,
            recorded_anyway: false,
            keeps_trace_state: false,
            additions: None,
        }
    }

    /// Every trace is sampled.
    pub(super) const fn always() -> Self {
        let mut result = Self::new(SamplingDecision::RecordAndSample);
        result.chance = Chance::Threshold(Threshold::ALWAYS);
        result
    }

    pub(super) const fn never() -> Self {
        Self::new(SamplingDecision::Drop)
    }

    /// Samples the trace if its random bits reach the threshold, as all services do that have the same
    /// one; drops it if not.
    pub fn by_threshold(parameters: &SamplingParameters<'_>, threshold: Threshold) -> Self {
        if threshold.keeps(parameters.randomness()) {
            Self { chance: Chance::Threshold(threshold), ..Self::new(SamplingDecision::RecordAndSample) }
        } else {
            Self::never()
        }
    }

    /// The same, if the trace is sampled standing for so many traces, itself included; for samplers that do
    /// not go by the trace's random bits.
    pub const fn with_adjusted_count(mut self, count: f64) -> Self {
        self.chance = Chance::Count(count);
        self
    }

    /// The same with one more attribute for the trace's first span here.
    pub fn with_attribute(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value<'static>>,
    ) -> Self {
        self.additions.get_or_insert_default().attributes.push((key.into(), value.into()));
        self
    }

    /// The same with this tracestate in the place of the caller's. The threshold is written into it as into
    /// any; a sampler that changes an entry of its own starts from the caller's.
    pub fn with_trace_state(mut self, trace_state: TraceState) -> Self {
        self.additions.get_or_insert_default().trace_state = Some(trace_state);
        self
    }

    /// The decision.
    pub const fn decision(&self) -> SamplingDecision {
        self.decision
    }

    /// Is the trace sampled?
    pub const fn is_sampled(&self) -> bool {
        matches!(self.decision, SamplingDecision::RecordAndSample)
    }

    /// How many traces it stands for if it is sampled; 1 if that is not known.
    pub fn adjusted_count(&self) -> f64 {
        match self.chance {
            Chance::Unknown => 1.0,
            Chance::Threshold(threshold) => threshold.adjusted_count(),
            Chance::Count(count) => count,
        }
    }

    /// The threshold by which it is sampled, if that is how.
    pub const fn threshold(&self) -> Option<Threshold> {
        match self.chance {
            Chance::Threshold(threshold) => Some(threshold),
            Chance::Unknown | Chance::Count(_) => None,
        }
    }
}

impl From<SamplingDecision> for SamplingResult {
    fn from(decision: SamplingDecision) -> Self {
        Self::new(decision)
    }
}

/// Sampled or dropped.
impl From<bool> for SamplingResult {
    fn from(sampled: bool) -> Self {
        Self::new(if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop })
    }
}
