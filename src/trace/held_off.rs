//! What a [`Span`](super::Span) holds where all is switched off at compile time (floor 4): nothing, so that
//! nothing is left of what would be done with it. The twin of `held.rs`.

use super::live::Live;

/// No span.
pub(super) struct Held;

impl Held {
    pub(super) const NONE: Self = Self;

    /// Starts nothing.
    #[inline(always)]
    pub(super) fn start(_: impl FnOnce() -> Option<Box<Live>>) -> Self {
        Self
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Option<&Live> {
        None
    }

    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<Box<Live>> {
        None
    }
}
