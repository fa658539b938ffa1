//! A queue between its collector and its worker: no wake-up is lost, what is asked for comes in order,
//! and every span is in one column of the books and no other.

use crate::{
    explore,
    export::{Completion, DropReason, Pause, Queue, QueueLimits, Work},
    never,
    record::Chunk,
};
use loom::thread;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Nothing is due by its age.
fn queue(spans: usize, batch_spans: usize) -> Arc<Queue> {
    let limits = QueueLimits { spans, bytes: usize::MAX, batch_spans, batch_delay: Duration::MAX };
    Arc::new(Queue::new("model".to_owned(), limits))
}

fn chunk(spans: usize) -> Arc<Chunk> {
    Arc::new(Chunk { spans, bytes: spans })
}

fn spans(chunks: &[Arc<Chunk>]) -> usize {
    chunks.iter().map(|chunk| chunk.len()).sum()
}

/// A worker whose exporter takes everything, until the shutdown.
fn work(queue: &Queue) {
    loop {
        match queue.next() {
            Work::Export(chunks) => queue.settle(spans(&chunks), DropReason::Rejected),
            Work::Flush(completion, _) => completion.arrive(true),
            Work::Shutdown(completion, _) => return completion.arrive(true),
            Work::Stop => return,
        }
    }
}

fn assert_balanced(queue: &Queue, pushed: u64) {
    let stats = queue.stats();
    assert_eq!(stats.exported + stats.pending + stats.dropped.total(), pushed, "{stats:?}");
}

#[test]
fn a_flush_comes_behind_the_spans_before_it() {
    explore(|| {
        let queue = queue(100, 50);
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        queue.push(&chunk(1), false);
        let flush = Arc::new(Completion::new(1));
        queue.push_flush(flush.clone(), never());
        assert!(!flush.wait_until(never()).timed_out);
        assert_eq!(queue.stats().exported, 1);
        let shutdown = Arc::new(Completion::new(1));
        queue.push_shutdown(shutdown.clone(), never());
        assert!(!shutdown.wait_until(never()).timed_out);
        worker.join().unwrap();
        assert_balanced(&queue, 1);
    });
}

/// The collector does not wake the worker for a chunk behind which a marker follows.
#[test]
fn a_marker_wakes_for_what_came_before_it() {
    explore(|| {
        let queue = queue(100, 2);
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        queue.push(&chunk(2), true);
        queue.push(&chunk(1), true);
        queue.push_shutdown(Arc::new(Completion::new(1)), never());
        worker.join().unwrap();
        assert_eq!(queue.stats().exported, 3);
    });
}

/// Chunks alone wake the worker when they fill a batch.
#[test]
fn a_full_batch_is_due_at_once() {
    explore(|| {
        let queue = queue(100, 2);
        let worker = queue.clone();
        let worker = thread::spawn(move || match worker.next() {
            Work::Export(chunks) => spans(&chunks),
            _ => 0,
        });
        queue.push(&chunk(1), false);
        queue.push(&chunk(1), false);
        assert_eq!(worker.join().unwrap(), 2);
    });
}

#[test]
fn a_batch_that_fills_while_another_is_sent_is_due_as_well() {
    explore(|| {
        let queue = queue(100, 1);
        let worker = queue.clone();
        let worker = thread::spawn(move || {
            for _ in 0..2 {
                if let Work::Export(chunks) = worker.next() {
                    worker.settle(spans(&chunks), DropReason::Rejected);
                }
            }
        });
        queue.push(&chunk(1), false);
        queue.push(&chunk(1), false);
        worker.join().unwrap();
        assert_eq!(queue.stats().exported, 2);
    });
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    explore(|| {
        let queue = queue(1, 1);
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        let taken = [queue.push(&chunk(1), false), queue.push(&chunk(1), false)];
        assert!(taken[0], "the first always fits");
        queue.push_shutdown(Arc::new(Completion::new(1)), never());
        worker.join().unwrap();
        let stats = queue.stats();
        assert_eq!(stats.exported, taken.into_iter().filter(|taken| *taken).count() as u64);
        assert_eq!(stats.dropped.get(DropReason::QueueFull), 2 - stats.exported);
        assert_eq!(stats.pending, 0);
    });
}

/// The deadline comes while the exporter is busy, and while more is pushed.
#[test]
fn giving_up_counts_each_span_once() {
    explore(|| {
        let queue = queue(100, 1);
        let (worker, giver) = (queue.clone(), queue.clone());
        let worker = thread::spawn(move || work(&worker));
        let giver = thread::spawn(move || giver.abandon());
        queue.push(&chunk(1), false);
        queue.push(&chunk(1), false);
        giver.join().unwrap();
        worker.join().unwrap();
        assert_balanced(&queue, 2);
        assert_eq!(queue.stats().pending, 0, "nothing is left that nobody will take");
    });
}

/// A batch that comes back after the books are closed changes nothing.
#[test]
fn an_exporter_that_comes_back_late_is_not_counted_twice() {
    explore(|| {
        let queue = queue(100, 1);
        queue.push(&chunk(1), false);
        let Work::Export(chunks) = queue.next() else { panic!("a full batch is due") };
        let worker = queue.clone();
        let worker = thread::spawn(move || worker.settle(spans(&chunks), DropReason::Rejected));
        queue.abandon();
        queue.abandon();
        let stats = queue.stats();
        worker.join().unwrap();
        assert_eq!(queue.stats(), stats);
        assert_balanced(&queue, 1);
    });
}

