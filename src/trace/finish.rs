//! Ending spans (floor 4).

use super::{live::Live, local::with, stack::Token};
use crate::record::Outcome;
use std::thread;

/// Ends a span; before that its time as the current one, if it has a token; as one that is dropped, unless
/// it is said how. The only such function, so that all it calls is compiled into it.
pub(super) fn ended(token: Option<Token>, live: Box<Live>, outcome: Option<Outcome>) {
    let outcome = |live: &Live| outcome.unwrap_or_else(|| outcome_of_drop(live));
    let mut place = Some(live);
    with(|local| {
        if let (Some(token), Some(live)) = (token, &place) {
            live.absorb(local.exit(token));
        }
        local.finish(&mut place, outcome);
    });
    if let Some(live) = place {
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
    if live.recorded().is_none() {
        return;
    }
    live.settle(outcome);
    if let Some(shared) = live.shared.clone()
        && let Some(record) = live.take_record(shared.engine.timeline.ticks(), outcome)
    {
        shared.engine.push_stray(record);
    }
}
