//! So many traces a second (floor 3).

use super::{
    bucket::{Bucket, InvalidRate},
    parameters::SamplingParameters,
    result::{Chance, SamplingDecision, SamplingResult},
    sampler::Sampler,
};
use crate::clock::{Clock, Timeline};
use std::fmt;

/// Samples so many traces a second, and drops the rest: a token bucket, for all threads together, without a
/// lock.
///
/// A trace that is sampled stands for those dropped since the one before: its
/// [adjusted count](crate::SpanRecord::adjusted_count). Which traces these are is this process's own choice,
/// so no threshold goes on to other services.
///
/// As a branch of [`ParentBased`](super::ParentBased) it keeps callers from having everything recorded, also
/// those who ask for debugging ([`TraceFlags::DEBUG`](crate::TraceFlags::DEBUG)):
///
/// ```
/// use throughline::sampling::{AlwaysOn, ParentBased, RateLimited};
///
/// let sampler = ParentBased::new(AlwaysOn).remote_sampled(RateLimited::new(100.0)?.burst(500));
/// # Ok::<(), throughline::sampling::InvalidRate>(())
/// ```
pub struct RateLimited {
    bucket: Bucket,
    timeline: Timeline,
    began: u64,
}

impl RateLimited {
    /// Samples `per_second` traces a second, at most 10⁹, and none for 0; less than one in 146 years counts as
    /// that. The burst is what a second allows, at least one trace; the time is the machine's.
    ///
    /// # Errors
    ///
    /// [`InvalidRate`] if it is negative or no finite number.
    pub fn new(per_second: f64) -> Result<Self, InvalidRate> {
        let bucket = Bucket::new(per_second)?;
        let timeline = Timeline::new(Clock::system());
        let began = timeline.ticks();
        Ok(Self { bucket, timeline, began })
    }

    /// The most traces that are sampled at once, after a time with fewer; 0 is taken for 1, and more than
    /// flow in within 146 years for so many.
    #[must_use]
    pub fn burst(mut self, traces: u32) -> Self {
        self.bucket = self.bucket.with_burst(traces.into());
        self
    }

    /// Where the time comes from: in a test, a clock that is moved by hand. Where it goes back, less
    /// is sampled, and never more, until it is where it has been.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.timeline = Timeline::new(clock);
        self.began = self.timeline.ticks();
        self
    }
}

impl Sampler for RateLimited {
    fn should_sample(&self, _: &SamplingParameters<'_>) -> SamplingResult {
        let now = self.timeline.nanos_between(self.began, self.timeline.ticks());
        match self.bucket.take(now) {
            Some(count) => SamplingResult {
                chance: Chance::Count(count as f64),
                ..SamplingResult::new(SamplingDecision::RecordAndSample)
            },
            None => SamplingResult::never(),
        }
    }

    fn wants_attributes(&self) -> bool {
        false
    }
}

impl fmt::Debug for RateLimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimited").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
