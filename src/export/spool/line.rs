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
    /// When it was kept, it was on disk as well.
    pub(super) is_on_disk: bool,
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
    /// Of what waits: chunks that are on disk as well.
    waiting_on_disk: usize,
    /// What has failed and is in no other place. Behind everything else, each in its turn.
    pub(super) returned: VecDeque<Held>,
    /// In memory, what is in the exporter's hands included.
    spans: usize,
    bytes: usize,
    oldest: Option<Instant>,
    pub(super) goals: Vec<Goal>,
    pub(super) backoff: Option<Backoff>,
    /// A shutdown has cut a delay short.
    pub(super) hurried: bool,
    /// Batches that have been delivered, and that have failed and may be later.
    pub(super) successes: u64,
    pub(super) failures: u64,
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
            waiting_on_disk: 0,
            returned: VecDeque::new(),
            spans: 0,
            bytes: 0,
            oldest: None,
            goals: Vec::new(),
            backoff: None,
            failures: 0,
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
        self.waiting_on_disk += usize::from(held.is_on_disk);
        self.oldest.get_or_insert(now);
        self.waiting.push_back(held);
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
            taken.extend(self.take_waiting(0));
        }
        taken
    }

    /// Takes those of what has failed that came back first and failed together.
    pub(super) fn take_returned(&mut self, together: &Range<u64>) -> Vec<Held> {
        let mut taken = Vec::new();
        while self
            .returned
            .front()
            .is_some_and(|next| taken.is_empty() || together.contains(&next.spans.start))
        {
            taken.extend(self.returned.pop_front());
        }
        taken
    }

    /// Takes one that waits, into the exporter's hands.
    fn take_waiting(&mut self, at: usize) -> Option<Held> {
        let held = self.waiting.remove(at)?;
        self.waiting_spans -= held.chunk.len();
        self.waiting_on_disk -= usize::from(held.is_on_disk);
        if self.waiting.is_empty() {
            self.oldest = None;
        }
        Some(held)
    }

    /// Takes one out of memory that waits and has not been sent. What is on disk, too, is usually older than what is not.
    pub(super) fn remove_on_disk(&mut self, is_on_disk: impl Fn(&Held) -> bool) -> Option<Held> {
        if self.waiting_on_disk == 0 {
            return None;
        }
        let at = self.waiting.iter().position(|held| held.is_on_disk && is_on_disk(held))?;
        let held = self.take_waiting(at)?;
        self.forget(&held);
        Some(held)
    }

    /// Takes one out of memory, while there is any but in the exporter's hands.
    pub(super) fn remove_any(&mut self) -> Option<Held> {
        let held = self.take_waiting(0).or_else(|| self.returned.pop_front())?;
        self.forget(&held);
        Some(held)
    }

    /// A chunk leaves memory.
    pub(super) fn forget(&mut self, held: &Held) {
        self.spans = self.spans.saturating_sub(held.chunk.len());
        self.bytes = self.bytes.saturating_sub(held.chunk.bytes());
    }

    pub(super) fn forget_all(&mut self) {
        self.waiting.clear();
        self.returned.clear();
        self.waiting_on_disk = 0;
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
