//! The synchronisation primitives of the crate's own concurrent parts (floor 0).
//!
//! They are named here and nowhere else, so that `tests/loom` can put loom's in their place and explore
//! the interleavings of the very files that ship. `Arc` is the standard library's everywhere: its
//! counting is not ours to check.

pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};
use std::{sync::TryLockError, time::Duration};

/// Locks, taking the data over from a holder that panicked.
///
/// Every structure behind a lock here is whole at each point where a panic could strike, so a
/// poisoned lock must not take the host's later requests down with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Locks, unless somebody else has.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Waits to be notified, at most so long. May return early, so the caller looks again.
pub(crate) fn wait_timeout<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    at_most: Duration,
) -> MutexGuard<'a, T> {
    match condvar.wait_timeout(guard, at_most) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

/// Waits to be notified. May return early, so the caller looks again.
pub(crate) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condvar.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner)
}
