//! A lane: one thread's ended spans on their way to one tracer's collector (floor 4).
//!
//! A chain of fixed blocks, each a single-producer single-consumer ring. An idle thread has one block.
//! In a burst it takes further ones out of the tracer's budget; the last slot of a full block carries
//! the receiving end of the next, so that the chain itself needs neither lock nor registry. The first
//! slot of the next carries the sending end of the one left, so that the collector holds both ends when
//! it has emptied it, and can keep it for another burst. Past the budget the newest span is dropped and
//! counted.
//!
//! What the spans of a trace have in common is in a slot of its own, ahead of those that follow one another.

use super::{
    bell::Bell,
    budget::Budget,
    ended::{Ended, OfTrace, Trace},
};
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crossbeam_queue::ArrayQueue;
use rtrb::{Consumer, Producer, RingBuffer};
use std::{cell::Cell, num::NonZeroU64, sync::Arc};

/// Slots of a block, one of which is kept for the link to the next: 16 KiB.
const BLOCK: usize = 256;

/// Blocks that a tracer keeps for bursts: 1 MiB.
const SPARE_BLOCKS: usize = 64;

/// Blocks a thread fills before it wakes the collector, which otherwise comes by itself: a wake-up costs
/// as much as some hundred spans.
const BLOCKS_UNTIL_WAKE: u32 = 32;

/// A slot in a cache line of its own.
#[repr(align(64))]
struct Line(Slot);

const _: () = assert!(size_of::<Line>() == 64);

/// What it owns is in cells, for the collector to take it out: moving whole slots would be most of its work.
enum Slot {
    /// A span of the trace that was named last.
    Span(Ended),
    Trace(Cell<Option<OfTrace>>),
    /// In the last slot of a block: where to go on.
    Next(Cell<Option<Box<Consumer<Line>>>>),
    /// In the first slot of a block: the sending end of the block before.
    Left(Cell<Option<Box<Producer<Line>>>>),
}

/// A block that nobody uses: both its ends.
struct SpareBlock {
    producer: Box<Producer<Line>>,
    consumer: Box<Consumer<Line>>,
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
    /// How often the collector has been through the lanes.
    passes: AtomicU64,
    closed: AtomicBool,
}

