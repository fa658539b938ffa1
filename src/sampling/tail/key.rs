//! What is decided about together (floor 3).

use crate::{
    ids::{SpanId, TraceId},
    record::SpanRecord,
};
use std::hash::{Hash, Hasher};

/// The spans of one trace below one local root.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    trace_id: TraceId,
    local_root: SpanId,
}

/// The root's id is random, and of this process's own making: it alone tells nearly all apart.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.local_root.as_u64());
    }
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
