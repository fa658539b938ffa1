//! W3C tracestate (floor 1).
//!
//! STUB: parse, to header, get, insert
use std::{fmt, str::FromStr, sync::Arc};

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

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or_default())
    }
}

impl FromStr for TraceState {
    type Err = TraceStateError;

    fn from_str(text: &str) -> Result<Self, TraceStateError> {
        Ok(Self((!text.is_empty()).then(|| text.into())))
    }
}
