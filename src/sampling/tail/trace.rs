//! What a rule looks at (floor 3).

use crate::{
    ids::TraceId,
    record::{Outcome, SpanRecord},
};
use std::time::Duration;

/// The ended spans of one trace below one local root: all of them, or if it is decided early, those that
/// there are.
#[derive(Clone, Copy, Debug)]
pub struct LocalTrace<'a> {
    first: &'a SpanRecord,
    spans: &'a [SpanRecord],
    root: Option<&'a SpanRecord>,
}

impl<'a> LocalTrace<'a> {
    /// `None` if there are no spans.
    pub(super) fn of(spans: &'a [SpanRecord]) -> Option<Self> {
        let is_root = |span: &&SpanRecord| span.local_root.is_none_or(|root| root == span.span_id);
        // It ends last, or nearly.
        let root = spans.iter().rev().find(is_root);
        Some(Self { first: spans.first()?, spans, root })
    }

    /// The local root; `None` if it has not ended.
    pub const fn root(&self) -> Option<&'a SpanRecord> {
        self.root
    }

    /// The spans, in about the order in which they ended; never empty.
    pub const fn spans(&self) -> &'a [SpanRecord] {
        self.spans
    }

    /// The trace.
    pub const fn trace_id(&self) -> TraceId {
        self.first.trace_id()
    }

    /// How long the local root took; if it has not ended, the time from the first start to the last end
    /// that there is.
    pub fn duration(&self) -> Duration {
        if let Some(root) = self.root {
            return root.duration();
        }
        let start = self.spans.iter().map(SpanRecord::start_unix_nanos).min();
        let end = self.spans.iter().map(SpanRecord::end_unix_nanos).max();
        Duration::from_nanos(end.unwrap_or(0).saturating_sub(start.unwrap_or(0)))
    }

    /// Did a span fail or panic? One that was cancelled did not.
    pub fn has_error(&self) -> bool {
        self.spans.iter().any(is_error)
    }

    /// Did the caller ask for this trace ([`TraceFlags::DEBUG`](crate::TraceFlags::DEBUG))?
    pub const fn is_debug(&self) -> bool {
        self.first.flags().is_debug()
    }

    /// Did the head sampler sample it? If not, it is recorded only, and its callees have been told that it
    /// is not sampled.
    pub const fn is_sampled(&self) -> bool {
        self.first.flags().is_sampled()
    }
}

pub(super) fn is_error(span: &SpanRecord) -> bool {
    span.status().is_error() || span.outcome() == Outcome::Panicked
}
