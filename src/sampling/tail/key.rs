//! What is decided about together (floor 3).

use crate::{
    ids::{SpanId, TraceId},
    record::SpanRecord,
};

/// The spans of one trace below one local root.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    trace_id: TraceId,
    local_root: SpanId,
}

impl Key {
    pub(super) fn of(span: &SpanRecord) -> Self {
        Self { trace_id: span.trace_id, local_root: span.local_root.unwrap_or(span.span_id) }
    }

    /// Is this span the local root?
    pub(super) fn is_root(self, span: &SpanRecord) -> bool {
        span.span_id == self.local_root
    }
}
