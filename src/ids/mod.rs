//! Trace, span and request ids, and where they come from (floor 0).
//!
//! Trace ids and minted request ids are UUIDv7: 48 bits of UTC milliseconds, then random bits
//! [RFC 9562, 5.7]. Where a hop starts the trace, the trace id and the request id are the same
//! 128 bits, so one id finds the logs, the trace and the support ticket. The last seven bytes of a
//! minted trace id are random, which is what the W3C random flag promises
//! [W3C Trace Context Level 2, random-trace-id].

mod generate;
mod hex;
mod request;
mod span;
mod trace;

pub use generate::{IdGenerator, IdSource};
pub(crate) use generate::{ThreadRng, mint_trace_id};
pub(crate) use hex::{
    decode_u8, decode_u64, decode_u128, encode_u8, encode_u64, encode_u128, write_u64, write_u128,
};
pub use request::{InvalidRequestId, RequestId};
pub use span::SpanId;
pub use trace::TraceId;

/// A text that is not the id it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} lowercase hex digits, not all of them zero")]
pub struct ParseIdError {
    pub(crate) digits: usize,
}
