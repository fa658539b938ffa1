//! The queue in front of one exporter (floor 3).
//!
//! One collector pushes, one worker takes. Bounded by spans and by bytes, what is on its way in the
//! exporter's hands included; a chunk that does not fit is dropped, counted as
//! [`DropReason::QueueFull`]. The collector never waits here; the worker does.

use super::{
    Completion, DropReason, Pause,
    stats::{DropCounters, ExporterStats, Latency},
};
use crate::{
    clock::after,
    record::Chunk,
    sync::{AtomicU64, Condvar, Mutex, MutexGuard, Ordering, lock, wait, wait_timeout},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
    pub(crate) batch_spans: usize,
    pub(crate) batch_delay: Duration,
}

/// What the worker does next.
pub(crate) enum Work {
    Export(Vec<Arc<Chunk>>),
    /// To be done by then.
    Flush(Arc<Completion>, Instant),
    /// To be done by then.
    Shutdown(Arc<Completion>, Instant),
    /// The shutdown's deadline passed while the worker was busy: nothing is left to do.
    Stop,
}

enum Item {
    Chunk(Arc<Chunk>),
    Flush(Arc<Completion>, Instant),
    Shutdown(Arc<Completion>, Instant),
}

struct State {
    items: VecDeque<Item>,
    /// Waiting and in flight together.
    spans: usize,
    bytes: usize,
    in_flight_spans: usize,
    in_flight_bytes: usize,
    /// When the oldest waiting chunk came.
    oldest: Option<Instant>,
    /// Flushes and shutdowns among the items: with one of them waiting, nothing lingers.
    markers: usize,
    /// Set by a shutdown: no retry may be waited for beyond it.
    deadline: Option<Instant>,
    latency: Latency,
    worker_sleeps: bool,
    /// The batch that waited when the shutdown came has been given its last attempt.
    hurried: bool,
    /// The exporter is given nothing before that.
    hold: Option<Hold>,
    /// The deadline has passed: all that was left has been counted.
    abandoned: bool,
}

/// A delay that is not one batch's alone.
#[derive(Clone, Copy)]
struct Hold {
    until: Instant,
    /// The backend asked for it: not even a shutdown shortens it.
    is_asked: bool,
}

pub(crate) struct Queue {
    name: String,
    limits: QueueLimits,
    state: Mutex<State>,
    changed: Condvar,
    exported: AtomicU64,
    filtered: AtomicU64,
    retries: AtomicU64,
    dropped: DropCounters,
}

impl Queue {
    pub(crate) fn new(name: String, limits: QueueLimits) -> Self {
        let state = State {
            items: VecDeque::new(),
            spans: 0,
            bytes: 0,
            in_flight_spans: 0,
            in_flight_bytes: 0,
            oldest: None,
            markers: 0,
            deadline: None,
            latency: Latency::default(),
            worker_sleeps: false,
            hurried: false,
            hold: None,
            abandoned: false,
        };
        Self {
            name,
            limits,
            state: Mutex::new(state),
            changed: Condvar::new(),
            exported: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            dropped: DropCounters::new(),
        }
    }

    // The collector's side.

    /// Takes a chunk, or drops and counts it; false if it did. `more` is to come at once, and will wake
    /// the worker.
    pub(crate) fn push(&self, chunk: &Arc<Chunk>, more: bool) -> bool {
        let mut state = lock(&self.state);
        let spans = state.spans + chunk.len();
        let bytes = state.bytes.saturating_add(chunk.bytes());
        if spans > self.limits.spans || bytes > self.limits.bytes || state.abandoned {
            let reason = if state.abandoned { DropReason::ShutdownDeadline } else { DropReason::QueueFull };
            self.dropped.add(reason, chunk.len());
            return false;
        }
        state.spans = spans;
        state.bytes = bytes;
        let was_empty = state.oldest.is_none();
        state.oldest.get_or_insert_with(Instant::now);
        state.items.push_back(Item::Chunk(chunk.clone()));
        let waiting = state.spans - state.in_flight_spans;
        // In between the worker sleeps until the delay is over; waking it would only cost.
        if !more && (was_empty || waiting >= self.limits.batch_spans) {
            self.wake(state);
        }
        true
    }

