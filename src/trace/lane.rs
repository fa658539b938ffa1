//! A lane: one thread's ended spans on their way to one tracer's collector (floor 4).
//!
//! A chain of fixed blocks, each a single-producer single-consumer ring. An idle thread has one block.
//! In a burst it takes further ones out of the tracer's budget; the last slot of a full block carries
//! the receiving end of the next, so that the chain itself needs neither lock nor registry, and the
//! collector frees each block as it leaves it. Past the budget the newest span is dropped and counted.

use super::engine::Engine;
use crate::{
    record::SpanRecord,
    sync::{AtomicU64, Ordering},
};
use rtrb::{Consumer, Producer, RingBuffer};
use std::sync::Arc;

/// Slots of a block, one of which is kept for the link to the next: 24 KiB.
pub(super) const BLOCK: usize = 256;

enum Slot {
    Span(SpanRecord),
    Next(Box<Consumer<Slot>>),
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
    pub(super) fn add(&mut self, counters: &LaneCounters) {
        self.started += counters.started.load(Ordering::Relaxed);
        self.ended += counters.ended.load(Ordering::Relaxed);
        self.refused += counters.refused.load(Ordering::Relaxed);
        self.sampled_out += counters.sampled_out.load(Ordering::Relaxed);
    }
}

/// One writer needs no atomic read-modify-write.
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The thread's end.
pub(super) struct Lane {
    engine_id: u64,
    producer: Producer<Slot>,
    /// Slots known to be free, the link's not counted.
    free: usize,
    counters: Arc<LaneCounters>,
}

impl Lane {
    /// A lane of this thread to `engine`, made known to its collector.
    pub(super) fn open(engine: &Arc<Engine>) -> Self {
        let (producer, consumer) = RingBuffer::new(BLOCK);
        let counters = Arc::new(LaneCounters::default());
        engine.announce(LaneReceiver { consumer, counters: counters.clone() });
        Self { engine_id: engine.id, producer, free: BLOCK - 1, counters }
    }

    pub(super) const fn engine_id(&self) -> u64 {
        self.engine_id
    }

    /// Has the collector gone?
    pub(super) fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }

    pub(super) fn count_start(&self) {
        bump(&self.counters.started);
    }

    pub(super) fn count_sampled_out(&self) {
        bump(&self.counters.sampled_out);
    }

    /// Hands an ended span over, or drops and counts it. Never waits.
    #[inline]
    pub(super) fn push(&mut self, record: SpanRecord, engine: &Engine) {
        bump(&self.counters.ended);
        if self.free == 0 && !self.make_room(engine) || !engine.budget.admit(&record) {
            bump(&self.counters.refused);
            return;
        }
        self.free -= 1;
        // `free` slots are free: nobody but this thread fills them.
        let _fits = self.producer.push(Slot::Span(record));
    }

    #[cold]
    fn make_room(&mut self, engine: &Engine) -> bool {
        self.free = self.producer.slots().saturating_sub(1);
        if self.free > 0 {
            return true;
        }
        engine.wake_if_asleep();
        if engine.is_closed() || !engine.budget.take_block() {
            return false;
        }
        let (producer, consumer) = RingBuffer::new(BLOCK);
        // Into the slot that was kept for it.
        let _fits = self.producer.push(Slot::Next(Box::new(consumer)));
        self.producer = producer;
        self.free = BLOCK - 1;
        true
    }
}

/// The collector's end.
pub(super) struct LaneReceiver {
    consumer: Consumer<Slot>,
    counters: Arc<LaneCounters>,
}

impl LaneReceiver {
    pub(super) const fn counters(&self) -> &Arc<LaneCounters> {
        &self.counters
    }

    /// Takes what is there, at most `most` spans; true if the thread is gone and nothing is left.
    pub(super) fn drain(&mut self, engine: &Engine, most: usize, mut each: impl FnMut(SpanRecord)) -> bool {
        for _ in 0..most {
            // Before the pop: a thread that is gone pushes nothing more.
            let thread_is_gone = self.consumer.is_abandoned();
            match self.consumer.pop() {
                Ok(Slot::Span(record)) => {
                    engine.budget.release(&record);
                    each(record);
                }
                Ok(Slot::Next(next)) => {
                    self.consumer = *next;
                    engine.budget.give_block();
                }
                Err(_empty) => return thread_is_gone,
            }
        }
        false
    }
}
