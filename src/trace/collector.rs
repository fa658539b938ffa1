//! The collector thread (floor 4): collects now and then, and when it is asked to.
//!
//! It blocks on nothing but its own sleep and, as long as one takes that flushes, the gatherer; so it is also the clock by
//! which flushes and shutdowns expire that are waited for as futures.

use super::{
    engine::Engine,
    gatherer::{Gatherer, Gathering},
    message::Waiting,
    voice::Voice,
};
use crate::{diagnostics::Diagnostic, export::wake_all};
use std::{
    sync::Arc,
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
    gathering: Arc<Gathering>,
    voice: Voice,
    /// Spans refused by the lanes, as far as that has been noted.
    noted_refused: u64,
    /// How long it sleeps when nothing ends.
    idle_tick: Duration,
}

impl Collector {
    pub(super) fn new(engine: Arc<Engine>, gathering: Arc<Gathering>, voice: Voice) -> Self {
        let is_urgent = engine.inlets.iter().any(|inlet| inlet.is_urgent());
        // Where spans have to be on disk soon after they have ended, nothing makes it come by less often.
        let idle_tick = if is_urgent { TICK } else { IDLE_TICK };
        Self { engine, gathering, voice, noted_refused: 0, idle_tick }
    }

    pub(super) fn run(mut self) {
        let mut idle_passes = 0;
        let mut checked_up = Instant::now();
        loop {
            let (handed_on, shutdown) =
                self.gather(|gatherer| (gatherer.pass(None).slots, gatherer.take_shutdown()));
            if let Some(waiting) = shutdown {
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

    /// Borrows the gatherer, and wakes those whose waiting is over by that, or by others who have had it.
    fn gather<R>(&self, with: impl FnOnce(&mut Gatherer) -> R) -> R {
        let mut gatherer = self.gathering.lock();
        let result = with(&mut gatherer);
        let wakers = gatherer.take_wakers();
        drop(gatherer);
        wake_all(wakers);
        result
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

    /// Sleeps until the next tick or the next deadline, unless somebody asks for something.
    fn sleep(&self, tick: Duration) {
        let now = self.wake_overdue();
        let wake_at = self.gathering.lock().next_deadline(now + tick);
        self.engine.depot.bell.sleep(wake_at.saturating_duration_since(now));
    }

    /// Wakes those whose time is over: they see for themselves that it is.
    fn wake_overdue(&self) -> Instant {
        let now = Instant::now();
        let overdue = self.gathering.lock().take_overdue(now);
        overdue.iter().for_each(|waiting| waiting.completion.wake());
        now
    }

    /// Lets the exporters finish until the deadline, then gives up what is left.
    fn finish(mut self, waiting: &Waiting) {
        self.gather(|gatherer| gatherer.end(waiting));
        loop {
            let now = self.wake_overdue();
            if waiting.completion.is_done() || now >= waiting.deadline {
                break;
            }
            let mut gatherer = self.gathering.lock();
            // Whoever joins wants to be woken, too.
            gatherer.take_in_messages();
            let wake_at = gatherer.next_deadline(now + TICK);
            drop(gatherer);
            waiting.completion.wait_until(wake_at);
        }
        self.engine.give_up();
        self.engine.free_spares();
        waiting.completion.expire();
        for waiting in self.gathering.lock().take_watched() {
            waiting.completion.expire();
        }
        self.check_up(Instant::now());
    }
}