    pub(crate) fn push_flush(&self, completion: Arc<Completion>, deadline: Instant) {
        let mut state = lock(&self.state);
        // An exporter that hangs while the application flushes now and then must not gather markers that
        // nobody waits for any more. What they were to bring about this one does.
        let now = Instant::now();
        let is_waited_for = |item: &Item| match item {
            Item::Flush(completion, until) => *until > now && !completion.is_done(),
            Item::Chunk(_) | Item::Shutdown(..) => true,
        };
        let before = state.items.len();
        state.items.retain(is_waited_for);
        state.markers -= before - state.items.len();
        self.push_marker(state, Item::Flush(completion, deadline));
    }

    /// Lets the worker finish what is waiting until `deadline`, and no longer.
    pub(crate) fn push_shutdown(&self, completion: Arc<Completion>, deadline: Instant) {
        let mut state = lock(&self.state);
        state.deadline = Some(deadline);
        self.push_marker(state, Item::Shutdown(completion, deadline));
    }

    fn push_marker(&self, mut state: MutexGuard<'_, State>, marker: Item) {
        state.items.push_back(marker);
        state.markers += 1;
        self.wake(state);
    }

    /// Wakes the worker if it sleeps. One that does not looks at the state before it does.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let sleeps = state.worker_sleeps;
        drop(state);
        if sleeps {
            self.changed.notify_all();
        }
    }

    /// Gives up whatever has not been delivered, what the exporter is busy with included.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        if state.abandoned {
            return;
        }
        state.abandoned = true;
        self.dropped.add(DropReason::ShutdownDeadline, state.spans);
        state.spans = 0;
        state.bytes = 0;
        let items = std::mem::take(&mut state.items);
        self.wake(state);
        drop(items);
    }

    // The worker's side.

    /// Waits until a batch is due: full, old enough, or asked for.
    pub(crate) fn next(&self) -> Work {
        let mut state = lock(&self.state);
        loop {
            if state.abandoned {
                return Work::Stop;
            }
            let due = state.oldest.map(|oldest| after(oldest, self.limits.batch_delay));
            let wait = match (state.items.front(), due) {
                (Some(Item::Flush(..) | Item::Shutdown(..)), _) => return state.take_marker(),
                (Some(Item::Chunk(_)), Some(due)) => {
                    let left = due.saturating_duration_since(Instant::now());
                    let is_due =
                        state.markers > 0 || state.spans >= self.limits.batch_spans || left.is_zero();
                    match state.held_until(Instant::now()) {
                        _ if !is_due => Some(left),
                        None => return Work::Export(state.take_batch(self.limits.batch_spans)),
                        Some(until) if state.deadline.is_some_and(|deadline| until >= deadline) => {
                            self.dropped.add(DropReason::ShutdownDeadline, state.give_up_waiting());
                            continue;
                        }
                        Some(until) => Some(until.saturating_duration_since(Instant::now())),
                    }
                }
                _ => None,
            };
            state = self.wait(state, wait);
        }
    }

    /// The exporter is given nothing for so long; at a shutdown, if the delay is our own, all that is left at once.
    pub(crate) fn hold_off(&self, pause: Pause) {
        let (delay, is_asked) = match pause {
            Pause::Asked(delay) => (delay, true),
            Pause::Own(delay) => (delay, false),
        };
        lock(&self.state).hold = Some(Hold { until: after(Instant::now(), delay), is_asked });
    }

    /// Waits before another attempt; false if there is to be none.
    ///
    /// With a shutdown under way, a batch that waits for a delay of our own has one more attempt at once,
    /// which may be its last.
    pub(crate) fn wait_for_retry(&self, pause: Pause) -> bool {
        let (Pause::Asked(delay) | Pause::Own(delay)) = pause;
        let again = after(Instant::now(), delay);
        let mut state = lock(&self.state);
        loop {
            if state.abandoned {
                return false;
            }
            let mut left = again.saturating_duration_since(Instant::now());
            if let Some(deadline) = state.deadline {
                if matches!(pause, Pause::Own(_)) && !std::mem::replace(&mut state.hurried, true) {
                    left = Duration::ZERO;
                } else if again >= deadline {
                    return false;
                }
            }
            if left.is_zero() {
                self.retries.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            state = self.wait(state, Some(left));
        }
    }

    /// Counts a call of the exporter.
    pub(crate) fn measure(&self, took: Duration) {
        let mut state = lock(&self.state);
        if !state.abandoned {
            state.latency.add(took);
        }
    }

    /// Counts spans of the batch that was taken last that are not meant for this exporter.
    pub(crate) fn leave_out(&self, spans: usize) {
        let mut state = lock(&self.state);
        if state.abandoned {
            return;
        }
        let spans = spans.min(state.in_flight_spans);
        state.in_flight_spans -= spans;
        state.spans -= spans;
        self.filtered.fetch_add(spans as u64, Ordering::Relaxed);
    }

    /// Counts the first spans of the batch that was taken last; the others are still on their way.
    pub(crate) fn settle_first(&self, delivered: usize, rejected: usize) {
        let mut state = lock(&self.state);
        if state.abandoned {
            return;
        }
        let delivered = delivered.min(state.in_flight_spans);
        let rejected = rejected.min(state.in_flight_spans - delivered);
        state.in_flight_spans -= delivered + rejected;
        state.spans -= delivered + rejected;
        self.exported.fetch_add(delivered as u64, Ordering::Relaxed);
        self.dropped.add(DropReason::Rejected, rejected);
    }

    /// Counts the batch that was taken last: `delivered` of its spans, the others for `reason`.
    ///
    /// A batch that was given up meanwhile has been counted already.
    pub(crate) fn settle(&self, delivered: usize, reason: DropReason) {
        let mut state = lock(&self.state);
        let spans = std::mem::take(&mut state.in_flight_spans);
        let bytes = std::mem::take(&mut state.in_flight_bytes);
        if state.abandoned {
            return;
        }
        state.spans -= spans;
        state.bytes -= bytes;
        let delivered = delivered.min(spans);
        self.exported.fetch_add(delivered as u64, Ordering::Relaxed);
        self.dropped.add(reason, spans - delivered);
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, at_most: Option<Duration>) -> MutexGuard<'a, State> {
        state.worker_sleeps = true;
        let mut state = match at_most {
            None => wait(&self.changed, state),
            Some(at_most) => wait_timeout(&self.changed, state, at_most),
        };
        state.worker_sleeps = false;
        state
    }

    // Anybody's.

    pub(crate) fn stats(&self) -> ExporterStats {
        // Under the lock no span is between two places.
        let state = lock(&self.state);
        ExporterStats {
            name: self.name.clone(),
            exported: self.exported.load(Ordering::Relaxed),
            filtered: self.filtered.load(Ordering::Relaxed),
            pending: state.spans as u64,
            retries: self.retries.load(Ordering::Relaxed),
            dropped: self.dropped.read(),
            latency: state.latency,
            ..ExporterStats::default()
        }
    }
}

