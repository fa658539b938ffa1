//! Records on their way to the exporters (floor 2).

use super::{Recycler, Resource, SpanRecord};
use std::sync::Arc;

/// Records that the collector handed on together. Shared by all exporters; the last one to let go
/// sends the attribute buffers back.
pub(crate) struct Chunk {
    spans: Vec<SpanRecord>,
    bytes: usize,
    recycler: Option<Arc<Recycler>>,
}

impl Chunk {
    pub(crate) fn new(spans: Vec<SpanRecord>, bytes: usize, recycler: Option<Arc<Recycler>>) -> Self {
        Self { spans, bytes, recycler }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(recycler) = &self.recycler {
            recycler.give_back(std::mem::take(&mut self.spans));
        }
    }
}

/// What an exporter is given: finished spans of one service, in about the order in which they ended.
///
/// Cloning shares the records.
#[derive(Clone)]
pub struct Batch {
    resource: Arc<Resource>,
    chunks: Vec<Arc<Chunk>>,
}

impl Batch {
    /// A batch of one's own, for an exporter's tests or for records from elsewhere.
    pub fn new(resource: Arc<Resource>, spans: Vec<SpanRecord>) -> Self {
        let bytes = spans.iter().map(SpanRecord::size_bytes).sum();
        let chunk = Arc::new(Chunk::new(spans, bytes, None));
        Self { resource, chunks: vec![chunk] }
    }

    pub(crate) fn from_chunks(resource: Arc<Resource>, chunks: Vec<Arc<Chunk>>) -> Self {
        Self { resource, chunks }
    }

    /// The service the spans belong to.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The spans.
    pub fn spans(&self) -> impl Iterator<Item = &SpanRecord> + Clone {
        self.chunks.iter().flat_map(|chunk| &chunk.spans)
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory they hold.
    pub fn size_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes()).sum()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("service", &self.resource.service_name())
            .field("spans", &self.len())
            .finish_non_exhaustive()
    }
}
