//! How much may lie in the lanes of one tracer (floor 4): so many blocks, and so many bytes of unusually
//! large spans.

use crate::{
    record::Details,
    sync::{AtomicUsize, Ordering},
};

/// A span that holds no more than this is paid for by its slot in a block.
const LARGE_SPAN_BYTES: usize = 4096;

pub(super) struct Budget {
    blocks: AtomicUsize,
    max_blocks: usize,
    large_bytes: AtomicUsize,
    max_large_bytes: usize,
}

impl Budget {
    pub(super) const fn new(max_blocks: usize, max_large_bytes: usize) -> Self {
        let (blocks, large_bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { blocks, max_blocks, large_bytes, max_large_bytes }
    }

    pub(super) const fn max_blocks(&self) -> usize {
        self.max_blocks
    }

    pub(super) fn take_block(&self) -> bool {
        take(&self.blocks, 1, self.max_blocks)
    }

    pub(super) fn give_block(&self) {
        self.blocks.fetch_sub(1, Ordering::Relaxed);
    }

    /// Is more than half of it gone?
    pub(super) fn is_running_low(&self) -> bool {
        self.blocks.load(Ordering::Relaxed) > self.max_blocks / 2
            || self.large_bytes.load(Ordering::Relaxed) > self.max_large_bytes / 2
    }

    pub(super) fn take_large(&self, bytes: usize) -> bool {
        take(&self.large_bytes, bytes, self.max_large_bytes)
    }

    /// Gives back what a span was charged with.
    pub(super) fn release(&self, details: &Details) {
        let bytes = large_bytes(details);
        if bytes > 0 {
            self.large_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// The bytes of a span's texts and lists, if they are more than usual, else zero.
#[inline]
pub(super) fn large_bytes(details: &Details) -> usize {
    let bytes = details.held_bytes();
    if bytes > LARGE_SPAN_BYTES { bytes } else { 0 }
}

fn take(counter: &AtomicUsize, amount: usize, most: usize) -> bool {
    let taken = counter.fetch_add(amount, Ordering::Relaxed);
    let fits = taken.saturating_add(amount) <= most;
    if !fits {
        counter.fetch_sub(amount, Ordering::Relaxed);
    }
    fits
}
