//! How much may be under way, and that what is over it is dropped and counted.

use super::support::{Gate, LONG, Seen, assert_balanced, builder, end_spans, gated, good, lost, watched};
use std::{
    sync::{Arc, mpsc},
    task::{Context, Wake, Waker},
    thread,
    time::Duration,
};
use throughline::{
    Tracer, TracerBuilder,
    export::{DropReason, Stats},
    redact::Redaction,
};

/// Spans into a pipeline whose exporter stands before a closed gate.
struct Stalled {
    gate: Gate,
    seen: Seen,
    tracer: Tracer,
}

impl Stalled {
    fn new(max_spans: usize, max_bytes: usize) -> Self {
        let (gate, seen) = (Gate::closed(), Seen::default());
        let (exporter, at_gate) = gated(&seen, &gate);
        let builder = large_builder().batch_delay(Duration::ZERO).max_queued(max_spans, max_bytes);
        let tracer = builder.exporter(exporter).build().unwrap();
        tracer.span("first").end();
        at_gate.recv_timeout(LONG).unwrap();
        Self { gate, seen, tracer }
    }

    /// What the books say once the collector has been through.
    fn stats(&self) -> Stats {
        loop {
            let report = self.tracer.flush(Duration::from_millis(100));
            assert!(report.timed_out);
            assert_balanced(&report.stats);
            if report.stats.buffered == 0 {
                return report.stats;
            }
        }
    }

    /// All that waited is delivered, and nothing else.
    fn release(self) -> Stats {
        let pending = self.stats().exporters[0].pending;
        self.gate.open();
        let report = self.tracer.shutdown(LONG);
        assert!(!report.timed_out, "{report}");
        assert_balanced(&report.stats);
        assert_eq!(report.stats.exported(), pending);
        assert_eq!(self.seen.count() as u64, pending);
        report.stats
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.gate.open();
    }
}

impl Clone for Stalled {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), seen: self.seen.clone(), tracer: self.tracer.clone() }
    }
}

#[test]
fn a_queue_is_bounded_by_count() {
    let stalled = Stalled::new(1_000, usize::MAX);
    for _ in 0..50 {
        end_spans(&stalled.tracer, 100);
        let report = stalled.tracer.flush(Duration::from_millis(1));
        assert!(report.stats.exporters[0].pending <= 1_000);
    }
    let stats = stalled.stats();
    let pending = stats.exporters[0].pending;
    assert!((900..=1_000).contains(&pending), "{pending}");
    assert_eq!(lost(&stats, DropReason::QueueFull), 5_001 - pending);
}

#[test]
fn a_queue_is_bounded_by_bytes() {
    const MOST: usize = 8 << 20;
    let stalled = Stalled::new(usize::MAX, MOST);
    let text = "x".repeat(16_000);
    for _ in 0..100 {
        for _ in 0..10 {
            let span = stalled.tracer.span("large");
            for number in 0..4 {
                span.set_attribute(format!("key {number}"), &text);
            }
        }
        let _report = stalled.tracer.flush(Duration::from_millis(1));
    }
    let stats = stalled.stats();
    let pending = stats.exporters[0].pending as usize;
    assert!(pending * 64_000 <= MOST, "{pending} spans of 64 kB are in {MOST} bytes");
    assert!(pending * 64_000 >= MOST / 2, "only {pending} spans are");
    assert_eq!(lost(&stats, DropReason::QueueFull) as usize, 1_001 - pending);
}

#[test]
fn what_waited_is_delivered_when_the_exporter_comes_back() {
    let stalled = Stalled::new(500, usize::MAX);
    for _ in 0..20 {
        end_spans(&stalled.tracer, 50);
        let _report = stalled.tracer.flush(Duration::from_millis(1));
    }
    let stats = stalled.clone().release();
    assert_eq!(stats.ended, 1_001);
    assert!(lost(&stats, DropReason::QueueFull) >= 501);
}

/// A queue smaller than the parts in which spans usually come still takes as many as it says.
#[test]
fn a_small_queue_takes_what_it_says() {
    for most in [1, 7, 100, 511] {
        let seen = Seen::default();
        let tracer = builder().max_queued(most, usize::MAX).exporter(good(&seen)).build().unwrap();
        end_spans(&tracer, most);
        let report = tracer.flush(LONG);
        assert!(report.is_complete(), "{most}: {report}");
        assert_eq!(seen.count(), most);
    }
}

