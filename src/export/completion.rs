//! Waiting for several threads to finish something (floor 3), blocking or as a future.
//!
//! Whoever waits is told by the last one to arrive, or by whoever declares the deadline passed: the
//! blocking waiter for itself, the collector for a future, which has no timer of its own.

use crate::sync::{Condvar, Mutex, lock};
use std::{
    task::{Context, Poll, Waker},
    time::Instant,
};

/// How the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) timed_out: bool,
    pub(crate) failed: bool,
}

pub(crate) struct Completion {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Who has not arrived yet.
    missing: usize,
    failed: bool,
    /// `Some` once and for all when the waiting is over.
    outcome: Option<Completed>,
    wakers: Vec<Waker>,
}

impl Completion {
    pub(crate) fn new(missing: usize) -> Self {
        let state = State { missing, failed: false, outcome: None, wakers: Vec::new() };
        let completion = Self { state: Mutex::new(state), changed: Condvar::new() };
        completion.settle(|_| {});
        completion
    }

    /// One of those waited for is done.
    pub(crate) fn arrive(&self, ok: bool) {
        self.settle(|state| {
            state.missing = state.missing.saturating_sub(1);
            state.failed |= !ok;
        });
    }

    /// The deadline has passed: whoever waits goes on without those still missing.
    pub(crate) fn expire(&self) {
        self.settle(|state| {
            let outcome = Completed { timed_out: true, failed: state.failed };
            state.outcome.get_or_insert(outcome);
        });
    }

    fn settle(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        if state.missing == 0 {
            let outcome = Completed { timed_out: false, failed: state.failed };
            state.outcome.get_or_insert(outcome);
        }
        if state.outcome.is_some() {
            let wakers = std::mem::take(&mut state.wakers);
            drop(state);
            self.changed.notify_all();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        lock(&self.state).outcome.is_some()
    }

    /// Blocks until it is over or `deadline` has passed.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Completed {
        let mut state = lock(&self.state);
        loop {
            if let Some(outcome) = state.outcome {
                return outcome;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Completed { timed_out: true, failed: state.failed };
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Completed> {
        let mut state = lock(&self.state);
        match state.outcome {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                if !state.wakers.iter().any(|known| known.will_wake(context.waker())) {
                    state.wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
