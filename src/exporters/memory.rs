//! Spans kept in memory (floor 4), for tests and for questions of one's own.

use super::ExportedSpan;
use crate::{
    export::{ExportError, Exporter},
    record::{Batch, SpanRecord},
    sync::{Mutex, lock},
};
use std::{fmt, sync::Arc};

/// Keeps finished spans, in the order in which they came.
///
/// A clone is another handle on the same spans: give one to the tracer and ask the other. What is
/// over the limit (65,536 spans unless set) is refused, and the pipeline counts it.
///
/// ```
/// use std::sync::Arc;
/// use throughline::{Batch, Resource, SpanContext, SpanRecord, TraceFlags};
/// use throughline::{export::Exporter, exporters::Memory};
///
/// let memory = Memory::new();
/// let mut exporter = memory.clone();
///
/// let context = SpanContext::new("4bf92f3577b34da6a3ce929d0e0e4736".parse()?, "00f067aa0ba902b7".parse()?, TraceFlags::SAMPLED);
/// let span = SpanRecord::new(&context, "order", 1_000, 2_000);
/// exporter.export(&Batch::new(Arc::new(Resource::new("orders")), vec![span]))?;
///
/// assert_eq!(memory.spans()[0].name(), "order");
/// assert_eq!(memory.records()[0].service(), "orders");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    limit: usize,
    records: Arc<Mutex<Vec<ExportedSpan>>>,
}

impl Memory {
    const DEFAULT_LIMIT: usize = 65_536;

    /// Room for 65,536 spans.
    pub fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// Room for this many spans. Memory is taken as they come.
    pub fn with_limit(spans: usize) -> Self {
        Self { limit: spans, records: Arc::new(Mutex::new(Vec::new())) }
    }

    /// A copy of the spans.
    pub fn spans(&self) -> Vec<SpanRecord> {
        lock(&self.records).iter().map(|record| record.span.clone()).collect()
    }

    /// A copy of the spans, with the service each belongs to.
    pub fn records(&self) -> Vec<ExportedSpan> {
        lock(&self.records).clone()
    }

    /// Takes the spans out; there is room again.
    pub fn take(&self) -> Vec<ExportedSpan> {
        std::mem::take(&mut *lock(&self.records))
    }

    /// How many spans are here.
    pub fn len(&self) -> usize {
        lock(&self.records).len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("spans", &self.len()).field("limit", &self.limit).finish()
    }
}

impl Exporter for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut records = lock(&self.records);
        let room = self.limit.saturating_sub(records.len());
        let resource = batch.resource();
        let kept = batch.spans().take(room).cloned();
        records.extend(kept.map(|span| ExportedSpan { resource: resource.clone(), span }));
        match batch.len().saturating_sub(room) {
            0 => Ok(()),
            rejected => Err(ExportError::partial(rejected, "the memory exporter is full")),
        }
    }
}
