//! Ending spans (floor 4).

use super::{
    live::Live,
    local::{self, Local, with},
    silent,
    stack::Token,
};
use crate::record::{FreeList, Outcome};
use std::thread;

/// Ends a span; before that its time as the current one, if it has a token; as one that is dropped, unless
/// it is said how.
#[inline]
pub(super) fn ended(token: Option<Token>, live: Box<Live>, outcome: Option<Outcome>) {
    match silent::leave(token, live) {
        Ok(None) => {}
        Ok(Some(other)) => local::keep(other),
        Err(live) => ended_any(token, live, outcome),
    }
}

/// The only function that ends a recorded span, so that all it calls is compiled into it.
#[inline(never)]
fn ended_any(token: Option<Token>, live: Box<Live>, outcome: Option<Outcome>) {
    let end = live.recorded().map_or(0, |shared| shared.engine.timeline.ticks());
    let outcome = outcome.unwrap_or_else(|| outcome_of_drop(&live));
    let mut place = Some(live);
    with(|local| {
        if let Some(live) = place.take() {
            local.finish(token, live, end, outcome);
        }
    });
    if let Some(live) = place.filter(|live| live.recorded().is_some()) {
        stray(live, end, outcome);
    }
}

impl Local {
    /// Ends a span: leaves its entry, hands it to its collector, if it is recorded, and keeps its box.
    #[inline(always)]
    fn finish(&mut self, token: Option<Token>, live: Box<Live>, end: u64, outcome: Outcome) {
        let is_ready = self.leave_at_once(token, &live, outcome) || self.prepare(token, &live, outcome);
        if is_ready && let Some(lane) = self.lanes.first() {
            lane.put(live.take_ended(end, outcome));
        }
        if !live.is_first && live.shared.as_ref().is_some_and(|shared| self.stack.is_of(shared)) {
            self.boxes.keep(live);
        } else {
            self.keep(live);
        }
    }

    /// Leaves a span's entry, if nothing else has to be done before it is handed over; if there is, nothing has been
    /// done.
    #[inline(always)]
    fn leave_at_once(&mut self, token: Option<Token>, live: &Live, outcome: Outcome) -> bool {
        live.shared.as_ref().is_some_and(|shared| self.lanes.are_ready_for(shared.serial))
            && outcome != Outcome::Panicked
            && live.large_bytes() == 0
            && token.is_none_or(|token| self.leave_plain(token))
    }

    /// Does all that has to be done before a span is handed over; false if it is not to be.
    #[inline(never)]
    fn prepare(&mut self, token: Option<Token>, live: &Live, outcome: Outcome) -> bool {
        if let Some(token) = token {
            live.absorb(self.exit(token));
        }
        let Some(shared) = live.recorded() else {
            return false;
        };
        let engine = &shared.engine;
        let Some(lane) = self.lanes.of(engine) else {
            return false;
        };
        if outcome == Outcome::Panicked {
            live.record_panic(engine, &mut self.buffers);
        }
        let is_admitted = lane.admit(&shared.trace, live.large_bytes(), &engine.depot);
        if !is_admitted {
            live.details.set(None);
        }
        is_admitted
    }
}

/// How a span ends that is dropped now.
#[inline(always)]
pub(super) fn outcome_of_drop(live: &Live) -> Outcome {
    if thread::panicking() && !live.began_in_panic { Outcome::Panicked } else { Outcome::Completed }
}

/// Ends a span whose thread is too far gone to have a lane.
#[cold]
#[expect(clippy::boxed_local, reason = "a span stays in its box to its end")]
fn stray(live: Box<Live>, end: u64, outcome: Outcome) {
    if let Some(shared) = live.shared.clone() {
        if outcome == Outcome::Panicked {
            live.record_panic(&shared.engine, &mut FreeList::new());
        }
        shared.engine.push_stray(live.take_ended(end, outcome), shared.for_records());
    }
}
