//! Ids that count (floor 6).

use crate::ids::{IdGenerator, IdSource, SpanId, TraceId};
use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

/// Trace ids 1, 2, 3, … and span ids 1, 2, 3, …, the same at every run of a single-threaded test.
///
/// ```
/// use throughline::{IdSource, testing::{SequentialIds, TestTracer}};
///
/// let test = TestTracer::with(|builder| builder.ids(SequentialIds::new().into()));
/// let span = test.span("first");
/// assert_eq!(span.context().map(|context| context.span_id().as_u64()), Some(1));
/// ```
#[derive(Debug)]
pub struct SequentialIds {
    next_trace: AtomicU64,
    next_span: AtomicU64,
}

impl SequentialIds {
    /// Ids from 1 on.
    pub const fn new() -> Self {
        Self { next_trace: AtomicU64::new(1), next_span: AtomicU64::new(1) }
    }
}

impl Default for SequentialIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGenerator for SequentialIds {
    fn trace_id(&self, _unix_millis: u64) -> TraceId {
        TraceId::from_nonzero(next(&self.next_trace).into())
    }

    fn span_id(&self) -> SpanId {
        SpanId::from_nonzero(next(&self.next_span))
    }
}

/// After 2⁶⁴ ids the first comes again.
fn next(counter: &AtomicU64) -> NonZeroU64 {
    NonZeroU64::new(counter.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MIN)
}

impl From<SequentialIds> for IdSource {
    fn from(ids: SequentialIds) -> Self {
        Self::custom(ids)
    }
}
