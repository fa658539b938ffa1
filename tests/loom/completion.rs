//! Waiting for several threads: nobody sleeps through the end, and all see the same one.

use crate::{
    explore,
    export::{Completed, Completion, Seat},
    never,
};
use loom::{future::block_on, thread};
use std::{future::poll_fn, sync::Arc, time::Instant};

const DONE: Completed = Completed { timed_out: false, failed: false };

/// Waits as a future does, which nobody wakes at its deadline.
fn wait_as_future(completion: &Completion) -> Completed {
    let mut seat = Seat::default();
    let deadline = never();
    block_on(poll_fn(|context| completion.poll_until(deadline, &mut seat, context)))
}

#[test]
fn the_last_to_arrive_wakes_a_thread() {
    explore(|| {
        let completion = Arc::new(Completion::new(2));
        for _ in 0..2 {
            let completion = completion.clone();
            thread::spawn(move || completion.arrive(true));
        }
        assert_eq!(completion.wait_until(never()), DONE);
    });
}

#[test]
fn the_last_to_arrive_wakes_a_future() {
    explore(|| {
        let completion = Arc::new(Completion::new(2));
        for _ in 0..2 {
            let completion = completion.clone();
            thread::spawn(move || completion.arrive(true));
        }
        assert_eq!(wait_as_future(&completion), DONE);
    });
}

#[test]
fn a_thread_and_a_future_both_see_the_end() {
    explore(|| {
        let completion = Arc::new(Completion::new(1));
        let blocked = completion.clone();
        let blocked = thread::spawn(move || blocked.wait_until(never()));
        let arriving = completion.clone();
        thread::spawn(move || arriving.arrive(false));
        let failed = Completed { timed_out: false, failed: true };
        assert_eq!(wait_as_future(&completion), failed);
        assert_eq!(blocked.join().unwrap(), failed);
    });
}

/// The collector gives up at the moment the last exporter is done: one of both it is, and stays.
#[test]
fn an_expiry_that_meets_the_last_arrival_has_one_outcome() {
    explore(|| {
        let completion = Arc::new(Completion::new(1));
        let (arriving, expiring) = (completion.clone(), completion.clone());
        thread::spawn(move || arriving.arrive(true));
        thread::spawn(move || expiring.expire());
        let first = wait_as_future(&completion);
        assert!(first == DONE || first == Completed { timed_out: true, failed: false });
        assert_eq!(completion.wait_until(never()), first);
        assert!(completion.is_done());
    });
}

/// A wake-up for somebody else's deadline takes no one's place.
#[test]
fn a_wake_for_a_deadline_loses_nobody() {
    explore(|| {
        let completion = Arc::new(Completion::new(1));
        let (waking, arriving) = (completion.clone(), completion.clone());
        thread::spawn(move || waking.wake());
        thread::spawn(move || arriving.arrive(true));
        assert_eq!(wait_as_future(&completion), DONE);
    });
}

/// Two who wait for one shutdown: each has a seat of its own.
#[test]
fn two_futures_are_both_woken() {
    explore(|| {
        let completion = Arc::new(Completion::new(1));
        let other = completion.clone();
        let other = thread::spawn(move || wait_as_future(&other));
        let arriving = completion.clone();
        thread::spawn(move || arriving.arrive(true));
        assert_eq!(wait_as_future(&completion), DONE);
        assert_eq!(other.join().unwrap(), DONE);
    });
}

#[test]
fn whoever_comes_late_does_not_wait() {
    explore(|| {
        let completion = Arc::new(Completion::new(1));
        let arriving = completion.clone();
        let thread = thread::spawn(move || arriving.arrive(true));
        let past = Instant::now();
        let early = completion.wait_until(past);
        assert!(early == DONE || early.timed_out);
        thread.join().unwrap();
        assert_eq!(completion.wait_until(past), DONE);
        assert_eq!(wait_as_future(&completion), DONE);
    });
}
