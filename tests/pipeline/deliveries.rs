//! Several exporters: each with a queue, a filter and an account of its own.

use super::support::{
    Gate, LONG, Script, Seen, assert_balanced, assert_honest, builder, end_spans, gated, good, lost,
    quick_retries,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};
use throughline::{
    Batch, Diagnostic, SpanRecord,
    export::{Delivery, DropReason, ExportError, RetryPolicy},
};

fn end_numbered(tracer: &throughline::Tracer, count: i64) {
    for number in 0..count {
        tracer.span("order").set_attribute("number", number);
    }
}

fn is_even(span: &SpanRecord) -> bool {
    span.attribute("number").and_then(|number| number.as_i64()).is_some_and(|number| number % 2 == 0)
}

#[test]
fn a_filter_keeps_spans_from_its_exporter_and_from_no_other() {
    let (all, some) = (Seen::default(), Seen::default());
    let tracer =
        builder().exporter(good(&all)).exporter(Delivery::to(good(&some)).filter(is_even)).build().unwrap();
    end_numbered(&tracer, 1_001);
    let report = tracer.flush(LONG);
    assert!(report.is_complete() && report.is_lossless(), "{report:#?}");
    assert_balanced(&report.stats);
    let [unfiltered, filtered] = &report.stats.exporters[..] else { panic!("two exporters") };
    assert_eq!((unfiltered.exported, unfiltered.filtered), (1_001, 0));
    assert_eq!((filtered.exported, filtered.filtered), (501, 500));
    assert_eq!((all.distinct(), some.distinct(), some.count()), (1_001, 501, 501));
}

/// An exporter is never called with nothing.
#[test]
fn where_nothing_is_left_nothing_is_sent() {
    let seen = Seen::default();
    let tracer = builder().exporter(Delivery::to(good(&seen)).filter(|_| false)).build().unwrap();
    end_spans(&tracer, 100);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((seen.batches().len(), report.stats.exporters[0].filtered), (0, 100));
    assert_eq!(report.stats.exporters[0].latency.calls, 0);
    assert_balanced(&report.stats);
}

#[test]
fn of_several_filters_all_have_to_agree() {
    let seen = Seen::default();
    let large = |span: &SpanRecord| span.attribute("number").unwrap().as_i64() >= Some(50);
    let delivery = Delivery::to(good(&seen)).filter(is_even).filter(large);
    let tracer = builder().exporter(delivery).build().unwrap();
    end_numbered(&tracer, 100);
    let report = tracer.shutdown(LONG);
    assert_eq!((seen.count(), report.stats.exporters[0].filtered), (25, 75));
}

/// What a batch is tried again with is what it was tried with.
#[test]
fn a_filter_is_asked_once_a_span() {
    let (asked, mut calls) = (Arc::new(AtomicUsize::new(0)), 0);
    let counted = asked.clone();
    let exporter = Script(move |batch: &Batch| {
        assert!(batch.spans().all(is_even));
        assert_eq!(batch.len(), batch.spans().count());
        calls += 1;
        if calls < 4 { Err(ExportError::retry("busy")) } else { Ok(()) }
    });
    let delivery = Delivery::to(exporter).filter(move |span| {
        counted.fetch_add(1, Ordering::SeqCst);
        is_even(span)
    });
    let tracer = builder().retry(quick_retries(5)).exporter(delivery).build().unwrap();
    end_numbered(&tracer, 100);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((asked.load(Ordering::SeqCst), report.stats.exporters[0].retries), (100, 3));
}

#[test]
fn a_filter_that_panics_costs_its_batch() {
    let (seen, mut asked) = (Seen::default(), 0);
    let delivery = Delivery::to(good(&seen)).filter(move |_| {
        asked += 1;
        assert_ne!(asked, 1, "the first");
        true
    });
    let tracer = builder().exporter(delivery).build().unwrap();
    for _ in 0..2 {
        end_spans(&tracer, 10);
        assert_honest(&tracer.flush(LONG));
    }
    let report = tracer.shutdown(LONG);
    assert_eq!((lost(&report.stats, DropReason::ExporterPanicked), seen.count()), (10, 10));
    assert!(!report.is_lossless());
    assert_balanced(&report.stats);
}

