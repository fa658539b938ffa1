//! Ending spans (floor 4).

use super::{engine::Shared, live::Live, local::with, stack::Token};
use crate::record::Outcome;
use std::{sync::Arc, thread};

/// Ends a span.
pub(super) fn with_outcome(live: Box<Live>, outcome: Outcome) {
    let mut live = Some(live);
    with(|local| {
        if let Some(live) = live.take() {
            local.finish(live, outcome);
        }
    });
    if let Some(live) = live {
        stray(live, outcome);
    }
}

/// Keeps the reference of a span that was not recorded.
pub(super) fn silent(shared: Arc<Shared>) {
    let mut shared = Some(shared);
    with(|local| {
        if let Some(shared) = shared.take() {
            local.keep(shared);
        }
    });
}

/// Ends a span that nobody ended in another way.
pub(super) fn dropped(live: Box<Live>) {
    let outcome = outcome_of_drop(&live);
    with_outcome(live, outcome);
}

/// Ends a span, and its time as the current one.
pub(super) fn leaving(token: Token, live: Box<Live>) {
    let outcome = outcome_of_drop(&live);
    let mut live = Some(live);
    with(|local| {
        if let Some(live) = live.take() {
            live.absorb(local.exit(token));
            local.finish(live, outcome);
        }
    });
    if let Some(live) = live {
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
    if let Some(shared) = live.shared.take() {
        let end = shared.engine.timeline.ticks();
        live.settle(&shared, outcome);
        let record = live.take_record(&shared, end, outcome);
        shared.engine.push_stray(record);
    }
}
