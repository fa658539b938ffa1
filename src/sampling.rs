//! Which traces are recorded (floor 3).
//!
//! The decision falls once, where a trace enters this process; every span below follows it, and it
//! travels on in the `sampled` flag.

use crate::{context::SpanContext, ids::TraceId, record::SpanKind, value::Attribute};

/// What is known of a span as it starts.
#[derive(Debug)]
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
    /// The attributes known at the start.
    pub attributes: &'a [Attribute<'a>],
}

/// Decides whether a trace is recorded.
///
/// Asked on the thread that starts the trace's first span here; it should be quick and must not
/// block. A closure of the same form is a sampler.
pub trait Sampler: Send + Sync {
    /// Is the trace recorded?
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> bool;

    /// Does the sampler look at attributes? If not, they are not gathered for it.
    fn wants_attributes(&self) -> bool {
        true
    }
}

impl<F: Fn(&SamplingParameters<'_>) -> bool + Send + Sync> Sampler for F {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> bool {
        self(parameters)
    }
}

/// Records every trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOn;

impl Sampler for AlwaysOn {
    fn should_sample(&self, _: &SamplingParameters<'_>) -> bool {
        true
    }

    fn wants_attributes(&self) -> bool {
        false
    }
}

/// Records no trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOff;

impl Sampler for AlwaysOff {
    fn should_sample(&self, _: &SamplingParameters<'_>) -> bool {
        false
    }

    fn wants_attributes(&self) -> bool {
        false
    }
}

/// Records a share of all traces, chosen by the random end of the trace id, so that services with
/// the same ratio choose the same traces.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Of the 56 random bits, values from here on are recorded.
    threshold: u64,
}

/// A ratio is between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sampling ratio is a number from 0 to 1")]
pub struct InvalidRatio;

impl Ratio {
    /// Records `ratio` of all traces.
    ///
    /// # Errors
    ///
    /// [`InvalidRatio`] if it is not between 0 and 1.
    pub fn new(ratio: f64) -> Result<Self, InvalidRatio> {
        const RANDOM_VALUES: f64 = (1_u64 << 56) as f64;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidRatio);
        }
        Ok(Self { threshold: ((1.0 - ratio) * RANDOM_VALUES) as u64 })
    }
}

impl Sampler for Ratio {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> bool {
        let random = parameters.trace_id.as_u128() as u64 & ((1 << 56) - 1);
        random >= self.threshold
    }

    fn wants_attributes(&self) -> bool {
        false
    }
}

/// Follows the caller's decision, and asks another sampler where there is no caller, or one who has
/// left the decision open ([`TraceFlags::DEFERRED`](crate::TraceFlags::DEFERRED)).
#[derive(Clone, Copy, Debug, Default)]
pub struct ParentBased<S> {
    root: S,
}

impl<S: Sampler> ParentBased<S> {
    /// Follows the caller; asks `root` for traces that begin here.
    pub const fn new(root: S) -> Self {
        Self { root }
    }
}

impl<S: Sampler> Sampler for ParentBased<S> {
    fn should_sample(&self, parameters: &SamplingParameters<'_>) -> bool {
        match parameters.parent {
            Some(parent) if !parent.flags().is_deferred() => parent.is_sampled(),
            _ => self.root.should_sample(parameters),
        }
    }

    fn wants_attributes(&self) -> bool {
        self.root.wants_attributes()
    }
}