#[test]
fn a_shutdown_ends_the_waiting_for_a_retry_that_comes_too_late() {
    explore(|| {
        let queue = queue(100, 1);
        let worker = queue.clone();
        let worker = thread::spawn(move || worker.wait_for_retry(Pause::Asked(Duration::MAX)));
        queue.push_shutdown(Arc::new(Completion::new(1)), Instant::now());
        assert!(!worker.join().unwrap());
    });
}

/// Whether it comes before the waiting or into it, and once.
#[test]
fn a_shutdown_gives_a_waiting_batch_its_last_attempt() {
    explore(|| {
        let queue = queue(100, 1);
        let worker = queue.clone();
        let worker = thread::spawn(move || {
            let waits = || worker.wait_for_retry(Pause::Own(Duration::MAX));
            (waits(), waits())
        });
        queue.push_shutdown(Arc::new(Completion::new(1)), Instant::now());
        assert_eq!(worker.join().unwrap(), (true, false));
        assert_eq!(queue.stats().retries, 1);
    });
}

/// Nothing is sent before a delay that the backend asked for is over, not even at a shutdown.
#[test]
fn a_shutdown_gives_up_what_it_may_not_send() {
    explore(|| {
        let queue = queue(100, 1);
        queue.hold_off(Pause::Asked(Duration::MAX));
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        queue.push(&chunk(1), false);
        queue.push_flush(Arc::new(Completion::new(1)), never());
        queue.push(&chunk(2), false);
        let shutdown = Arc::new(Completion::new(1));
        queue.push_shutdown(shutdown.clone(), Instant::now());
        worker.join().unwrap();
        assert!(shutdown.is_done());
        let stats = queue.stats();
        assert_eq!(
            (stats.exported, stats.dropped.get(DropReason::ShutdownDeadline), stats.pending),
            (0, 3, 0)
        );
    });
}

/// A delay of our own ends with the shutdown.
#[test]
fn a_shutdown_cuts_a_delay_of_our_own_short() {
    explore(|| {
        let queue = queue(100, 1);
        queue.hold_off(Pause::Own(Duration::MAX));
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        queue.push(&chunk(1), false);
        queue.push_shutdown(Arc::new(Completion::new(1)), Instant::now());
        worker.join().unwrap();
        assert_eq!(queue.stats().exported, 1);
    });
}

/// What is settled of a batch is counted once, whenever the books are closed.
#[test]
fn a_part_is_counted_once() {
    explore(|| {
        let queue = queue(100, 1);
        queue.push(&chunk(5), false);
        let Work::Export(_) = queue.next() else { panic!("a full batch is due") };
        let worker = queue.clone();
        let worker = thread::spawn(move || {
            worker.settle_first(2, 1);
            assert_balanced(&worker, 5);
            worker.settle(9, DropReason::Rejected);
        });
        queue.abandon();
        let stats = queue.stats();
        worker.join().unwrap();
        assert_eq!(queue.stats(), stats);
        assert_balanced(&queue, 5);
    });
}

/// Flushes that are not waited for any more, each behind spans of its own.
#[test]
fn markers_of_nobody_are_not_kept() {
    explore(|| {
        let queue = queue(100, 50);
        for _ in 0..3 {
            queue.push(&chunk(1), true);
            let flush = Arc::new(Completion::new(1));
            queue.push_flush(flush.clone(), never());
            flush.desert();
        }
        let worker = queue.clone();
        let worker = thread::spawn(move || {
            let mut markers = 0;
            loop {
                match worker.next() {
                    Work::Export(chunks) => worker.settle(spans(&chunks), DropReason::Rejected),
                    Work::Flush(..) => markers += 1,
                    Work::Shutdown(..) | Work::Stop => return markers,
                }
            }
        });
        queue.push_shutdown(Arc::new(Completion::new(1)), never());
        assert_eq!(worker.join().unwrap(), 1, "the last one stays: what was begun is done");
        assert_eq!(queue.stats().exported, 3);
    });
}

#[test]
fn giving_up_ends_the_waiting_for_a_retry() {
    explore(|| {
        let queue = queue(100, 1);
        let worker = queue.clone();
        let worker = thread::spawn(move || worker.wait_for_retry(Pause::Own(Duration::MAX)));
        queue.abandon();
        assert!(!worker.join().unwrap());
        assert_eq!(queue.stats().retries, 0);
    });
}

#[test]
fn markers_nobody_waits_for_make_room_for_the_next() {
    explore(|| {
        let queue = queue(100, 50);
        let worker = queue.clone();
        let worker = thread::spawn(move || work(&worker));
        let past = Instant::now();
        queue.push_flush(Arc::new(Completion::new(1)), past);
        queue.push_flush(Arc::new(Completion::new(1)), past);
        let flush = Arc::new(Completion::new(1));
        queue.push_flush(flush.clone(), never());
        assert!(!flush.wait_until(never()).timed_out);
        queue.push_shutdown(Arc::new(Completion::new(1)), never());
        worker.join().unwrap();
    });
}

/// The books can be read at any time, by anybody.
#[test]
fn the_books_balance_at_every_moment() {
    explore(|| {
        let queue = queue(100, 1);
        queue.push(&chunk(1), false);
        let (worker, reader) = (queue.clone(), queue.clone());
        let worker = thread::spawn(move || {
            if let Work::Export(_) = worker.next() {
                worker.settle(0, DropReason::Rejected);
            }
        });
        let reader = thread::spawn(move || assert_balanced(&reader, 1));
        reader.join().unwrap();
        worker.join().unwrap();
        assert_balanced(&queue, 1);
    });
}
