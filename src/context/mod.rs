//! What crosses processes (floor 1): ids and flags, tracestate, baggage, the request's id.

mod baggage;
mod lines;
mod ot_entry;
mod percent;
mod span_context;
mod threshold;
mod tracestate;

pub(crate) use baggage::BaggageMember;
pub use baggage::{Baggage, BaggageEntry, BaggageError};
pub(crate) use lines::{
    Bounded, Extent, all_bytes, any_byte, ascii, is_between_members, is_blank, rsplit_once, skip, split_once,
    trim, trim_end, trim_start, try_for_each_member,
};
pub use lines::{Lines, MAX_HEADER_BYTES, MAX_HEADER_LINES};
pub(crate) use percent::{Coding, are_octets, encode_form_onto, is_octet, is_tchar, is_token};
pub use span_context::{SpanContext, TraceFlags};
pub use threshold::{InvalidThreshold, Threshold};
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
    /// What the application hands along.
    pub baggage: Baggage,
}
