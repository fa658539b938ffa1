//! The part of a span that travels (floor 1).

use super::TraceState;
use crate::ids::{SpanId, TraceId};

/// The trace flags byte [W3C Trace Context Level 2, trace-flags].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// The caller recorded the trace.
    pub const SAMPLED: Self = Self(1);
    /// At least the last seven bytes of the trace id are random.
    pub const RANDOM: Self = Self(2);

    /// The flags of a byte; bits without a meaning in this version are cleared.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The byte.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Is the trace recorded?
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Are the trace id's last seven bytes random?
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// The same flags with `sampled` set or cleared.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        Self(self.0 & !Self::SAMPLED.0 | sampled as u8)
    }
}

/// A span's identity, as it is handed from process to process: cheap to clone, `Send` and `Sync`.
///
/// Holding one never keeps the span itself open.
///
/// ```
/// use throughline::{SpanContext, TraceFlags};
///
/// let parent = SpanContext::new(
///     "4bf92f3577b34da6a3ce929d0e0e4736".parse()?,
///     "00f067aa0ba902b7".parse()?,
///     TraceFlags::SAMPLED,
/// );
/// assert!(parent.is_sampled());
/// # Ok::<(), throughline::ParseIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
    remote: bool,
    trace_state: TraceState,
}

impl SpanContext {
    /// A context of this process, without tracestate.
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags, remote: false, trace_state: TraceState::EMPTY }
    }

    /// The same context with this tracestate.
    #[must_use]
    pub fn with_trace_state(mut self, trace_state: TraceState) -> Self {
        self.trace_state = trace_state;
        self
    }

    /// The same context, marked as received from another process or not.
    #[must_use]
    pub const fn with_remote(mut self, remote: bool) -> Self {
        self.remote = remote;
        self
    }

    /// The trace's id.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span's id.
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The flags.
    pub const fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// Is the trace recorded?
    pub const fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Did it come from another process?
    pub const fn is_remote(&self) -> bool {
        self.remote
    }

    /// What other tracing systems along the way have written.
    pub const fn trace_state(&self) -> &TraceState {
        &self.trace_state
    }
}
