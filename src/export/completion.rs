//! Waiting for several threads to finish something (floor 3), blocking or as a future.
//!
//! Whoever waits is told by the last one to arrive. A thread looks at the deadline itself; a future, which
//! has no timer of its own, is woken for it by the collector.

use crate::{
    panics::caught,
    sync::{Condvar, Mutex, lock, wait_timeout},
};
use std::{
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// How the waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) timed_out: bool,
    pub(crate) failed: bool,
}

/// Waited for by any number of threads and futures, each until a deadline of its own.
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
    /// One a future that waits, which keeps its place here.
    wakers: Vec<Option<Waker>>,
}

/// A waiting future's place among the wakers. Each poll may come with another waker, and counts once.
#[derive(Default)]
pub(crate) struct Seat(Option<usize>);

impl Completion {
    pub(crate) fn new(missing: usize) -> Self {
        let state = State { missing, failed: false, outcome: None, wakers: Vec::new() };
        let completion = Self { state: Mutex::new(state), changed: Condvar::new() };
        let _nobody_waits = completion.settle(|_| {});
        completion
    }

    /// One of those waited for is done.
    pub(crate) fn arrive(&self, ok: bool) {
        wake_all(self.arrive_quietly(ok));
    }

    /// As [`arrive`](Self::arrive), and leaves the futures whose waiting is over by that to the caller to wake.
    #[must_use]
    pub(crate) fn arrive_quietly(&self, ok: bool) -> Vec<Waker> {
        self.settle(|state| {
            state.missing = state.missing.saturating_sub(1);
            state.failed |= !ok;
        })
    }

    /// Those still missing will never arrive: whoever waits goes on without them.
    pub(crate) fn expire(&self) {
        wake_all(self.settle(|state| {
            let outcome = Completed { timed_out: true, failed: state.failed };
            state.outcome.get_or_insert(outcome);
        }));
    }

    /// As [`expire`](Self::expire), by the only one who waits, and will not look again.
    pub(crate) fn desert(&self) {
        let mut state = lock(&self.state);
        let outcome = Completed { timed_out: true, failed: state.failed };
        state.outcome.get_or_insert(outcome);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        drop(wakers);
    }

    /// Makes every future that waits look again: the deadline of one of them has come.
    pub(crate) fn wake(&self) {
        let mut state = lock(&self.state);
        let wakers: Vec<_> = state.wakers.iter_mut().filter_map(Option::take).collect();
        drop(state);
        wake_all(wakers);
    }

    fn settle(&self, change: impl FnOnce(&mut State)) -> Vec<Waker> {
        let mut state = lock(&self.state);
        change(&mut state);
        if state.missing == 0 {
            let outcome = Completed { timed_out: false, failed: state.failed };
            state.outcome.get_or_insert(outcome);
        }
        if state.outcome.is_none() {
            return Vec::new();
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_iter().flatten().collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        lock(&self.state).outcome.is_some()
    }

    /// Blocks until it is over or `deadline` has passed.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Completed {
        let mut state = lock(&self.state);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(completed) = state.seen_with(left) {
                return completed;
            }
            state = wait_timeout(&self.changed, state, left);
        }
    }

    /// As [`wait_until`](Self::wait_until), as a future. Somebody has to [`wake`](Self::wake) it at the
    /// deadline.
    pub(crate) fn poll_until(
        &self,
        deadline: Instant,
        seat: &mut Seat,
        context: &mut Context<'_>,
    ) -> Poll<Completed> {
        let left = deadline.saturating_duration_since(Instant::now());
        let state = lock(&self.state);
        if let Some(completed) = state.seen_with(left) {
            return Poll::Ready(completed);
        }
        if state.knows(seat, context.waker()) {
            return Poll::Pending;
        }
        drop(state);
        // A waker is the executor's code: it is neither cloned nor dropped under the lock.
        let waker = context.waker().clone();
        let mut state = lock(&self.state);
        let completed = state.seen_with(left);
        let unused = if completed.is_some() { Some(waker) } else { state.seat(seat, waker) };
        drop(state);
        drop(unused);
        completed.map_or(Poll::Pending, Poll::Ready)
    }
}

/// On whichever thread this is, it has more to do than to end by an executor's panic.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let _panicked = caught(|| waker.wake());
    }
}

impl State {
    /// What a waiter with so much time left goes on with.
    fn seen_with(&self, left: Duration) -> Option<Completed> {
        let timed_out = Completed { timed_out: true, failed: self.failed };
        self.outcome.or_else(|| left.is_zero().then_some(timed_out))
    }

    fn knows(&self, seat: &Seat, waker: &Waker) -> bool {
        let known = seat.0.and_then(|at| self.wakers.get(at)?.as_ref());
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Returns the waker that was there before.
    fn seat(&mut self, seat: &mut Seat, waker: Waker) -> Option<Waker> {
        let at = *seat.0.get_or_insert(self.wakers.len());
        match self.wakers.get_mut(at) {
            Some(place) => place.replace(waker),
            None => {
                self.wakers.push(Some(waker));
                None
            }
        }
    }
}
