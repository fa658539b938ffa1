//! A value that only its owner reaches (floor 5).

use std::sync::{Mutex, PoisonError};

/// Lends what it holds to `&mut` only, and so is `Sync` whatever that is, at no cost: nothing is locked.
///
/// A span is not `Sync`, but boxed bodies and futures are often asked to be.
pub(super) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}