/// Without the redaction, which would read megabytes of text.
fn large_builder() -> TracerBuilder {
    builder().redaction(Redaction::none())
}

fn end_large_spans(tracer: &Tracer, count: usize) {
    let text = "x".repeat(16_000);
    for _ in 0..count {
        let span = tracer.span("large");
        for number in 0..10 {
            span.set_attribute(format!("key {number}"), &text);
        }
    }
}

#[test]
fn large_spans_within_the_bounds_are_delivered_whole() {
    let seen = Seen::default();
    let tracer = large_builder().exporter(good(&seen)).build().unwrap();
    // Their buffers, grown by doubling, are 256 KiB each until the collector trims them.
    end_large_spans(&tracer, 200);
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(seen.count(), 200);
}

/// A burst that is larger than the queue fills it: it is not refused as a whole.
#[test]
fn of_a_burst_of_too_many_spans_a_part_is_taken() {
    let stalled = Stalled::new(100, usize::MAX);
    end_spans(&stalled.tracer, 1_000);
    let pending = stalled.stats().exporters[0].pending;
    assert!((80..=100).contains(&pending), "{pending} spans are in the queue");
}

#[test]
fn of_a_burst_of_too_many_bytes_a_part_is_taken() {
    const MOST: usize = 8 << 20;
    let stalled = Stalled::new(usize::MAX, MOST);
    end_large_spans(&stalled.tracer, 100);
    let pending = stalled.stats().exporters[0].pending as usize;
    // One more, a small one, is in the exporter's hands.
    let most = MOST / 160_000 + 1;
    assert!((most / 2..=most).contains(&pending), "{pending} spans are in the queue");
}

#[test]
fn batches_are_as_large_as_they_may_be() {
    let seen = Seen::default();
    let tracer = builder().max_batch_spans(100).batch_delay(LONG).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 950);
    assert!(tracer.flush(LONG).is_complete());
    let batches = seen.batches();
    assert!(batches.iter().all(|spans| *spans <= 100), "{batches:?}");
    assert_eq!(batches.iter().sum::<usize>(), 950);
}

#[test]
fn a_full_batch_does_not_wait() {
    let seen = Seen::default();
    let tracer = builder().max_batch_spans(10).batch_delay(LONG * 100).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 10);
    let deadline = std::time::Instant::now() + LONG;
    while seen.count() < 10 {
        assert!(std::time::Instant::now() < deadline, "a full batch is due at once");
        thread::yield_now();
    }
}

#[test]
fn an_old_batch_does_not_wait() {
    let seen = Seen::default();
    let tracer = builder().batch_delay(Duration::from_millis(5)).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 1);
    let deadline = std::time::Instant::now() + LONG;
    while seen.count() < 1 {
        assert!(std::time::Instant::now() < deadline, "an old batch is due");
        thread::yield_now();
    }
}

/// Flushing again and again in front of an exporter that hangs gathers nothing.
#[test]
fn flushes_in_front_of_a_hung_exporter_are_not_gathered() {
    let stalled = Stalled::new(10, usize::MAX);
    for _ in 0..2_000 {
        let report = stalled.tracer.flush(Duration::ZERO);
        assert!(report.timed_out);
    }
    stalled.gate.open();
    assert!(
        watched("the flush", {
            let tracer = stalled.tracer.clone();
            move || tracer.flush(LONG)
        })
        .is_complete()
    );
}

// The threads' buffers.

/// A waker that stands before a gate, and the collector with it, which wakes it.
struct Holds(Gate, mpsc::Sender<()>);

impl Wake for Holds {
    fn wake(self: Arc<Self>) {
        let _test_is_over = self.1.send(());
        self.0.pass();
    }
}

/// Stops the collector of a tracer without exporters until the gate is opened.
fn stop_collector(tracer: &Tracer) -> Gate {
    let gate = Gate::closed();
    let (reached, at_gate) = mpsc::channel();
    let waker = Waker::from(Arc::new(Holds(gate.clone(), reached)));
    loop {
        let mut flush = tracer.flush_async(LONG);
        let polled = std::pin::Pin::new(&mut flush).poll(&mut Context::from_waker(&waker));
        // If it was ready at once, the collector was faster: once more.
        if polled.is_pending() {
            at_gate.recv_timeout(LONG).unwrap();
            return gate;
        }
    }
}

