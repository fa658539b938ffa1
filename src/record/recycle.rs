//! Attribute buffers come back (floor 2).
//!
//! A buffer travels from a request's thread to the collector and on to an exporter; when the last
//! exporter is done with it, it is emptied here and waits for the next span. Buffers travel in
//! chains of [`CHAIN`], so that the queue all threads share is touched once for many spans.
//!
//! Bound: [`CHAINS`] chains wait here, at most; what comes back beyond that is freed.

use super::Details;
use crossbeam_queue::ArrayQueue;

/// Buffers in a chain; also the most a thread keeps for itself.
const CHAIN: usize = 16;
const CHAINS: usize = 256;

/// The buffers of one tracer that wait to be used again.
pub(crate) struct Recycler(ArrayQueue<Box<Details>>);

impl Recycler {
    pub(crate) fn new() -> Self {
        Self(ArrayQueue::new(CHAINS))
    }

    /// Empties the buffers and keeps them, up to the bound.
    pub(super) fn give_back(&self, buffers: impl Iterator<Item = Box<Details>>) {
        let mut list = FreeList::default();
        for mut buffer in buffers {
            if self.0.is_full() {
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
            let _freed = self.0.push(head);
        }
    }

    fn take_chain(&self) -> Option<Box<Details>> {
        self.0.pop()
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

    /// An empty buffer: this thread's, else one of the tracer's, else a new one.
    pub(crate) fn take(&mut self, recycler: &Recycler) -> Box<Details> {
        let head = self.head.take().or_else(|| recycler.take_chain());
        let Some(mut buffer) = head else {
            return Box::default();
        };
        self.head = buffer.next_free.take();
        buffer
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
