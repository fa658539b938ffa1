//! Records on their way to the exporters (floor 2).

use super::{Recycler, Resource, SpanRecord};
use std::sync::Arc;

/// Records that the collector handed on together. Shared by all exporters; the last one to let go
/// sends them back.
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

    #[cfg_attr(not(feature = "spool"), expect(dead_code))]
    pub(crate) fn spans(&self) -> &[SpanRecord] {
        &self.spans
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(recycler) = &self.recycler {
            recycler.give_back(std::mem::take(&mut self.spans), self.bytes);
        }
    }
}

/// A chunk, or a choice from its end.
#[derive(Clone)]
struct Part {
    chunk: Arc<Chunk>,
    /// So many of its spans, the first ones, are no longer part of the batch.
    from: usize,
    /// Which of the chunk's spans are left out, if any are.
    left_out: Option<Arc<[bool]>>,
}

impl Part {
    fn len(&self) -> usize {
        match &self.left_out {
            None => self.chunk.len().saturating_sub(self.from),
            Some(_) => self.spans().count(),
        }
    }

    fn spans(&self) -> impl Iterator<Item = &SpanRecord> + Clone {
        self.numbered().map(|(_, span)| span)
    }

    /// With their places in the chunk.
    fn numbered(&self) -> impl Iterator<Item = (usize, &SpanRecord)> + Clone {
        let left_out = self.left_out.as_deref().unwrap_or_default();
        let is_out = move |at: usize| left_out.get(at).copied().unwrap_or_default();
        self.chunk.spans.iter().enumerate().skip(self.from).filter(move |(at, _)| !is_out(*at))
    }
}

/// What an exporter is given: finished spans of one service, in about the order in which they ended.
///
/// Cloning shares the records.
#[derive(Clone)]
pub struct Batch {
    resource: Arc<Resource>,
    parts: Vec<Part>,
}

impl Batch {
    /// A batch of one's own, for an exporter's tests or for records from elsewhere.
    pub fn new(resource: Arc<Resource>, spans: Vec<SpanRecord>) -> Self {
        let bytes = spans.iter().map(SpanRecord::size_bytes).sum();
        Self::from_chunks(resource, vec![Arc::new(Chunk::new(spans, bytes, None))])
    }

    pub(crate) fn from_chunks(resource: Arc<Resource>, chunks: Vec<Arc<Chunk>>) -> Self {
        Self::from_tails(resource, chunks.into_iter().map(|chunk| (chunk, 0)))
    }

    /// Of each chunk all but its first so many spans.
    pub(crate) fn from_tails(
        resource: Arc<Resource>,
        chunks: impl IntoIterator<Item = (Arc<Chunk>, usize)>,
    ) -> Self {
        let parts = chunks.into_iter().map(|(chunk, from)| Part { chunk, from, left_out: None }).collect();
        Self { resource, parts }
    }

    /// Leaves out the spans that are not wanted; how many those are. The records stay shared.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&SpanRecord) -> bool) -> usize {
        let mut removed = 0;
        for part in &mut self.parts {
            let from = part.from;
            let is_out = |(at, span)| at >= from && !is_wanted(span);
            let left_out: Arc<[bool]> = part.chunk.spans.iter().enumerate().map(is_out).collect();
            let count = left_out.iter().filter(|is_out| **is_out).count();
            removed += count;
            part.left_out = (count > 0).then_some(left_out);
        }
        removed
    }

    /// Takes the first `count` spans off. Returns how many had been left out in front of the first one that
    /// stays; of a batch of which none does, in all of it.
    pub(crate) fn take_off(&mut self, mut count: usize) -> usize {
        let mut left_out = 0;
        while let Some(part) = self.parts.first_mut() {
            let first = part.numbered().nth(count).map(|(at, _)| at);
            let end = first.unwrap_or(part.chunk.len());
            let (passed, taken) = (end.saturating_sub(part.from), part.len().min(count));
            left_out += passed - taken;
            if first.is_some() {
                part.from = end;
                return left_out;
            }
            count -= taken;
            self.parts.remove(0);
        }
        left_out
    }

    /// The service the spans belong to.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The spans.
    pub fn spans(&self) -> impl Iterator<Item = &SpanRecord> + Clone {
        self.parts.iter().flat_map(Part::spans)
    }

    /// How many spans.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes of memory they hold, with those beside them that a filter left out.
    pub fn size_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.chunk.bytes()).sum()
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