#[test]
fn the_buffers_are_bounded_and_what_is_over_is_counted() {
    let tracer = builder().max_buffered_spans(2_560).build().unwrap();
    let gate = stop_collector(&tracer);
    let _gate_opens = gate.opened_at_the_end();
    let root = tracer.span("root");
    let order = root.handle().unwrap();
    let end_children = |count| (0..count).for_each(|_| order.child("order").end());
    end_children(10_000);
    let stats = tracer.stats();
    let refused = stats.dropped.get(DropReason::BufferFull);
    assert_eq!(stats.buffered + refused, 10_000);
    assert!((2_500..=2_560 + 256).contains(&stats.buffered), "{} are buffered", stats.buffered);
    // Every thread may always hold some, whatever the others have taken.
    thread::scope(|scope| {
        scope.spawn(|| end_children(254));
    });
    assert_eq!(tracer.stats().dropped.get(DropReason::BufferFull), refused);
    gate.open();
    let report = tracer.flush(LONG);
    assert_eq!((report.stats.buffered, report.stats.ended), (0, 10_254));
    assert_eq!(report.stats.dropped.get(DropReason::BufferFull), refused);
    assert!(!report.is_complete());
    // The budget has come back.
    end_children(2_000);
    assert_eq!(tracer.flush(LONG).stats.dropped.total(), refused);
}

#[test]
fn large_spans_in_the_buffers_are_bounded_by_bytes() {
    let tracer = large_builder().build().unwrap();
    let gate = stop_collector(&tracer);
    let _gate_opens = gate.opened_at_the_end();
    let text = "x".repeat(16_000);
    for _ in 0..100 {
        let span = tracer.span("huge");
        for number in 0..64 {
            span.set_attribute(format!("key {number}"), &text);
        }
    }
    let stats = tracer.stats();
    // A megabyte each, 64 MiB in all.
    assert!((60..=67).contains(&stats.buffered), "{} are buffered", stats.buffered);
    assert_eq!(stats.dropped.get(DropReason::BufferFull), 100 - stats.buffered);
    // Usual spans are not in their way.
    end_spans(&tracer, 1_000);
    assert_eq!(tracer.stats().dropped.get(DropReason::BufferFull), 100 - stats.buffered);
    gate.open();
    assert_eq!(tracer.flush(LONG).stats.buffered, 0);
}

// Load.

#[test]
fn a_burst_of_20_000_spans_is_delivered_whole() {
    for _ in 0..5 {
        let seen = Seen::default();
        let tracer = builder().exporter(good(&seen)).build().unwrap();
        end_spans(&tracer, 20_000);
        let report = tracer.flush(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!((seen.count(), seen.distinct()), (20_000, 20_000));
    }
}

#[test]
fn a_burst_of_many_threads_is_delivered_whole() {
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let _request = tracer.span("request").entered();
                    tracer.span("work").set_attribute("a", 1).add_event("b", &[]);
                }
            });
        }
    });
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((seen.count(), seen.distinct()), (64_000, 64_000));
    assert_eq!((report.stats.ended, report.stats.open), (64_000, 0));
}

#[test]
fn spans_of_threads_that_have_ended_are_delivered() {
    let seen = Seen::default();
    let tracer = builder().batch_delay(Duration::from_millis(1)).exporter(good(&seen)).build().unwrap();
    for _ in 0..300 {
        let tracer = tracer.clone();
        thread::spawn(move || end_spans(&tracer, 3)).join().unwrap();
    }
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(seen.distinct(), 900);
}

#[test]
fn the_books_can_be_read_while_everything_moves() {
    let seen = Seen::default();
    let tracer = builder().batch_delay(Duration::ZERO).exporter(good(&seen)).build().unwrap();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(|| end_spans(&tracer, 5_000))).collect();
        let mut last = Stats::default();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let stats = tracer.stats();
            assert_balanced(&stats);
            assert!(stats.ended >= last.ended && stats.exported() >= last.exported(), "counts only grow");
            assert!(stats.exported() <= 20_000);
            last = stats;
        }
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.stats.exported(), 20_000);
}
