//! Everything (floor 3).

use super::{parameters::SamplingParameters, result::SamplingResult, sampler::Sampler};

/// Samples every trace, whatever its caller does.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOn;

impl Sampler for AlwaysOn {
    #[inline]
    fn should_sample(&self, _: &SamplingParameters<'_>) -> SamplingResult {
        SamplingResult::always()
    }

    fn wants_attributes(&self) -> bool {
        false
    }

    fn always_records(&self) -> bool {
        true
    }
}
