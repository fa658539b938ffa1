//! W3C Trace Context (floor 2): traceparent and tracestate together.

use super::{
    propagator::{ExtractError, Getter, Header, Propagator, Reason, Setter},
    single_line::{LineError, single_line},
    traceparent::{self, TraceparentError},
};
use crate::context::{Context, Lines, SpanContext, TraceState, TraceStateError};

/// The header of the parent.
pub const TRACEPARENT: &str = "traceparent";
/// The header of what tracing systems add.
pub const TRACESTATE: &str = "tracestate";

/// What the two headers said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The caller's span.
    pub span: SpanContext,
    /// Why its tracestate was dropped, if it was.
    pub dropped_trace_state: Option<TraceStateError>,
}

/// Reads all lines of both headers. A bad tracestate is dropped and the parent kept; without a good
/// parent, tracestate is not looked at [W3C Trace Context Level 2, tracestate].
///
/// # Errors
///
/// Why there is no parent. The caller then starts a trace of its own.
///
/// ```
/// use throughline::propagation::trace_context;
///
/// let parent = ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"];
/// let caller = trace_context::extract(parent, ["congo=t61rcWkgMzE", "rojo=1"])?;
/// assert_eq!(caller.span.trace_state().to_string(), "congo=t61rcWkgMzE,rojo=1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn extract<'a>(
    parents: impl Lines<'a>,
    states: impl Lines<'a>,
) -> Result<Extracted, LineError<TraceparentError>> {
    let span = traceparent::parse(single_line(parents)?).map_err(LineError::Malformed)?;
    Ok(match TraceState::from_lines(states) {
        Ok(state) => Extracted { span: span.with_trace_state(state), dropped_trace_state: None },
        Err(error) => Extracted { span, dropped_trace_state: Some(error) },
    })
}

/// The [`Propagator`] of W3C Trace Context: `traceparent` and `tracestate`.
#[doc(alias = "TraceContextPropagator")]
#[derive(Clone, Copy, Debug)]
pub struct TraceContext {
    trace_state_chars: usize,
}

impl TraceContext {
    /// The same propagator, sending at most so many characters of tracestate: at least 512, which is
    /// also the default. See [`TraceState::to_header_within`].
    #[must_use]
    pub const fn with_trace_state_limit(mut self, chars: usize) -> Self {
        self.trace_state_chars = chars;
        self
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self { trace_state_chars: TraceState::DEFAULT_HEADER_CHARS }
    }
}

impl Propagator for TraceContext {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let parents = Header::new(carrier, TRACEPARENT);
        let states = Header::new(carrier, TRACESTATE);
        let extracted = match extract(parents, states) {
            Ok(extracted) => extracted,
            Err(error) => {
                return error.reason().map_or(Ok(()), |reason| Err(ExtractError::new(TRACEPARENT, reason)));
            }
        };
        context.span = Some(extracted.span);
        match extracted.dropped_trace_state {
            None => Ok(()),
            Some(error) => Err(ExtractError::new(TRACESTATE, reason(error))),
        }
    }

    /// Sets both headers, or takes a tracestate of another span away.
    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        let Some(span) = &context.span else { return };
        carrier.set(TRACEPARENT, &traceparent::format(span));
        if span.trace_state().is_empty() {
            carrier.unset(TRACESTATE);
        } else {
            let state = span.trace_state().to_header_within(self.trace_state_chars);
            carrier.set(TRACESTATE, state.as_bytes());
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

const fn reason(error: TraceStateError) -> Reason {
    match error {
        TraceStateError::TooLong => Reason::TooLong,
        TraceStateError::TooManyMembers => Reason::TooMany,
        _ => Reason::Malformed,
    }
}
