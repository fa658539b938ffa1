//! Nothing (floor 3).

use super::{parameters::SamplingParameters, result::SamplingResult, sampler::Sampler};

/// Drops every trace, whatever its caller does.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOff;

impl Sampler for AlwaysOff {
    #[inline]
    fn should_sample(&self, _: &SamplingParameters<'_>) -> SamplingResult {
        SamplingResult::never()
    }

    fn wants_attributes(&self) -> bool {
        false
    }
}
