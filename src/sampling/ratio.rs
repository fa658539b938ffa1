//! A share of all traces (floor 3).

use super::{parameters::SamplingParameters, result::SamplingResult, sampler::Sampler};
use crate::context::Threshold;

/// Samples a share of all traces by their random bits, so that services with the same ratio choose the same
/// traces, and one with a higher ratio chooses those and more.
///
/// Ignores whether the caller recorded the trace: see [`ParentBased`](super::ParentBased). Writes its
/// threshold into the tracestate of what it samples [OpenTelemetry trace SDK, ProbabilitySampler].
#[doc(alias = "TraceIdRatioBased")]
#[doc(alias = "ProbabilitySampler")]
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// `None` for a ratio of 0, which is no probability.
    threshold: Option<Threshold>,
}

/// A ratio is between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sampling ratio is a number from 0 to 1")]
pub struct InvalidRatio;

impl Ratio {
    /// Samples `ratio` of all traces, rounded as [`Threshold::from_probability`] says; none for 0.
    ///
    /// # Errors
    ///
    /// [`InvalidRatio`] if it is not between 0 and 1.
    pub fn new(ratio: f64) -> Result<Self, InvalidRatio> {
        let threshold = Threshold::from_probability(ratio);
        if threshold.is_some() || ratio == 0.0 { Ok(Self { threshold }) } else { Err(InvalidRatio) }
    }

    /// The threshold; `None` for a ratio of 0.
    pub const fn threshold(&self) -> Option<Threshold> {
        self.threshold
    }
}

impl Sampler for Ratio {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult {
        match self.threshold {
            Some(threshold) => SamplingResult::by_threshold(parameters, threshold),
            None => SamplingResult::never(),
        }
    }

    fn wants_attributes(&self) -> bool {
        false
    }

    fn always_records(&self) -> bool {
        self.threshold == Some(Threshold::ALWAYS)
    }
}
