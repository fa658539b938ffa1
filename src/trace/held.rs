//! What a [`Span`](super::Span) holds (floor 4). `held_off.rs` is its twin where all is switched off.

use super::live::Live;
use std::mem::ManuallyDrop;

/// A span, or none.
pub(super) struct Held(
    /// Taken out by the drop of whoever holds it: to drop what is left would only ask whether something is.
    ManuallyDrop<Option<Box<Live>>>,
);

impl Held {
    pub(super) const NONE: Self = Self(ManuallyDrop::new(None));

    /// What `start` has started.
    #[inline(always)]
    pub(super) fn start(start: impl FnOnce() -> Option<Box<Live>>) -> Self {
        Self(ManuallyDrop::new(start()))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Option<&Live> {
        self.0.as_deref()
    }

    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<Box<Live>> {
        self.0.take()
    }
}
