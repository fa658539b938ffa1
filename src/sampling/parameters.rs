//! What a sampler is asked about (floor 3).

use crate::{
    context::{SpanContext, Threshold, TraceState},
    ids::TraceId,
    record::SpanKind,
    value::{Attribute, Value},
};

/// What is known of a span as it starts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SamplingParameters<'a> {
    /// The caller's span, if the trace began elsewhere.
    pub parent: Option<&'a SpanContext>,
    /// The trace.
    pub trace_id: TraceId,
    /// The span's name.
    pub name: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
    /// The attributes known at the start; none if the sampler [does not want
    /// them](super::Sampler::wants_attributes).
    pub attributes: &'a [Attribute<'a>],
}

impl<'a> SamplingParameters<'a> {
    /// A span that begins a trace, without attributes: to ask a sampler with, in a test of one's own.
    pub const fn new(trace_id: TraceId, name: &'a str, kind: SpanKind) -> Self {
        Self { parent: None, trace_id, name, kind, attributes: &[] }
    }

    /// The same under a caller's span.
    #[must_use]
    pub const fn with_parent(mut self, parent: &'a SpanContext) -> Self {
        self.trace_id = parent.trace_id();
        self.parent = Some(parent);
        self
    }

    /// The same with these attributes.
    #[must_use]
    pub const fn with_attributes(mut self, attributes: &'a [Attribute<'a>]) -> Self {
        self.attributes = attributes;
        self
    }

    /// The value of an attribute. Where a key was set twice, the last counts.
    pub fn attribute(&self, key: &str) -> Option<&'a Value<'a>> {
        self.attributes.iter().rev().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }

    /// The 56 random bits by which every service samples this trace alike: `rv` of the tracestate's `ot`
    /// entry, or else the end of the trace id [OpenTelemetry, Probability Sampling, randomness value].
    pub fn randomness(&self) -> u64 {
        randomness(self.trace_id, self.parent.map(SpanContext::trace_state))
    }

    /// The threshold by which the caller kept the trace, if that is known, and agrees with what the caller
    /// says it did.
    pub fn parent_threshold(&self) -> Option<Threshold> {
        let parent = self.parent.filter(|parent| parent.is_sampled())?;
        parent.trace_state().sampling_threshold().filter(|threshold| threshold.keeps(self.randomness()))
    }
}

/// The random bits of a trace.
pub(super) fn randomness(trace_id: TraceId, trace_state: Option<&TraceState>) -> u64 {
    const BITS: u64 = (1 << 56) - 1;
    trace_state.and_then(TraceState::explicit_randomness).unwrap_or(trace_id.as_u128() as u64 & BITS)
}
