//! What crosses processes (floor 1): ids and flags, tracestate, baggage, the request's id.

mod baggage;
mod span_context;
mod tracestate;

pub use baggage::{Baggage, BaggageEntry, BaggageError};
pub use span_context::{SpanContext, TraceFlags};
pub use tracestate::{TraceState, TraceStateError};

use crate::ids::RequestId;

/// All that a request carries from one process to the next.
///
/// A propagator fills it from the headers of a request; a part whose header is missing or malformed
/// stays as it was.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The caller's span, parent of the one that starts here.
    pub span: Option<SpanContext>,
    /// The request's id.
    pub request_id: Option<RequestId>,
    /// Baggage.
    pub baggage: Baggage,
}
