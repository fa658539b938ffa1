//! One exporter's way out of the spool (floor 3): what waits in memory, what was asked, what came of it.
//! Held under the spool's lock.

use crate::{
    export::{Completion, DropReason, Dropped, ExporterStats, Latency, QueueLimits, Recovered},
    record::Chunk,
};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

/// A chunk in memory, with the numbers of its spans; if the first ones are settled, of the others.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) chunk: Arc<Chunk>,
    pub(super) spans: Range<u64>,
}

impl Held {
    /// How many of the chunk's spans, the first ones, are behind the exporter.
    pub(super) fn settled(&self) -> usize {
        let left = usize::try_from(self.spans.end.saturating_sub(self.spans.start)).unwrap_or(usize::MAX);
        self.chunk.len().saturating_sub(left)
    }
}

/// A flush that waits until all before this number is behind the exporter.
pub(super) struct Goal {
    pub(super) completion: Arc<Completion>,
    pub(super) deadline: Instant,
    pub(super) before: u64,
}

/// What became of spans.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) exported: u64,
    pub(super) filtered: u64,
    pub(super) dropped: Dropped,
}

/// No attempt until then.
#[derive(Clone, Copy)]
pub(super) struct Backoff {
    pub(super) until: Instant,
    /// The backend asked for it: not even a shutdown shortens it.
    pub(super) is_asked: bool,
}

pub(super) struct Line {
    /// Among the tracer's exporters.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) waiting: VecDeque<Held>,
    waiting_spans: usize,
    /// In memory, what is in the exporter's hands included.
    spans: usize,
    bytes: usize,
    oldest: Option<Instant>,
    pub(super) goals: Vec<Goal>,
    pub(super) backoff: Option<Backoff>,
    /// A file could not be read: not again until then.
    pub(super) read_again: Option<Instant>,
    /// A shutdown has cut a delay short.
    pub(super) hurried: bool,
    /// Batches the exporter has been rid of.
    pub(super) successes: u64,
    /// It has said goodbye.
    pub(super) is_closed: bool,
    pub(super) own: Tally,
    pub(super) recovered: Tally,
    pub(super) latency: Latency,
    pub(super) retries: u64,
    pub(super) unspooled: u64,
}

impl Line {
    pub(super) fn new(place: usize, name: String) -> Self {
        Self {
            place,
            name,
            waiting: VecDeque::new(),
            waiting_spans: 0,
            spans: 0,
            bytes: 0,
            oldest: None,
            goals: Vec::new(),
            backoff: None,
            read_again: None,
            hurried: false,
            successes: 0,
            is_closed: false,
            own: Tally::default(),
            recovered: Tally::default(),
            latency: Latency::default(),
            retries: 0,
            unspooled: 0,
        }
    }

    pub(super) fn has_room(&self, chunk: &Chunk, limits: &QueueLimits) -> bool {
        self.spans + chunk.len() <= limits.spans && self.bytes.saturating_add(chunk.bytes()) <= limits.bytes
    }

    pub(super) fn push_back(&mut self, held: Held, now: Instant) {
        self.spans += held.chunk.len();
        self.bytes += held.chunk.bytes();
        self.waiting_spans += held.chunk.len();
        self.oldest.get_or_insert(now);
        self.waiting.push_back(held);
    }

    /// Takes back what is in the exporter's hands.
    pub(super) fn return_to_front(&mut self, held: Held, now: Instant) {
        self.waiting_spans += held.chunk.len();
        self.oldest.get_or_insert(now);
        self.waiting.push_front(held);
    }

    /// Takes what waits longest, up to `most` spans, at least one chunk. It stays counted as in memory.
    pub(super) fn take(&mut self, most: usize) -> Vec<Held> {
        let mut taken = Vec::new();
        let mut spans = 0;
        while let Some(next) = self.waiting.front() {
            if !taken.is_empty() && spans + next.chunk.len() > most {
                break;
            }
            spans += next.chunk.len();
            taken.extend(self.waiting.pop_front());
        }
        self.waiting_spans -= spans;
        if self.waiting.is_empty() {
            self.oldest = None;
        }
        taken
    }

    /// Takes out one that waits.
    pub(super) fn remove_waiting(&mut self, at: usize) -> Option<Held> {
        let held = self.waiting.remove(at)?;
        self.waiting_spans -= held.chunk.len();
        self.forget(&held);
        if self.waiting.is_empty() {
            self.oldest = None;
        }
        Some(held)
    }

    /// A chunk leaves memory.
    pub(super) fn forget(&mut self, held: &Held) {
        self.spans = self.spans.saturating_sub(held.chunk.len());
        self.bytes = self.bytes.saturating_sub(held.chunk.bytes());
    }

    pub(super) fn forget_all(&mut self) {
        self.waiting.clear();
        (self.waiting_spans, self.spans, self.bytes, self.oldest) = (0, 0, 0, None);
    }

    /// When what waits is due, if anything does: full, old enough, or asked for.
    pub(super) fn due(&self, limits: &QueueLimits, is_urgent: bool, now: Instant) -> Option<Instant> {
        let oldest = self.oldest?;
        if is_urgent || self.waiting_spans >= limits.batch_spans {
            return Some(now);
        }
        Some(crate::clock::after(oldest, limits.batch_delay))
    }

    pub(super) fn back_off(&mut self, delay: Duration, is_asked: bool, now: Instant) {
        self.backoff = Some(Backoff { until: crate::clock::after(now, delay), is_asked });
    }

    pub(super) fn add_goal(&mut self, goal: Goal, now: Instant) {
        // An exporter that hangs while the application flushes now and then must not gather those that nobody
        // waits for. What they were to bring about this one does.
        self.goals.retain(|goal| goal.deadline > now && !goal.completion.is_done());
        self.goals.push(goal);
    }

    pub(super) fn tally(&mut self, is_own: bool) -> &mut Tally {
        if is_own { &mut self.own } else { &mut self.recovered }
    }

    pub(super) fn drop_own(&mut self, reason: DropReason, spans: u64) {
        self.own.dropped.add(reason, spans);
    }

    /// The books, but for what only the shelves know.
    pub(super) fn stats(&self) -> ExporterStats {
        ExporterStats {
            name: self.name.clone(),
            exported: self.own.exported,
            filtered: self.own.filtered,
            unspooled: self.unspooled,
            retries: self.retries,
            latency: self.latency,
            dropped: self.own.dropped,
            recovered: Recovered {
                exported: self.recovered.exported,
                filtered: self.recovered.filtered,
                dropped: self.recovered.dropped,
                ..Recovered::default()
            },
            ..ExporterStats::default()
        }
    }
}
