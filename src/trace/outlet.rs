//! The collector's way out (floor 4): takes the secrets out of records, gathers them into chunks, hands these
//! to the queues, and counts what the tail sampler leaves out.

use super::engine::Engine;
use crate::{
    export::QueueLimits,
    record::{Chunk, SpanRecord},
    redact::Redactor,
    sampling::tail::TailOutlet,
};
use std::sync::Arc;

/// How large the parts are in which spans are handed on, unless the queues are too small for that.
const MOST_CHUNK_SPANS: usize = 512;
const MOST_CHUNK_BYTES: usize = 1 << 20;

pub(super) struct Outlet {
    engine: Arc<Engine>,
    redactor: Redactor,
    /// What the next chunk will be.
    spans: Vec<SpanRecord>,
    bytes: usize,
    chunk_spans: usize,
    chunk_bytes: usize,
    /// A flush or a shutdown comes behind what is handed on now, and will wake the workers.
    pub(super) marker_follows: bool,
}

impl Outlet {
    pub(super) fn new(engine: Arc<Engine>, limits: &QueueLimits) -> Self {
        let redactor = Redactor::new(engine.redaction.clone(), engine.limits.clone());
        Self {
            engine,
            redactor,
            spans: Vec::new(),
            bytes: 0,
            chunk_spans: MOST_CHUNK_SPANS.min(limits.batch_spans).min(limits.spans / 8),
            chunk_bytes: MOST_CHUNK_BYTES.min(limits.bytes / 8),
            marker_follows: false,
        }
    }

    /// Takes a record in which there is nothing but literals and numbers, and no rule of the user's own to see
    /// these.
    #[inline(always)]
    pub(super) fn push_bare(&mut self, record: impl FnOnce() -> SpanRecord) {
        self.put(record);
        self.count(size_of::<SpanRecord>());
    }

    pub(super) fn push(&mut self, record: SpanRecord) {
        self.push_to_complete(|| record, |_| ());
    }

    /// Takes a record that `complete` makes one where it is to stay: moving it costs as much as all the rest.
    #[inline(always)]
    pub(super) fn push_to_complete(
        &mut self,
        record: impl FnOnce() -> SpanRecord,
        complete: impl FnOnce(&mut SpanRecord),
    ) {
        self.put(record);
        let Some(record) = self.spans.last_mut() else {
            return;
        };
        complete(record);
        self.redactor.apply(record);
        let bytes = record.size_bytes();
        self.count(bytes);
    }

    /// Makes room first: with a call behind it, the record would be put together elsewhere, and then moved.
    #[inline(always)]
    fn put(&mut self, record: impl FnOnce() -> SpanRecord) {
        if self.spans.len() == self.spans.capacity() {
            self.make_room();
        }
        if self.spans.len() < self.spans.capacity() {
            self.spans.push(record());
        }
    }

    #[cold]
    fn make_room(&mut self) {
        self.spans.reserve(1);
    }

    /// Counts the last record, and hands on what is enough.
    #[inline(always)]
    fn count(&mut self, bytes: usize) {
        // A queue takes a chunk whole or not at all, so a chunk is to be a small part of what fits.
        if self.bytes + bytes > self.chunk_bytes {
            self.hand_on_all_but_last();
        }
        self.bytes += bytes;
        if self.spans.len() >= self.chunk_spans {
            self.hand_on();
        }
    }

    #[cold]
    fn hand_on_all_but_last(&mut self) {
        let last = self.spans.pop();
        self.hand_on();
        self.spans.extend(last);
    }

    /// Hands on what there is.
    pub(super) fn hand_on(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let next = self.engine.recycler.take_vector();
        let spans = std::mem::replace(&mut self.spans, next);
        let bytes = std::mem::take(&mut self.bytes);
        let chunk = Arc::new(Chunk::new(spans, bytes, Some(self.engine.recycler.clone())));
        self.engine.hand_on(&chunk, self.marker_follows);
    }
}

impl TailOutlet for Outlet {
    fn keep(&mut self, span: SpanRecord) {
        self.push(span);
    }

    fn leave_out(&mut self, spans: Vec<SpanRecord>) {
        self.engine.leave_out(spans.len());
        self.engine.recycler.give_back(spans, usize::MAX);
    }
}
