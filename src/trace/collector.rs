//! The collector thread (floor 4): drains the lanes, settles each record, and has the tail sampler decide.
//!
//! It never blocks on anything but its own sleep, so it is also the clock by which flushes and
//! shutdowns expire that are waited for as futures.

use super::{
    engine::Engine,
    lane::LaneReceiver,
    message::{Message, Waiting},
    outlet::Outlet,
    voice::Voice,
};
use crate::{diagnostics::Diagnostic, record::SpanRecord, sampling::tail::Tail};
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
    /// When the collector was made, in ticks; and the time since, in nanoseconds, at the beginning of the pass.
    began: u64,
    now: u64,
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
        let began = engine.timeline.ticks();
        Self {
            engine,
            inbox,
            voice,
            idle_tick,
            noted_refused: 0,
            lanes: Vec::new(),
            tail,
            began,
            now: 0,
            outlet,
            flushes: Vec::new(),
            watched: Vec::new(),
            shutdown: None,
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
        self.take_in_all();
        self.outlet.marker_follows = !self.flushes.is_empty() || self.engine.is_closed();
        let mut drained = self.round();
        if self.outlet.marker_follows && self.tail.is_some() {
            // Whoever flushes is promised all that has ended; what ended before a root may be a round behind it.
            self.take_in_all();
            drained += self.round();
            self.decide_all();
        }
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

    /// Drains each lane once.
    fn round(&mut self) -> usize {
        self.now = self.engine.timeline.nanos_between(self.began, self.engine.timeline.ticks());
        let drained = self.drain_lanes();
        if let Some(tail) = &mut self.tail {
            tail.end_round(self.now, &mut self.outlet);
        }
        drained
    }

    fn decide_all(&mut self) {
        if let Some(tail) = &mut self.tail {
            tail.decide_all(self.now, &mut self.outlet);
        }
    }

    fn take_in_all(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.take_in(message);
        }
    }

    fn take_in(&mut self, message: Message) {
        match message {
            Message::Lane(lane) => self.lanes.push(lane),
            Message::Stray(record) => self.take(*record),
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
            let thread_has_ended = lane.drain(&engine.depot, most, |record| {
                drained += 1;
                self.take(record);
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
    fn take(&mut self, mut record: SpanRecord) {
        record.resolve_times(&self.engine.timeline);
        if let Some(details) = &mut record.details {
            details.settle();
        }
        match &mut self.tail {
            Some(tail) => tail.add(record, self.now, &mut self.outlet),
            None => self.outlet.push(record),
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
