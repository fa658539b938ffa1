//! A lane: one thread's ended spans on their way to one tracer's collector (floor 4).
//!
//! A chain of fixed blocks, each a single-producer single-consumer ring. An idle thread has one block.
//! In a burst it takes further ones out of the tracer's budget; the last slot of a full block carries
//! the receiving end of the next, so that the chain itself needs neither lock nor registry. The first
//! slot of the next carries the sending end of the one left, so that the collector holds both ends when
//! it has emptied it, and can keep it for another burst. Past the budget the newest span is dropped and
//! counted.

use super::{bell::Bell, budget::Budget};
use crate::{
    record::SpanRecord,
    sync::{AtomicBool, AtomicU64, Ordering},
};
use crossbeam_queue::ArrayQueue;
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;

/// Slots of a block, one of which is kept for the link to the next: 24 KiB.
const BLOCK: usize = 256;

/// Blocks that a tracer keeps for bursts: 1.5 MiB.
const SPARE_BLOCKS: usize = 64;

/// Blocks a thread fills before it wakes the collector, which otherwise comes by itself: a wake-up costs
/// as much as some hundred spans.
const BLOCKS_UNTIL_WAKE: u32 = 16;

enum Slot {
    Span(SpanRecord),
    /// In the last slot of a block: where to go on.
    Next(Box<Consumer<Slot>>),
    /// In the first slot of a block: the sending end of the block before.
    Left(Box<Producer<Slot>>),
}

/// A block that nobody uses: both its ends.
struct SpareBlock {
    producer: Box<Producer<Slot>>,
    consumer: Box<Consumer<Slot>>,
}

impl SpareBlock {
    fn new() -> Self {
        let (producer, consumer) = RingBuffer::new(BLOCK);
        Self { producer: Box::new(producer), consumer: Box::new(consumer) }
    }
}

/// What the lanes of one tracer have in common.
pub(super) struct Depot {
    pub(super) budget: Budget,
    pub(super) bell: Bell,
    spare_blocks: ArrayQueue<SpareBlock>,
    closed: AtomicBool,
}

impl Depot {
    /// Bounds for all lanes together, beyond each one's first block.
    pub(super) fn new(max_spans: usize, max_large_bytes: usize) -> Self {
        Self {
            budget: Budget::new(max_spans.div_ceil(BLOCK), max_large_bytes),
            bell: Bell::new(),
            spare_blocks: ArrayQueue::new(SPARE_BLOCKS),
            closed: AtomicBool::new(false),
        }
    }

    /// Frees the blocks that nobody uses. Once the collector takes nothing more, none come back.
    pub(super) fn free_spare_blocks(&self) {
        while self.spare_blocks.pop().is_some() {}
    }

    /// From here on the collector takes nothing more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The most spans that can lie in one lane.
    pub(super) fn max_lane_spans(&self) -> usize {
        self.budget.max_blocks().saturating_add(2).saturating_mul(BLOCK)
    }
}

const _: () = assert!(size_of::<Slot>() == size_of::<SpanRecord>());

/// What a thread counts for one tracer. Only its own thread writes; anyone reads.
#[derive(Default)]
pub(super) struct LaneCounters {
    started: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
    sampled_out: AtomicU64,
}

/// The sum of many lanes' counters.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) started: u64,
    pub(super) ended: u64,
    pub(super) refused: u64,
    pub(super) sampled_out: u64,
}

impl Totals {
    /// Reads what is counted last first: no span is then refused that has not ended.
    pub(super) fn add(&mut self, counters: &LaneCounters) {
        self.refused += counters.refused.load(Ordering::Acquire);
        self.ended += counters.ended.load(Ordering::Relaxed);
        self.started += counters.started.load(Ordering::Relaxed);
        self.sampled_out += counters.sampled_out.load(Ordering::Relaxed);
    }
}

/// One writer needs no atomic read-modify-write.
fn bump(counter: &AtomicU64, order: Ordering) {
    counter.store(counter.load(Ordering::Relaxed) + 1, order);
}

/// The thread's end.
pub(super) struct Lane {
    engine_id: u64,
    producer: Producer<Slot>,
    /// Slots known to be free, the link's not counted.
    free: usize,
    blocks_since_wake: u32,
    counters: Arc<LaneCounters>,
}

impl Lane {
    /// A lane of this thread, and the end that its collector reads.
    pub(super) fn open(engine_id: u64) -> (Self, LaneReceiver) {
        let (producer, consumer) = RingBuffer::new(BLOCK);
        let consumer = Box::new(consumer);
        let counters = Arc::new(LaneCounters::default());
        let receiver = LaneReceiver { consumer, left: None, counters: counters.clone() };
        (Self { engine_id, producer, free: BLOCK - 1, blocks_since_wake: 0, counters }, receiver)
    }

