//! Waking the collector (floor 4).

use crate::sync::{AtomicBool, Ordering};
use std::{
    sync::OnceLock,
    thread::{self, Thread},
    time::Duration,
};

/// Where the collector sleeps, and how others wake it.
pub(super) struct Bell {
    thread: OnceLock<Thread>,
    asleep: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { thread: OnceLock::new(), asleep: AtomicBool::new(false) }
    }

    /// Names the thread to be woken. Once, before anybody rings.
    pub(super) fn hang(&self, thread: Thread) {
        let _first = self.thread.set(thread);
    }

    /// Sleeps on that thread until somebody rings, at most so long.
    pub(super) fn sleep(&self, at_most: Duration) {
        self.asleep.store(true, Ordering::Relaxed);
        thread::park_timeout(at_most);
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the thread, or keeps it from falling asleep once.
    pub(super) fn ring(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Wakes the thread if it seems to sleep. Nothing depends on that being seen: at the latest it wakes
    /// by itself.
    pub(super) fn ring_if_asleep(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.ring();
        }
    }
}
