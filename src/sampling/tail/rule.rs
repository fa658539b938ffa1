//! Rules (floor 3): a name, when it fits, and how much of what fits is kept.

use super::{
    condition::{AbovePercentile, HasAttribute, SlowerThan, TailCondition},
    routes::Routes,
    trace::LocalTrace,
    verdict::Kept,
};
use crate::{
    context::Threshold,
    ids::TraceId,
    sampling::{
        bucket::{Bucket, InvalidRate},
        parameters::randomness,
        pattern::Pattern,
        ratio::{InvalidRatio, Ratio},
    },
};
use std::{borrow::Cow, fmt, time::Duration};

/// A rule of a [`TailSampler`](super::TailSampler): when it fits, and how many of the traces that it fits
/// are kept. Unless told otherwise, all of them.
pub struct TailRule {
    pub(super) name: Cow<'static, str>,
    pub(super) condition: Box<dyn TailCondition>,
    /// Does it fit only what the head sampler sampled?
    pub(super) only_sampled: bool,
    share: Share,
}

/// How many are kept.
struct Share {
    /// `None` keeps none.
    threshold: Option<Threshold>,
    limit: Option<Bucket>,
}

/// A percentile is between 0 and 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percentile is a number above 0 and below 100")]
pub struct InvalidPercentile;

impl TailRule {
    /// A rule of one's own.
    pub fn new(name: impl Into<Cow<'static, str>>, condition: impl TailCondition + 'static) -> Self {
        Self {
            name: name.into(),
            condition: Box::new(condition),
            only_sampled: false,
            share: Share { threshold: Some(Threshold::ALWAYS), limit: None },
        }
    }

    /// Traces with a span that failed or panicked: `errors`.
    pub fn errors() -> Self {
        Self::new("errors", |trace: &LocalTrace<'_>| trace.has_error())
    }

    /// Traces that a trusted caller asked for ([`TraceFlags::DEBUG`](crate::TraceFlags::DEBUG)): `debug`.
    pub fn debug() -> Self {
        Self::new("debug", |trace: &LocalTrace<'_>| trace.is_debug())
    }

    /// Traces whose local root took longer: `slow`.
    pub fn slower_than(duration: Duration) -> Self {
        Self::new("slow", SlowerThan(duration))
    }

    /// Traces whose local root took longer than this percentage of those of the same name, its route, has
    /// taken of late: `slow for its route`. At most the remaining share of a route's traces fits, except
    /// while its durations are changing; of a route whose durations are all alike, none does.
    ///
    /// Durations are told apart by 6 %, of the last 4,000 to 8,000 traces of a route, of which 20 have to
    /// have been seen, or as many as it takes for one to be above the percentile. The first 512 routes are
    /// told apart, any others taken together. Traces whose root has not ended do not fit.
    ///
    /// # Errors
    ///
    /// [`InvalidPercentile`] if it is not above 0 and below 100.
    pub fn above_percentile(percentile: f64) -> Result<Self, InvalidPercentile> {
        if !(percentile > 0.0 && percentile < 100.0) {
            return Err(InvalidPercentile);
        }
        Ok(Self::new("slow for its route", AbovePercentile(Routes::new(percentile))))
    }

    /// Traces with a span that has an attribute of this text: `attribute`. Of a list, one of its texts is
    /// enough; numbers and booleans are matched as they are written.
    pub fn attribute(key: impl Into<Cow<'static, str>>, pattern: impl Into<Pattern>) -> Self {
        Self::new("attribute", HasAttribute { key: key.into(), pattern: pattern.into() })
    }

    /// Traces whose local root has this name: `name`.
    pub fn name(pattern: impl Into<Pattern>) -> Self {
        let pattern = pattern.into();
        Self::new("name", move |trace: &LocalTrace<'_>| {
            trace.root().is_some_and(|root| pattern.matches(root.name()))
        })
    }

    /// What the head sampler sampled, and not what it recorded only: `sampled`. For the last place.
    pub fn sampled() -> Self {
        Self::all().only_sampled().named("sampled")
    }

    /// Everything, also what the head sampler recorded only: `all`. For the last place.
    pub fn all() -> Self {
        Self::new("all", |_: &LocalTrace<'_>| true)
    }

    /// The same under another name: that is what [`RULE`](super::RULE) and the statistics say.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same, not for what the head sampler recorded only.
    #[must_use]
    pub fn only_sampled(mut self) -> Self {
        self.only_sampled = true;
        self
    }

    /// Keeps a share of what fits, none for 0: by the trace's random bits, as [`Ratio`] does, so that
    /// processes with the same ratio keep the same traces, and that nothing is lost twice where the head
    /// sampler has kept the same share, or less, already.
    ///
    /// # Errors
    ///
    /// [`InvalidRatio`] if it is not between 0 and 1.
    pub fn ratio(mut self, ratio: f64) -> Result<Self, InvalidRatio> {
        self.share.threshold = Ratio::new(ratio)?.threshold();
        Ok(self)
    }

    /// Keeps so many traces a second, at most, of what fits and the ratio lets through; the burst is what a
    /// second allows, at least one. What is kept stands for what was passed over since the one before.
    ///
    /// # Errors
    ///
    /// [`InvalidRate`] if it is negative or no finite number.
    pub fn at_most(mut self, per_second: f64) -> Result<Self, InvalidRate> {
        self.share.limit = Some(Bucket::new(per_second)?);
        Ok(self)
    }

    /// Is this trace among those that are kept of what fits? `now` is in nanoseconds since anything.
    pub(super) fn keep(&self, rule: u32, trace: &LocalTrace<'_>, now: u64) -> Option<Kept> {
        let threshold = self.share.threshold?;
        if !threshold.keeps(random_bits(trace)) {
            return None;
        }
        let limited = match &self.share.limit {
            Some(limit) => Some(limit.take(now)?),
            None => None,
        };
        Some(Kept { rule, threshold, limited, only_sampled: self.only_sampled })
    }
}

fn random_bits(trace: &LocalTrace<'_>) -> u64 {
    let trace_id: TraceId = trace.trace_id();
    randomness(trace_id, trace.spans().first().map(|span| span.trace_state()))
}

impl fmt::Debug for TailRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailRule").field("name", &self.name).finish_non_exhaustive()
    }
}
