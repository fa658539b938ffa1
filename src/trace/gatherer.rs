//! Collecting (floor 4): drains the lanes, settles each record, has the tail sampler decide, and passes flushes
//! on behind what came before them.
//!
//! The collector's thread does so each time it wakes. Whoever waits for a flush does it on the spot: that saves
//! waking a thread, and what has just been written is still in this processor's cache.

use super::{
    ended::{Ended, OfTrace},
    engine::Engine,
    lane::LaneReceiver,
    message::{Message, Waiting},
    outlet::Outlet,
    suppress::suppress_instrumentation,
};
use crate::{
    clock::Resolver,
    panics::caught,
    record::{KnownKeys, SpanRecord},
    sampling::tail::Tail,
    sync::{Mutex, MutexGuard, lock, try_lock},
};
use std::{
    mem,
    sync::{Arc, mpsc::Receiver},
    task::Waker,
    time::Instant,
};

/// Lent to one thread at a time.
pub(super) struct Gathering {
    engine: Arc<Engine>,
    /// Is code of the user's called? It might wait for what the thread holds that flushes.
    runs_foreign_code: bool,
    gatherer: Mutex<Gatherer>,
}

impl Gathering {
    pub(super) fn new(
        engine: Arc<Engine>,
        inbox: Receiver<Message>,
        tail: Option<Tail>,
        outlet: Outlet,
    ) -> Self {
        let hands_on_bare = tail.is_none() && !engine.redaction.has_own();
        let runs_foreign_code = !hands_on_bare || engine.timeline.is_custom();
        let gatherer = Gatherer {
            began: engine.timeline.ticks(),
            now: 0,
            times: engine.timeline.resolver(),
            known_keys: KnownKeys::new(),
            hands_on_bare,
            engine: engine.clone(),
            inbox,
            lanes: Vec::new(),
            tail,
            outlet,
            flushes: Vec::new(),
            wakers: Vec::new(),
            watched: Vec::new(),
            shutdown: None,
            is_over: false,
        };
        Self { engine, runs_foreign_code, gatherer: Mutex::new(gatherer) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Gatherer> {
        lock(&self.gatherer)
    }

    /// Collects on the thread of one who waits for that, not beyond this time. What that leaves is the collector's.
    pub(super) fn collect(&self, until: Instant) {
        let own = if self.runs_foreign_code { None } else { try_lock(&self.gatherer) };
        // Whoever else has it may have looked into the inbox too early.
        let is_done = own.is_some_and(|mut gatherer| {
            let _suppressed = suppress_instrumentation();
            let passed = caught(|| gatherer.pass(Some(until)));
            passed.is_some_and(|passed| passed.is_whole) && gatherer.wakers.is_empty()
        });
        if !is_done {
            self.engine.depot.bell.ring();
        }
    }
}

pub(super) struct Gatherer {
    engine: Arc<Engine>,
    inbox: Receiver<Message>,
    lanes: Vec<LaneReceiver>,
    tail: Option<Tail>,
    /// Is there nobody who would look at a bare record before it is handed on?
    hands_on_bare: bool,
    /// When this was made, in ticks; and the time since, in nanoseconds, at the beginning of the pass.
    began: u64,
    now: u64,
    /// The pass's.
    times: Resolver,
    known_keys: KnownKeys,
    outlet: Outlet,
    flushes: Vec<Waiting>,
    /// Of futures whose waiting is over. They are an executor's code, which only the collector's thread may call.
    wakers: Vec<Waker>,
    /// What somebody may be waiting for as a future, to be woken at the deadline.
    watched: Vec<Waiting>,
    /// For the collector's thread, which alone ends a tracer.
    shutdown: Option<Waiting>,
    /// Nothing is taken in any more.
    is_over: bool,
}

/// What has been taken in.
pub(super) struct Passed {
    pub(super) slots: usize,
    /// All that there was.
    is_whole: bool,
}

impl Gatherer {
    /// Takes in all that is there now, or what can be taken in until then: the rest, and the flushes behind it, are left
    /// for another pass.
    pub(super) fn pass(&mut self, until: Option<Instant>) -> Passed {
        self.take_in_messages();
        if self.is_over {
            return Passed { slots: 0, is_whole: true };
        }
        self.engine.depot.count_pass();
        self.outlet.marker_follows = !self.flushes.is_empty() || self.engine.is_closed();
        let mut passed = self.round(until);
        if self.outlet.marker_follows && self.tail.is_some() {
            // Whoever flushes is promised all that has ended; what ended before a root may be a round behind it.
            self.take_in_messages();
            passed.slots += self.round(None).slots;
            self.decide_all();
        }
        self.outlet.hand_on();
        if passed.is_whole {
            self.pass_on_flushes();
        }
        passed
    }

    fn pass_on_flushes(&mut self) {
        for waiting in mem::take(&mut self.flushes) {
            for inlet in &self.engine.inlets {
                inlet.push_flush(waiting.completion.clone(), waiting.deadline);
            }
            self.arrive(waiting);
        }
    }

    /// What is waited for has left here.
    fn arrive(&mut self, waiting: Waiting) {
        self.wakers.extend(waiting.completion.arrive_quietly(true));
        self.watched.push(waiting);
    }

    /// Drains each lane once.
    fn round(&mut self, until: Option<Instant>) -> Passed {
        self.now = self.engine.timeline.nanos_between(self.began, self.engine.timeline.ticks());
        self.times = self.engine.timeline.resolver();
        let passed = self.drain_lanes(until);
        if let Some(tail) = &mut self.tail {
            tail.end_round(self.now, &mut self.outlet);
        }
        passed
    }

    fn decide_all(&mut self) {
        if let Some(tail) = &mut self.tail {
            tail.decide_all(self.now, &mut self.outlet);
        }
    }

    pub(super) fn take_in_messages(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.take_in(message);
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Lane(lane) => self.lanes.push(lane),
            Message::Stray(stray) => self.take_any(&stray.0, &stray.1, false),
            Message::Flush(ticket) => self.flushes.extend(ticket.read()),
            Message::Shutdown(ticket) => self.shutdown = ticket.read(),
            Message::Watch(waiting) => self.watched.push(waiting),
        }
    }

    fn drain_lanes(&mut self, until: Option<Instant>) -> Passed {
        let engine = self.engine.clone();
        let most = engine.depot.max_lane_spans();
        let mut passed = Passed { slots: 0, is_whole: true };
        let mut lanes = mem::take(&mut self.lanes);
        lanes.retain_mut(|lane| {
            let mut left = if passed.is_whole { most } else { 0 };
            while left > 0 {
                let drained = lane.drain(&engine.depot, |ended, trace| self.take(ended, trace));
                passed.slots += drained.slots;
                left = left.saturating_sub(drained.slots);
                if drained.thread_has_ended {
                    engine.retire_lane(lane.counters());
                    return false;
                }
                if drained.slots == 0 {
                    break;
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    passed.is_whole = false;
                    break;
                }
            }
            true
        });
        self.lanes = lanes;
        passed
    }

    #[inline(always)]
    fn take(&mut self, ended: &Ended, trace: &OfTrace) {
        if self.hands_on_bare && ended.is_bare(trace) {
            let times = self.times;
            self.outlet.push_bare(|| ended.bare_record(trace, &times));
        } else {
            self.take_any(ended, trace, true);
        }
    }

    /// `is_charged` says whether the lanes' budget has paid for what is large.
    #[inline(never)]
    fn take_any(&mut self, ended: &Ended, trace: &OfTrace, is_charged: bool) {
        let Self { engine, times, known_keys, tail, outlet, now, .. } = self;
        let mut complete = |record: &mut SpanRecord| {
            ended.complete(record, trace, times, known_keys, |details| {
                if is_charged {
                    engine.depot.budget.release(details);
                }
            });
        };
        match tail {
            Some(tail) => {
                let mut record = ended.bare_record(trace, times);
                complete(&mut record);
                tail.add(record, *now, outlet);
            }
            None => outlet.push_to_complete(|| ended.bare_record(trace, times), complete),
        }
    }

    /// The shutdown, once it has been asked for.
    pub(super) fn take_shutdown(&mut self) -> Option<Waiting> {
        self.shutdown.take()
    }

    /// The last pass, and the shutdown's way to the exporters behind it.
    pub(super) fn end(&mut self, waiting: &Waiting) {
        self.engine.depot.close();
        self.pass(None);
        self.is_over = true;
        self.engine.end_intake();
        for inlet in &self.engine.inlets {
            inlet.push_shutdown(waiting.completion.clone(), waiting.deadline);
        }
        self.arrive(waiting.clone());
    }

    /// For the collector's thread to wake, once it has let go of this.
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers)
    }

    /// Those whose time is over.
    pub(super) fn take_overdue(&mut self, now: Instant) -> Vec<Waiting> {
        self.watched.retain(|waiting| !waiting.completion.is_done());
        self.watched.extract_if(.., |waiting| now >= waiting.deadline).collect()
    }

    pub(super) fn take_watched(&mut self) -> Vec<Waiting> {
        mem::take(&mut self.watched)
    }

    pub(super) fn next_deadline(&self, at_most: Instant) -> Instant {
        self.watched.iter().map(|waiting| waiting.deadline).fold(at_most, Instant::min)
    }
}