    pub(super) const fn engine_id(&self) -> u64 {
        self.engine_id
    }

    /// Has the collector gone?
    pub(super) fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }

    pub(super) fn count_start(&self) {
        bump(&self.counters.started, Ordering::Relaxed);
    }

    pub(super) fn count_sampled_out(&self) {
        bump(&self.counters.sampled_out, Ordering::Relaxed);
    }

    /// Counts an ended span, and says whether there is room for it: if not, it is counted as refused.
    /// Never waits. `large_bytes` is what the span holds beyond the usual. The depot is rarely asked for.
    #[inline(always)]
    pub(super) fn admit<'d>(
        &mut self,
        large_bytes: usize,
        depot: impl FnOnce() -> Option<&'d Depot>,
    ) -> bool {
        bump(&self.counters.ended, Ordering::Relaxed);
        (self.free > 0 && large_bytes == 0) || depot().is_some_and(|depot| self.find_room(large_bytes, depot))
    }

    #[cold]
    fn find_room(&mut self, large_bytes: usize, depot: &Depot) -> bool {
        let admitted =
            (self.free > 0 || self.make_room(depot)) && (large_bytes == 0 || take_large(large_bytes, depot));
        // After the shutdown it is not for want of room that a span is lost.
        if !admitted && !depot.is_closed() {
            bump(&self.counters.refused, Ordering::Release);
        }
        admitted
    }

    /// Hands over a span that has been admitted.
    #[inline(always)]
    pub(super) fn put(&mut self, record: SpanRecord) {
        self.free -= 1;
        // `free` slots are free: nobody but this thread fills them, so nothing ever comes back. To forget
        // it rather than drop it is what lets the compiler write the record straight into its slot.
        if let Err(never) = self.producer.push(Slot::Span(record)) {
            std::mem::forget(never);
        }
    }

    fn make_room(&mut self, depot: &Depot) -> bool {
        self.free = self.producer.slots().saturating_sub(1);
        if self.free > 0 {
            return true;
        }
        self.blocks_since_wake += 1;
        if self.blocks_since_wake >= BLOCKS_UNTIL_WAKE || depot.budget.is_running_low() {
            self.blocks_since_wake = 0;
            depot.bell.ring_if_asleep();
        }
        if depot.is_closed() || !depot.budget.take_block() {
            return false;
        }
        let SpareBlock { mut producer, consumer } = depot.spare_blocks.pop().unwrap_or_else(SpareBlock::new);
        // Into the slot that was kept for it.
        let _fits = self.producer.push(Slot::Next(consumer));
        std::mem::swap(&mut self.producer, &mut *producer);
        // Into the first of many.
        let _fits = self.producer.push(Slot::Left(producer));
        self.free = BLOCK - 2;
        true
    }
}

#[cold]
fn take_large(bytes: usize, depot: &Depot) -> bool {
    if depot.budget.is_running_low() {
        depot.bell.ring_if_asleep();
    }
    depot.budget.take_large(bytes)
}

/// The collector's end.
pub(super) struct LaneReceiver {
    consumer: Box<Consumer<Slot>>,
    /// The receiving end of a block that has been left, until its sending end comes.
    left: Option<Box<Consumer<Slot>>>,
    counters: Arc<LaneCounters>,
}

impl LaneReceiver {
    pub(super) const fn counters(&self) -> &Arc<LaneCounters> {
        &self.counters
    }

    /// Takes what is there, at most about `most` spans; true if the thread is gone and nothing is left.
    pub(super) fn drain(&mut self, depot: &Depot, most: usize, mut each: impl FnMut(SpanRecord)) -> bool {
        let mut drained = 0;
        while drained < most {
            // Before looking what is there: a thread that is gone adds nothing more.
            let thread_is_gone = self.consumer.is_abandoned();
            let there = self.consumer.slots();
            if there == 0 {
                return thread_is_gone;
            }
            drained += there;
            let mut next = None;
            for slot in self.consumer.read_chunk(there).into_iter().flatten() {
                match slot {
                    Slot::Span(record) => {
                        depot.budget.release(&record);
                        each(record);
                    }
                    Slot::Next(consumer) => next = Some(consumer),
                    Slot::Left(producer) => {
                        if let Some(consumer) = self.left.take() {
                            // Enough are kept already if it does not fit.
                            let _freed = depot.spare_blocks.push(SpareBlock { producer, consumer });
                        }
                    }
                }
            }
            if let Some(next) = next {
                self.left = Some(std::mem::replace(&mut self.consumer, next));
                depot.budget.give_block();
            }
        }
        false
    }
}
