//! The part of a span that travels (floor 1).

use super::TraceState;
use crate::ids::{SpanId, TraceId};

/// The trace flags byte [W3C Trace Context Level 2, trace-flags], and two things only other formats say:
/// that the trace is one for debugging, and that nobody has decided about it yet.
///
/// ```
/// use throughline::TraceFlags;
///
/// let debugged = TraceFlags::DEBUG;
/// assert!(debugged.is_sampled());
/// assert_eq!(debugged.bits(), 1, "traceparent cannot say more");
/// assert_eq!(debugged.with_debug(false), TraceFlags::SAMPLED);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TraceFlags(
    /// The W3C bits at the low end, ours at the high one, where Level 2 has none. `DEBUG_BIT` is never
    /// set without the sampled bit, `DEFERRED_BIT` never with it.
    u8,
);

const DEBUG_BIT: u8 = 0x80;
const DEFERRED_BIT: u8 = 0x40;

impl TraceFlags {
    /// The caller recorded the trace.
    pub const SAMPLED: Self = Self(1);
    /// At least the last seven bytes of the trace id are random.
    pub const RANDOM: Self = Self(2);
    /// The caller asks for this one trace to be recorded whatever the rates are, and says so to every
    /// service further along: B3's `d`, Jaeger's 2. Sampled as well, so who does not know of it records
    /// the trace all the same.
    pub const DEBUG: Self = Self(DEBUG_BIT | Self::SAMPLED.0);
    /// The caller names the trace and leaves it to this hop whether it is recorded: B3 without a
    /// sampling state, X-Ray's `Sampled=?`. Reads as not sampled.
    pub const DEFERRED: Self = Self(DEFERRED_BIT);

    /// The flags of a byte; bits without a meaning in this version are cleared.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The byte of W3C, which has neither [`DEBUG`](Self::DEBUG) nor [`DEFERRED`](Self::DEFERRED).
    pub const fn bits(self) -> u8 {
        self.0 & (Self::SAMPLED.0 | Self::RANDOM.0)
    }

    /// Is the trace recorded?
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Are the trace id's last seven bytes random?
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// Is the trace one for debugging?
    pub const fn is_debug(self) -> bool {
        self.0 & DEBUG_BIT != 0
    }

    /// Is it still to be decided whether the trace is recorded?
    pub const fn is_deferred(self) -> bool {
        self.0 & DEFERRED_BIT != 0
    }

    /// The same flags with `sampled` set or cleared, which decides what was deferred. A trace that is
    /// not recorded is none for debugging either.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        let kept = if sampled { Self::RANDOM.0 | DEBUG_BIT } else { Self::RANDOM.0 };
        Self(self.0 & kept | sampled as u8)
    }

    /// The same flags with `debug` set, and then sampled too, or cleared, as for a caller who is not
    /// trusted with it; sampled then stays.
    #[must_use]
    pub const fn with_debug(self, debug: bool) -> Self {
        if debug { Self(self.with_sampled(true).0 | DEBUG_BIT) } else { Self(self.0 & !DEBUG_BIT) }
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

    /// The same context with these flags.
    #[must_use]
    pub const fn with_flags(mut self, flags: TraceFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The same context, marked as received from another process or not.
    #[must_use]
    pub const fn with_remote(mut self, remote: bool) -> Self {
        self.remote = remote;
        self
    }

    /// Marks it as received from another process.
    pub(crate) const fn set_remote(&mut self) {
        self.remote = true;
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
