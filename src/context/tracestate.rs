//! W3C tracestate (floor 1).
//!
//! STUB: parse, to header, get, insert
use std::sync::Arc;

/// What the tracing systems along a request's way have written for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<str>>);

/// Why a text is no tracestate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed tracestate")]
pub struct TraceStateError;

impl TraceState {
    /// No members.
    pub const EMPTY: Self = Self(None);

    /// Has it no members?
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}
