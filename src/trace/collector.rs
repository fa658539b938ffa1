//! The collector thread (floor 4): drains the lanes, settles each record, and has the tail sampler decide.
//!
//! It never blocks on anything but its own sleep, so it is also the clock by which flushes and
//! shutdowns expire that are waited for as futures.

use super::{
    ended::{Ended, OfTrace},
    engine::Engine,
    lane::LaneReceiver,
    message::{Message, Waiting},
    outlet::Outlet,
    voice::Voice,
};
use crate::{clock::Resolver, diagnostics::Diagnostic, record::SpanRecord, sampling::tail::Tail};
use std::{
    sync::Arc,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

/// How long an ended span may lie in its lane before the collector looks.
const TICK: Duration = Duration::from_millis(10);
/// The same when nothing has ended for [`IDLE_PASSES`] ticks.
const IDLE_TICK: Duration = Duration::from_millis(40);
const IDLE_PASSES: u32 = 10;
/// How often the wall clock is followed and diagnostics are said.
const CHECK_UP: Duration = Duration::from_secs(1);

pub(super) struct Collector {
    engine: Arc<Engine>,
    inbox: Receiver<Message>,
    voice: Voice,
    /// Spans refused by the lanes, as far as that has been noted.
    noted_refused: u64,
    lanes: Vec<LaneReceiver>,
    /// How long it sleeps when nothing ends.
    idle_tick: Duration,
    tail: Option<Tail>,
    /// Is there nobody who would look at a bare record before it is handed on?
    hands_on_bare: bool,
    /// When the collector was made, in ticks; and the time since, in nanoseconds, at the beginning of the pass.
    began: u64,
    now: u64,
    /// The pass's.
    times: Resolver,
    outlet: Outlet,
    flushes: Vec<Waiting>,
    /// What somebody may be waiting for as a future, to be woken at the deadline.
    watched: Vec<Waiting>,
    shutdown: Option<Waiting>,
}

impl Collector {
    pub(super) fn new(
        engine: Arc<Engine>,
        inbox: Receiver<Message>,
        voice: Voice,
        tail: Option<Tail>,
        outlet: Outlet,
    ) -> Self {
        let is_urgent = engine.inlets.iter().any(|inlet| inlet.is_urgent());
        // Where spans have to be on disk soon after they have ended, nothing makes it come by less often.
        let idle_tick = if is_urgent { TICK } else { IDLE_TICK };
        let (began, times) = (engine.timeline.ticks(), engine.timeline.resolver());
        Self {
            inbox,
            voice,
            idle_tick,
            noted_refused: 0,
            lanes: Vec::new(),
            hands_on_bare: tail.is_none() && !engine.redaction.has_own(),
            tail,
            began,
            now: 0,
            times,
            outlet,
            flushes: Vec::new(),
            watched: Vec::new(),
            shutdown: None,
            engine,
        }
    }

    pub(super) fn run(mut self) {
        let mut idle_passes = 0;
        let mut checked_up = Instant::now();
        loop {
            let handed_on = self.pass();
            if let Some(waiting) = self.shutdown.take() {
                return self.finish(&waiting);
            }
            idle_passes = if handed_on == 0 { idle_passes + 1 } else { 0 };
            let now = Instant::now();
            if now.duration_since(checked_up) >= CHECK_UP {
                checked_up = now;
                self.check_up(now);
            }
            let tick = if idle_passes > IDLE_PASSES { self.idle_tick } else { TICK };
            self.sleep(tick);
        }
    }

    fn check_up(&mut self, now: Instant) {
        self.engine.timeline.follow_wall_clock();
        let refused = self.engine.totals().refused;
        if refused > self.noted_refused {
            self.noted_refused = refused;
            self.engine.diagnostics.note(Diagnostic::SpansDropped);
        }
        self.voice.speak(&self.engine.diagnostics, now);
    }

    /// Takes in all that is there now; how many spans that was.
    fn pass(&mut self) -> usize {
        while let Ok(message) = self.inbox.try_recv() {
            self.take_in(message);
        }
        self.now = self.engine.timeline.nanos_between(self.began, self.engine.timeline.ticks());
        self.times = self.engine.timeline.resolver();
        self.engine.depot.count_pass();
        self.outlet.marker_follows = !self.flushes.is_empty() || self.engine.is_closed();
        let drained = self.drain_lanes();
        self.end_pass();
        self.outlet.hand_on();
        for waiting in std::mem::take(&mut self.flushes) {
            for inlet in &self.engine.inlets {
                inlet.push_flush(waiting.completion.clone(), waiting.deadline);
            }
            waiting.completion.arrive(true);
            self.watched.push(waiting);
        }
        drained
    }

    fn end_pass(&mut self) {
        if let Some(tail) = &mut self.tail {
            tail.end_pass(self.now, &mut self.outlet);
            // Whoever flushes is promised all that has ended.
            if self.outlet.marker_follows {
                tail.decide_all(self.now, &mut self.outlet);
            }
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

    fn drain_lanes(&mut self) -> usize {
        let engine = self.engine.clone();
        let most = engine.depot.max_lane_spans();
        let mut drained = 0;
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.retain_mut(|lane| {
            let thread_has_ended = lane.drain(&engine.depot, most, |ended, trace| {
                drained += 1;
                self.take(ended, trace);
            });
            if thread_has_ended {
                engine.retire_lane(lane.counters());
            }
            !thread_has_ended
        });
        self.lanes = lanes;
        drained
    }

    #[inline(always)]
    fn take(&mut self, ended: &Ended, trace: &OfTrace) {
        if self.hands_on_bare && ended.is_bare(trace) {
            self.outlet.push_bare(ended.bare_record(trace, &self.times));
        } else {
            self.take_any(ended, trace, true);
        }
    }

    /// `is_charged` says whether the lanes' budget has paid for what is large.
    #[inline(never)]
    fn take_any(&mut self, ended: &Ended, trace: &OfTrace, is_charged: bool) {
        let Self { engine, times, tail, outlet, now, .. } = self;
        let complete = |record: &mut SpanRecord| {
            ended.complete(record, trace, times, |details| {
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
            None => outlet.push_to_complete(ended.bare_record(trace, times), complete),
        }
    }

    /// Sleeps until the next tick or the next deadline, unless somebody asks for something.
    fn sleep(&mut self, tick: Duration) {
        let now = self.wake_overdue();
        let wake_at = self.next_deadline(now + tick);
        self.engine.depot.bell.sleep(wake_at.saturating_duration_since(now));
    }

    /// Wakes those whose time is over: they see for themselves that it is.
    fn wake_overdue(&mut self) -> Instant {
        let now = Instant::now();
        self.watched.retain(|waiting| {
            let is_overdue = now >= waiting.deadline;
            if is_overdue {
                waiting.completion.wake();
            }
            !is_overdue && !waiting.completion.is_done()
        });
        now
    }

    fn next_deadline(&self, at_most: Instant) -> Instant {
        self.watched.iter().map(|waiting| waiting.deadline).fold(at_most, Instant::min)
    }

    /// Lets the exporters finish until the deadline, then gives up what is left.
    fn finish(mut self, waiting: &Waiting) {
        self.engine.depot.close();
        self.pass();
        self.engine.end_intake();
        for inlet in &self.engine.inlets {
            inlet.push_shutdown(waiting.completion.clone(), waiting.deadline);
        }
        waiting.completion.arrive(true);
        self.watched.push(waiting.clone());
        loop {
            let now = self.wake_overdue();
            if waiting.completion.is_done() || now >= waiting.deadline {
                break;
            }
            // Whoever joins wants to be woken, too.
            while let Ok(message) = self.inbox.try_recv() {
                self.take_in(message);
            }
            waiting.completion.wait_until(self.next_deadline(now + TICK));
        }
        self.engine.give_up();
        self.engine.free_spares();
        waiting.completion.expire();
        for waiting in &self.watched {
            waiting.completion.expire();
        }
        self.check_up(Instant::now());
    }
}
