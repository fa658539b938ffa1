//! The seam (floor 3): what a sampler is.

use super::{parameters::SamplingParameters, result::SamplingResult};

/// Decides whether a trace is recorded.
///
/// Asked on the thread that starts the trace's first span here; it should be quick and must neither block
/// nor panic. A closure of the same form is a sampler, and may return a [`SamplingResult`], a
/// [`SamplingDecision`](super::SamplingDecision) or a `bool`.
///
/// ```
/// use throughline::{SpanKind, Tracer, sampling::{SamplingParameters, SamplingResult, Threshold}};
///
/// let hundredth = Threshold::from_probability(0.01).unwrap();
/// let tracer = Tracer::builder("orders")
///     .sampler(move |parameters: &SamplingParameters<'_>| match parameters.kind {
///         SpanKind::Consumer => SamplingResult::by_threshold(parameters, hundredth),
///         _ => SamplingResult::from(true).with_attribute("sampler", "mine"),
///     })
///     .build()?;
/// # Ok::<(), throughline::BuildError>(())
/// ```
pub trait Sampler: Send + Sync {
    /// What becomes of the trace [OpenTelemetry trace SDK, ShouldSample].
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult;

    /// Does the sampler look at attributes? If not, they are not gathered for it. Asked once, when the
    /// tracer is built. Default: yes.
    fn wants_attributes(&self) -> bool {
        true
    }

    /// Is every trace recorded, be it sampled or not? A tail sampler then sees all of them, and those that
    /// were sampled stand for no others. Default: no.
    fn always_records(&self) -> bool {
        false
    }
}

impl<F, R> Sampler for F
where
    F: Fn(&SamplingParameters<'_>) -> R + Send + Sync,
    R: Into<SamplingResult>,
{
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> SamplingResult {
        self(parameters).into()
    }
}