#[test]
fn a_slow_filter_holds_up_its_own_exporter_only() {
    let (gate, seen, filtered) = (Gate::closed(), Seen::default(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let passes = gate.clone();
    let slow = Delivery::to(good(&filtered)).filter(move |_| {
        passes.pass();
        true
    });
    let tracer = builder().exporter(slow).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 100);
    let report = tracer.flush(Duration::from_millis(200));
    assert!(report.timed_out);
    assert_eq!((seen.count(), filtered.count()), (100, 0));
    gate.open();
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(filtered.count(), 100);
}

// What an exporter's account says.

#[test]
fn the_time_of_calls_is_measured() {
    let exporter = Script(|_: &Batch| {
        std::thread::sleep(Duration::from_millis(3));
        Err(ExportError::permanent("no"))
    });
    let tracer = builder().exporter(exporter).build().unwrap();
    for _ in 0..3 {
        end_spans(&tracer, 1);
        let _report = tracer.flush(LONG);
    }
    let latency = tracer.stats().exporters[0].latency;
    assert_eq!(latency.calls, 3);
    assert!(latency.longest >= Duration::from_millis(3) && latency.longest <= latency.total);
    assert!(latency.mean() >= Duration::from_millis(3) && latency.mean() <= latency.longest);
}

#[test]
fn a_hundred_panics_cost_a_batch_each_at_most() {
    let (seen, mut calls) = (Seen::default(), 0);
    let taken = seen.clone();
    let exporter = Script(move |batch: &Batch| {
        calls += 1;
        assert_ne!(calls % 2, 1, "every other call");
        taken.take(batch);
        Ok(())
    });
    let tracer = builder().exporter(exporter).build().unwrap();
    for _ in 0..100 {
        for _ in 0..2 {
            end_spans(&tracer, 5);
            let started = Instant::now();
            let report = tracer.flush(LONG);
            assert!(!report.timed_out && started.elapsed() < Duration::from_secs(1), "back in a second");
            assert_balanced(&report.stats);
        }
    }
    let report = tracer.shutdown(LONG);
    assert_eq!((lost(&report.stats, DropReason::ExporterPanicked), report.stats.exported()), (500, 500));
    assert_eq!(tracer.diagnostic_count(Diagnostic::ExporterPanicked), 100);
    assert_eq!(seen.count(), 500);
}

/// A batch that waits for a delay of our own is not given up unasked when the tracer is shut down.
#[test]
fn a_shutdown_gives_a_waiting_batch_its_last_attempt() {
    let mut policy = RetryPolicy::default();
    policy.initial_delay = LONG * 1_000_000;
    policy.max_delay = LONG * 1_000_000;
    for succeeds in [true, false] {
        let (tried, tries) = mpsc::channel();
        let mut calls = 0;
        let exporter = Script(move |_: &Batch| {
            calls += 1;
            let _test_is_over = tried.send(());
            if calls == 2 && succeeds { Ok(()) } else { Err(ExportError::retry("busy")) }
        });
        let builder = builder().retry(policy.clone()).batch_delay(Duration::ZERO);
        let tracer = builder.exporter(exporter).build().unwrap();
        tracer.span("order").end();
        tries.recv_timeout(LONG).unwrap();
        let report = tracer.shutdown(LONG);
        assert_eq!((tries.try_iter().count(), report.is_complete()), (1, succeeds), "{report}");
        assert_balanced(&report.stats);
    }
}

// What the library says.

#[test]
fn a_listener_that_blocks_holds_nothing_up() {
    let (gate, seen) = (Gate::closed(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let (passes, said) = (gate.clone(), Arc::new(Mutex::new(Vec::new())));
    let (heard, (hears, is_heard)) = (said.clone(), mpsc::channel());
    let builder = builder().diagnostics(move |diagnostic| {
        heard.lock().unwrap().push(diagnostic);
        let _test_is_over = hears.send(());
        passes.pass();
    });
    let mut calls = 0;
    let taken = seen.clone();
    let exporter = Script(move |batch: &Batch| {
        calls += 1;
        if calls == 1 {
            return Err(ExportError::permanent("no"));
        }
        taken.take(batch);
        Ok(())
    });
    let tracer = builder.exporter(exporter).build().unwrap();
    end_spans(&tracer, 1);
    assert!(!tracer.flush(LONG).is_complete());
    is_heard.recv_timeout(LONG).unwrap();
    // Nobody comes back from there, and all goes on: spans, and the deadlines of futures.
    end_spans(&tracer, 10);
    let started = Instant::now();
    let report = super::support::block_on(tracer.flush_async(LONG));
    assert!(!report.timed_out && started.elapsed() < LONG / 2);
    let report = super::support::block_on(tracer.shutdown_async(LONG));
    assert!(!report.timed_out, "{report}");
    assert_eq!((seen.count(), said.lock().unwrap().len()), (10, 1));
}

#[test]
fn each_kind_is_said_once_in_a_while_and_counted_always() {
    let (said, hears) = mpsc::channel();
    let builder = builder().diagnostics(move |diagnostic| {
        let _test_is_over = said.send(diagnostic);
    });
    let tracer = builder.exporter(Script(|_: &Batch| Err(ExportError::permanent("no")))).build().unwrap();
    for _ in 0..20 {
        end_spans(&tracer, 1);
        let _report = tracer.flush(LONG);
    }
    assert_eq!(hears.recv_timeout(LONG).unwrap(), Diagnostic::ExportFailed);
    let _report = tracer.shutdown(LONG);
    assert_eq!(tracer.diagnostic_count(Diagnostic::ExportFailed), 20);
    drop(tracer);
    assert!(hears.try_recv().is_err(), "once in 30 s");
}

/// There is nothing to deliver to: nothing is exported, and nothing is lost on the way.
#[test]
fn a_tracer_without_exporters_is_complete_and_has_exported_nothing() {
    let tracer = builder().build().unwrap();
    end_spans(&tracer, 10);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete() && report.is_lossless());
    assert_eq!((report.stats.ended, report.stats.exported()), (10, 0));
}

#[test]
fn what_is_in_memory_is_not_safe() {
    let (gate, seen) = (Gate::closed(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let (exporter, _at_gate) = gated(&seen, &gate);
    let tracer = builder().exporter(exporter).build().unwrap();
    end_spans(&tracer, 10);
    let report = tracer.flush(Duration::from_millis(20));
    assert!(!report.is_complete() && !report.is_lossless(), "{report:#?}");
}
