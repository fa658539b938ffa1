//! Memory comes back (floor 2): attribute buffers, and the vectors of records they travelled in.
//!
//! A buffer travels from a request's thread to the collector and on to an exporter. What the last exporter is done
//! with comes back as it is: whoever collects the next spans empties it, since its thread is nearer to those that
//! make spans, and often is one of them. Buffers then wait in chains of [`CHAIN`], so that the queue all threads share is
//! touched once for many spans.
//!
//! Bound: [`CHAINS`] chains of empty buffers and [`VECTORS`] vectors wait here, at most, these with records of
//! [`USUAL_BYTES`] each; what comes back beyond that is freed.

use super::{Details, SpanRecord};
use crate::sync::{AtomicBool, Ordering};
use crossbeam_queue::ArrayQueue;

/// Buffers in a chain; also the most a thread keeps for itself.
const CHAIN: usize = 16;
const CHAINS: usize = 256;
const VECTORS: usize = 16;
/// Records that are larger, on an average, are emptied before they wait.
const USUAL_BYTES: usize = 2048;

/// The memory of one tracer that waits to be used again.
pub(crate) struct Recycler {
    chains: ArrayQueue<Box<Details>>,
    vectors: ArrayQueue<Vec<SpanRecord>>,
    closed: AtomicBool,
}

impl Recycler {
    pub(crate) fn new() -> Self {
        let (chains, vectors) = (ArrayQueue::new(CHAINS), ArrayQueue::new(VECTORS));
        Self { chains, vectors, closed: AtomicBool::new(false) }
    }

    /// Frees what waits here, and whatever comes back from now on: the tracer makes no more spans, and may
    /// itself be kept for long, by a thread that is idle.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        while let Some(head) = self.take_chain() {
            drop(FreeList { head: Some(head), length: 0 });
        }
        while self.vectors.pop().is_some() {}
    }

    /// An empty vector.
    pub(crate) fn take_vector(&self) -> Vec<SpanRecord> {
        let mut records = self.vectors.pop().unwrap_or_default();
        self.empty(&mut records);
        records
    }

    /// Keeps records for the sake of their memory, up to the bounds; `bytes` is what they hold, the most there can be if
    /// nobody has counted.
    pub(crate) fn give_back(&self, mut records: Vec<SpanRecord>, bytes: usize) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        if bytes > records.len().saturating_mul(USUAL_BYTES) {
            self.empty(&mut records);
        }
        if let Err(mut too_many) = self.vectors.push(records) {
            self.empty(&mut too_many);
        }
    }

    fn empty(&self, records: &mut Vec<SpanRecord>) {
        self.give_buffers(records.iter_mut().filter_map(|record| record.details.take()));
        records.clear();
    }

    fn give_buffers(&self, buffers: impl Iterator<Item = Box<Details>>) {
        let mut list = FreeList::default();
        for mut buffer in buffers {
            if self.chains.is_full() {
                return;
            }
            buffer.clear();
            list.push(buffer);
            if list.length == CHAIN {
                self.give_chain(&mut list);
            }
        }
        self.give_chain(&mut list);
    }

    fn give_chain(&self, list: &mut FreeList) {
        list.length = 0;
        if let Some(head) = list.head.take() {
            // Full after all: another thread was faster, and the chain is freed.
            let _freed = self.chains.push(head);
        }
    }

    fn take_chain(&self) -> Option<Box<Details>> {
        self.chains.pop()
    }
}

/// One thread's own few buffers: no atomic operation to take one.
#[derive(Default)]
pub(crate) struct FreeList {
    head: Option<Box<Details>>,
    length: usize,
}

impl FreeList {
    pub(crate) const fn new() -> Self {
        Self { head: None, length: 0 }
    }

    /// An empty buffer of this thread's.
    #[inline]
    pub(crate) fn take_own(&mut self) -> Option<Box<Details>> {
        let mut buffer = self.head.take()?;
        // Nothing has come into its place meanwhile.
        std::mem::forget(std::mem::replace(&mut self.head, buffer.next_free.take()));
        Some(buffer)
    }

    /// An empty buffer: this thread's, else one of the tracer's, else a new one.
    pub(crate) fn take(&mut self, recycler: &Recycler) -> Box<Details> {
        if self.head.is_none() {
            self.head = recycler.take_chain();
        }
        self.take_own().unwrap_or_default()
    }

    fn push(&mut self, mut buffer: Box<Details>) {
        buffer.next_free = self.head.take();
        self.head = Some(buffer);
        self.length += 1;
    }
}

/// Link by link: a chain is short, but recursion in a destructor is never worth its stack.
impl Drop for FreeList {
    fn drop(&mut self) {
        let mut next = self.head.take();
        while let Some(mut buffer) = next {
            next = buffer.next_free.take();
        }
    }
}
