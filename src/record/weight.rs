//! How many spans a span stands for (floor 2).

use crate::context::TraceState;

/// The adjusted count of a span, and whether its trace would have been recorded in any case.
///
/// Both are in four bytes, because every record on its way has one: the sign is the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weight(
    /// 1 or more, finite; negative if the trace would have been recorded had it not been sampled.
    f32,
);

impl Weight {
    pub(crate) const ONE: Self = Self(1.0);

    /// A count; what is not at least 1 is 1.
    pub(crate) fn new(count: f64) -> Self {
        Self(if count >= 1.0 { count.min(f64::from(f32::MAX)) as f32 } else { 1.0 })
    }

    /// What a tracestate says of a span that travelled with it; 1 if it says nothing.
    pub(crate) fn of_trace_state(trace_state: &TraceState) -> Self {
        trace_state.sampling_threshold().map_or(Self::ONE, |threshold| Self::new(threshold.adjusted_count()))
    }

    /// The same count, of a trace that would have been recorded in any case.
    pub(crate) const fn recorded_anyway(self) -> Self {
        Self(-self.0.abs())
    }

    pub(crate) const fn is_recorded_anyway(self) -> bool {
        self.0.is_sign_negative()
    }

    /// How many spans were sampled away for each that was sampled, itself included.
    pub(crate) const fn count(self) -> f64 {
        self.0.abs() as f64
    }
}
