//! A thread's lanes (floor 4): one to each tracer whose spans it has ended.

use super::{engine::Engine, lane::Lane};
use std::num::NonZeroU64;

/// The one used last comes first.
pub(super) struct Lanes(Vec<Lane>);

impl Lanes {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The lane to `engine`, if that is the one used last.
    #[inline(always)]
    pub(super) fn first_of(&mut self, engine: &Engine) -> Option<&mut Lane> {
        self.first().filter(|lane| lane.engine_id() == engine.id)
    }

    /// Is there room in the lane used last for a span of the trace that was named last in it, and is that this one?
    #[inline(always)]
    pub(super) fn are_ready_for(&self, trace: NonZeroU64) -> bool {
        self.0.first().is_some_and(|lane| lane.is_ready_for(trace))
    }

    /// The lane used last.
    #[inline(always)]
    pub(super) fn first(&mut self) -> Option<&mut Lane> {
        self.0.first_mut()
    }

    /// The lane to `engine`.
    #[inline(always)]
    pub(super) fn of(&mut self, engine: &Engine) -> Option<&mut Lane> {
        if self.0.first().is_none_or(|lane| lane.engine_id() != engine.id) {
            self.bring_first(engine);
        }
        self.0.first_mut()
    }

    #[cold]
    fn bring_first(&mut self, engine: &Engine) {
        match self.0.iter().position(|lane| lane.engine_id() == engine.id) {
            Some(known) => self.0.swap(0, known),
            None => {
                self.0.retain(|lane| !lane.is_abandoned());
                let (lane, receiver) = Lane::open(engine.id);
                engine.announce(receiver);
                self.0.insert(0, lane);
            }
        }
    }
}
