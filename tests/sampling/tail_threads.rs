//! Tail sampling at its bounds with several threads: errors that arrive after the roots that they ended before.

use crate::support::{LONG, assert_balanced, tracer, wait_until};
use std::{
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, ScopedJoinHandle},
};
use throughline::{
    SpanHandle, Status, Tracer,
    sampling::tail::{LocalTrace, TailRule, TailSampler, TailStats},
};

/// A thread that does one thing after the other, each before the caller goes on.
struct Worker<'s>(Sender<Box<dyn FnOnce() + Send + 's>>, Receiver<()>);

impl<'s> Worker<'s> {
    fn start<'e>(scope: &'s thread::Scope<'s, 'e>) -> (Self, ScopedJoinHandle<'s, ()>) {
        let (jobs, todo) = mpsc::channel::<Box<dyn FnOnce() + Send + 's>>();
        let (done, ended) = mpsc::channel();
        let thread = scope.spawn(move || {
            for job in todo {
                job();
                done.send(()).unwrap();
            }
        });
        (Self(jobs, ended), thread)
    }

    fn run(&self, job: impl FnOnce() + Send + 's) {
        self.0.send(Box::new(job)).unwrap();
        self.1.recv().unwrap();
    }
}

fn fail(parent: &SpanHandle, name: &'static str) {
    parent.child(name).set_status(Status::error("no"));
}

fn fill(tracer: &Tracer) {
    (0..10).for_each(|_| tracer.span("filler").end());
}

/// What is kept of two traces whose roots end while the collector is held up, with room for so many spans: the
/// child of one ends on a thread that is drained after its root's, the other's on one drained before.
fn kept_of_two(max_spans: usize) -> (Vec<String>, TailStats) {
    let ((entered, has_entered), (open, opened)) = (mpsc::channel(), mpsc::channel());
    let gate = move |trace: &LocalTrace<'_>| {
        if trace.root().is_some_and(|root| root.name() == "gate") {
            entered.send(()).unwrap();
            opened.recv().unwrap();
        }
        false
    };
    let sampler = TailSampler::new()
        .rule(TailRule::new("gate", gate))
        .rule(TailRule::errors())
        .max_undecided(max_spans, 1 << 20);
    let (tracer, memory) = tracer(|builder| builder.tail_sampler(sampler));
    thread::scope(|scope| {
        let ((first, first_ends), (second, second_ends)) = (Worker::start(scope), Worker::start(scope));
        // The lanes are drained in the order in which they were opened.
        first.run(|| tracer.span("warm-up").end());
        second.run(|| tracer.span("warm-up").end());
        wait_until(|| tracer.tail_stats().unwrap().dropped == 2);
        first.run(|| tracer.span("gate").end());
        has_entered.recv().unwrap();

        let (root, other) = (tracer.span("late root"), tracer.span("early root"));
        let (root_handle, other_handle) = (root.handle().unwrap(), other.handle().unwrap());
        second.run(move || fail(&root_handle, "late child"));
        first.run(move || fail(&other_handle, "early child"));
        first.run(|| {
            root.end();
            fill(&tracer);
        });
        second.run(|| {
            other.end();
            fill(&tracer);
        });
        open.send(()).unwrap();
        drop((first, second));
        first_ends.join().unwrap();
        second_ends.join().unwrap();
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete());
    assert_balanced(&report.stats);
    let mut names: Vec<_> = memory.spans().iter().map(|span| span.name().to_owned()).collect();
    names.sort();
    (names, tracer.tail_stats().unwrap())
}

#[test]
fn an_error_that_arrives_after_its_root_was_given_up_is_kept() {
    let (names, stats) = kept_of_two(4);
    assert_eq!(names, ["early child", "early root", "late child"]);
    assert_eq!(stats.late_spans, 0, "it ended in time: {stats:?}");
    assert!(stats.early.total() > 0, "{stats:?}");
}

#[test]
fn with_room_enough_it_is_kept_with_its_root() {
    let (names, stats) = kept_of_two(1_000);
    assert_eq!(names, ["early child", "early root", "late child", "late root"]);
    assert_eq!((stats.late_spans, stats.early.total()), (0, 0), "{stats:?}");
}

/// Each trace fails on another thread than its root's, before that ends. Whatever the bound is, and however the
/// threads and the collector take turns.
fn all_errors_are_kept(max_spans: usize) {
    const THREADS: usize = 3;
    const TRACES: usize = 300;
    let sampler = TailSampler::new().rule(TailRule::errors()).max_undecided(max_spans, 1 << 20);
    // What is looked at is the tail sampler: nothing is to be lost before it.
    let (tracer, memory) = tracer(|builder| builder.tail_sampler(sampler).max_buffered_spans(1 << 16));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (hand_over, handles) = mpsc::channel::<SpanHandle>();
                let (ended, has_ended) = mpsc::channel();
                scope.spawn(move || {
                    for handle in handles {
                        fail(&handle, "elsewhere");
                        ended.send(()).unwrap();
                    }
                });
                for _ in 0..TRACES {
                    let root = tracer.span("root");
                    hand_over.send(root.handle().unwrap()).unwrap();
                    has_ended.recv().unwrap();
                    root.end();
                    fill(&tracer);
                }
            });
        }
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete() && report.stats.dropped.total() == 0, "{report}");
    assert_balanced(&report.stats);
    let errors = memory.spans().iter().filter(|span| span.status().is_error()).count();
    assert_eq!(errors, THREADS * TRACES, "{:?}", tracer.tail_stats());
}

#[test]
fn all_errors_of_other_threads_are_kept_under_the_bounds() {
    [1, 4, 50].into_iter().for_each(all_errors_are_kept);
}
