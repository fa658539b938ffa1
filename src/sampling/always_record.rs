//! Nothing is out of a tail sampler's sight (floor 3).

use super::{
    parameters::SamplingParameters,
    result::{SamplingDecision, SamplingResult},
    sampler::Sampler,
};

/// Samples what another sampler samples, and records the rest without telling callees, for a
/// [tail sampler](super::tail) to decide about [OpenTelemetry trace SDK, AlwaysRecord].
///
/// Without a tail sampler the rest is dropped, as if this were not here.
///
/// So that a caller's `00` cannot hide this service's errors:
///
/// ```
/// use throughline::{
///     Tracer,
///     sampling::{AlwaysOff, AlwaysOn, AlwaysRecord, ParentBased, tail::{TailRule, TailSampler}},
/// };
///
/// let tracer = Tracer::builder("orders")
///     .sampler(ParentBased::new(AlwaysOn).remote_not_sampled(AlwaysRecord::new(AlwaysOff)))
///     .tail_sampler(TailSampler::new().rule(TailRule::errors()).rule(TailRule::sampled()))
///     .build()?;
/// # Ok::<(), throughline::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysRecord<S>(S);

impl<S: Sampler> AlwaysRecord<S> {
    /// Asks `sampler`, and records what it drops.
    pub const fn new(sampler: S) -> Self {
        Self(sampler)
    }
}

impl<S: Sampler> Sampler for AlwaysRecord<S> {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult {
        let mut result = self.0.should_sample(parameters);
        if result.decision == SamplingDecision::Drop {
            result.decision = SamplingDecision::RecordOnly;
        }
        result.recorded_anyway = true;
        result
    }

    fn wants_attributes(&self) -> bool {
        self.0.wants_attributes()
    }

    fn always_records(&self) -> bool {
        true
    }
}