impl Depot {
    /// Bounds for all lanes together, beyond each one's first block.
    pub(super) fn new(max_spans: usize, max_large_bytes: usize) -> Self {
        Self {
            budget: Budget::new(max_spans.div_ceil(BLOCK), max_large_bytes),
            bell: Bell::new(),
            spare_blocks: ArrayQueue::new(SPARE_BLOCKS),
            passes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Frees the blocks that nobody uses. Once the collector takes nothing more, none come back.
    pub(super) fn free_spare_blocks(&self) {
        while self.spare_blocks.pop().is_some() {}
    }

    /// Counts that somebody goes through the lanes. One at a time does.
    pub(super) fn count_pass(&self) {
        bump(&self.passes, Ordering::Relaxed);
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
    producer: Producer<Line>,
    /// Slots known to be free, the link's not counted.
    free: usize,
    /// The serial number of the trace that was named last.
    trace: Option<NonZeroU64>,
    /// Blocks filled since the collector went through the lanes for the `passes`th time, or was woken.
    blocks_since_wake: u32,
    passes: u64,
    counters: Arc<LaneCounters>,
}

impl Lane {
    /// A lane of this thread, and the end that its collector reads.
    pub(super) fn open(engine_id: u64) -> (Self, LaneReceiver) {
        let (producer, consumer) = RingBuffer::new(BLOCK);
        let consumer = Box::new(consumer);
        let counters = Arc::new(LaneCounters::default());
        let receiver = LaneReceiver { consumer, known: Known::default(), counters: counters.clone() };
        (
            Self {
                engine_id,
                producer,
                free: BLOCK - 1,
                trace: None,
                blocks_since_wake: 0,
                passes: 0,
                counters,
            },
            receiver,
        )
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

    /// Counts an ended span of this trace, and says whether there is room for it: if not, it is counted as
    /// refused. Never waits. `large_bytes` is what the span holds beyond the usual.
    #[inline(always)]
    pub(super) fn admit(&mut self, trace: &Trace, large_bytes: usize, depot: &Depot) -> bool {
        bump(&self.counters.ended, Ordering::Relaxed);
        (self.free > 0 && self.trace == Some(trace.serial) && large_bytes == 0)
            || self.find_room(trace, large_bytes, depot)
    }

    #[inline(never)]
    fn find_room(&mut self, trace: &Trace, large_bytes: usize, depot: &Depot) -> bool {
        let admitted = self.name_trace(trace, depot)
            && self.has_room(depot)
            && (large_bytes == 0 || take_large(large_bytes, depot));
        // After the shutdown it is not for want of room that a span is lost.
        if !admitted && !depot.is_closed() {
            bump(&self.counters.refused, Ordering::Release);
        }
        admitted
    }

    /// Sees to it that this trace is the one named last.
    #[inline(always)]
    fn name_trace(&mut self, trace: &Trace, depot: &Depot) -> bool {
        if self.trace == Some(trace.serial) {
            return true;
        }
        let fits = self.has_room(depot);
        if fits {
            self.push(Slot::Trace(Cell::new(Some(trace.for_records()))));
            self.trace = Some(trace.serial);
        }
        fits
    }

    #[inline(always)]
    fn has_room(&mut self, depot: &Depot) -> bool {
        self.free > 0 || self.make_room(depot)
    }

    /// Hands over a span that has been admitted.
    #[inline(always)]
    pub(super) fn put(&mut self, ended: Ended) {
        self.push(Slot::Span(ended));
    }

    #[inline(always)]
    fn push(&mut self, slot: Slot) {
        self.free -= 1;
        // `free` slots are free: nobody but this thread fills them, so nothing ever comes back. To forget
        // it rather than drop it is what lets the compiler write the span straight into its slot.
        if let Err(never) = self.producer.push(Line(slot)) {
            std::mem::forget(never);
        }
    }

    #[inline(never)]
    fn make_room(&mut self, depot: &Depot) -> bool {
        self.free = self.producer.slots().saturating_sub(1);
        if self.free > 0 {
            return true;
        }
        let passes = depot.passes.load(Ordering::Relaxed);
        if self.passes != passes {
            // It has come by itself since.
            (self.passes, self.blocks_since_wake) = (passes, 0);
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
        let _fits = self.producer.push(Line(Slot::Next(Cell::new(Some(consumer)))));
        std::mem::swap(&mut self.producer, &mut *producer);
        // Into the first of many.
        let _fits = self.producer.push(Line(Slot::Left(Cell::new(Some(producer)))));
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
    consumer: Box<Consumer<Line>>,
    known: Known,
    counters: Arc<LaneCounters>,
}

impl LaneReceiver {
    pub(super) const fn counters(&self) -> &Arc<LaneCounters> {
        &self.counters
    }

    /// Takes what is there in the block at hand, and goes on to the next block behind that.
    pub(super) fn drain(&mut self, depot: &Depot, mut each: impl FnMut(&Ended, &OfTrace)) -> Drained {
        // Before looking what is there: a thread that is gone adds nothing more.
        let thread_has_ended = self.consumer.is_abandoned();
        let slots = self.consumer.slots();
        let Ok(chunk) = self.consumer.read_chunk(slots) else {
            return Drained { slots: 0, thread_has_ended };
        };
        let (first, second) = chunk.as_slices();
        for slots in [first, second] {
            for Line(slot) in slots {
                if let (Slot::Span(ended), Some(trace)) = (slot, &self.known.trace) {
                    each(ended, trace);
                } else {
                    self.known.take_in(slot, depot);
                }
            }
        }
        chunk.commit_all();
        if let Some(next) = self.known.next.take() {
            self.known.left = Some(std::mem::replace(&mut self.consumer, next));
            depot.budget.give_block();
        }
        Drained { slots, thread_has_ended: thread_has_ended && slots == 0 }
    }
}

/// What was in a lane's block.
pub(super) struct Drained {
    pub(super) slots: usize,
    /// Nothing is left, and nothing comes any more.
    pub(super) thread_has_ended: bool,
}

/// What a receiver knows from the slots that are no spans.
#[derive(Default)]
struct Known {
    /// The trace of the spans that come next; there is one ahead of the first.
    trace: Option<OfTrace>,
    /// The receiving end of a block that has been left, until its sending end comes.
    left: Option<Box<Consumer<Line>>>,
    /// The receiving end of the next block.
    next: Option<Box<Consumer<Line>>>,
}

impl Known {
    #[inline(never)]
    fn take_in(&mut self, slot: &Slot, depot: &Depot) {
        match slot {
            Slot::Trace(trace) => self.trace = trace.take(),
            Slot::Next(consumer) => self.next = consumer.take(),
            Slot::Left(producer) => {
                if let (Some(consumer), Some(producer)) = (self.left.take(), producer.take()) {
                    // Enough are kept already if it does not fit.
                    let _freed = depot.spare_blocks.push(SpareBlock { producer, consumer });
                }
            }
            Slot::Span(_) => {}
        }
    }
}