impl State {
    fn take_marker(&mut self) -> Work {
        self.markers -= 1;
        match self.items.pop_front() {
            Some(Item::Flush(completion, deadline)) => Work::Flush(completion, deadline),
            Some(Item::Shutdown(completion, deadline)) => Work::Shutdown(completion, deadline),
            // Only called with a marker at the front.
            Some(Item::Chunk(_)) | None => Work::Stop,
        }
    }

    /// Until when the exporter is given nothing, if not now.
    fn held_until(&mut self, now: Instant) -> Option<Instant> {
        let is_over = |hold: &Hold| hold.until <= now || (!hold.is_asked && self.deadline.is_some());
        self.hold = self.hold.filter(|hold| !is_over(hold));
        self.hold.map(|hold| hold.until)
    }

    /// Drops all chunks that wait, and leaves the markers; how many spans that were.
    fn give_up_waiting(&mut self) -> usize {
        let before = self.spans;
        let (spans, bytes) = (&mut self.spans, &mut self.bytes);
        self.items.retain(|item| match item {
            Item::Chunk(chunk) => {
                *spans -= chunk.len();
                *bytes -= chunk.bytes();
                false
            }
            Item::Flush(..) | Item::Shutdown(..) => true,
        });
        self.oldest = None;
        before - self.spans
    }

    /// Takes chunks from the front, up to the next marker and to `most` spans, at least one chunk.
    fn take_batch(&mut self, most: usize) -> Vec<Arc<Chunk>> {
        let mut batch = Vec::new();
        while let Some(Item::Chunk(chunk)) = self.items.front() {
            if !batch.is_empty() && self.in_flight_spans + chunk.len() > most {
                break;
            }
            self.in_flight_spans += chunk.len();
            self.in_flight_bytes += chunk.bytes();
            if let Some(Item::Chunk(chunk)) = self.items.pop_front() {
                batch.push(chunk);
            }
        }
        let more = self.items.iter().any(|item| matches!(item, Item::Chunk(_)));
        self.oldest = if more { self.oldest } else { None };
        batch
    }
}
