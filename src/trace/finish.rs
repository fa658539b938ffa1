//! Ending spans (floor 4).

use super::{
    live::Live,
    local::{self, with},
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
    let outcome = |live: &Live| outcome.unwrap_or_else(|| outcome_of_drop(live));
    let mut place = Some(live);
    with(|local| {
        if let (Some(token), Some(live)) = (token, &place) {
            live.absorb(local.exit(token));
        }
        local.finish(&mut place, outcome);
    });
    if let Some(live) = place.filter(|live| live.recorded().is_some()) {
        let outcome = outcome(&live);
        stray(live, outcome);
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
fn stray(mut live: Box<Live>, outcome: Outcome) {
    if let Some(shared) = live.shared.clone() {
        live.settle(&shared.engine, outcome, &mut FreeList::new());
        let end = shared.engine.timeline.ticks();
        shared.engine.push_stray(live.take_ended(end, outcome), shared.for_records());
    }
}
