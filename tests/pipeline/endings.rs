//! Shutdowns and flushes that meet one another, and what an exporter is told at the end.

use super::support::{
    Abortable, Gate, LONG, Script, Seen, assert_balanced, assert_honest, assert_in_time, block_on, builder,
    end_spans, gated, good, lost, quick_retries, timed, watched,
};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};
use throughline::{
    Batch, Tracer,
    export::{DropReason, ExportError, Exporter, Report},
};

const SHORT: Duration = Duration::from_millis(20);

/// A tracer whose exporter has been given its spans and stands before the gate.
fn at_the_gate(seen: &Seen, gate: &Gate) -> Tracer {
    let (exporter, at_gate) = gated(seen, gate);
    let tracer = builder().batch_delay(Duration::ZERO).exporter(exporter).build().unwrap();
    tracer.span("order").end();
    at_gate.recv_timeout(LONG).unwrap();
    tracer
}

#[test]
fn a_shutdown_can_be_asked_for_again_and_again() {
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 10);
    let first = tracer.shutdown(LONG);
    assert!(first.is_complete());
    for _ in 0..3 {
        assert_eq!(tracer.shutdown(Duration::ZERO), first);
        assert_eq!(tracer.flush(Duration::ZERO), first);
        assert_eq!(block_on(tracer.shutdown_async(Duration::ZERO)), first);
        assert_eq!(block_on(tracer.flush_async(LONG)), first);
    }
    assert_eq!(seen.count(), 10);
}

#[test]
fn concurrent_shutdowns_all_see_the_same_end() {
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 1_000);
    let reports: Vec<Report> = watched("eight shutdowns", move || {
        let start = Barrier::new(8);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|number| {
                    let (tracer, start) = (&tracer, &start);
                    scope.spawn(move || {
                        start.wait();
                        if number % 2 == 0 {
                            tracer.shutdown(LONG)
                        } else {
                            block_on(tracer.shutdown_async(LONG))
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    });
    for report in reports {
        assert!(report.is_complete(), "{report}");
        assert_eq!(report.stats.exported(), 1_000);
    }
}

/// Whoever gives up earlier than the shutdown itself takes nothing from it.
fn the_impatient_do_no_harm(impatient: fn(&Tracer) -> Report) {
    let (gate, seen) = (Gate::closed(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let tracer = at_the_gate(&seen, &gate);
    end_spans(&tracer, 10);
    let shutdown = tracer.shutdown_async(LONG);
    let hurried = impatient(&tracer);
    assert!(hurried.timed_out, "{hurried}");
    assert_eq!(hurried.stats.dropped_anywhere().total(), 0, "{hurried}");
    assert_balanced(&hurried.stats);
    gate.open();
    let report = block_on(shutdown);
    assert!(report.is_complete(), "{report}");
    assert_eq!(seen.count(), 11);
}

#[test]
fn a_flush_that_gives_up_does_not_end_the_shutdown_it_came_into() {
    the_impatient_do_no_harm(|tracer| tracer.flush(SHORT));
    the_impatient_do_no_harm(|tracer| block_on(tracer.flush_async(SHORT)));
}

#[test]
fn a_second_shutdown_with_less_time_takes_none_from_the_first() {
    the_impatient_do_no_harm(|tracer| tracer.shutdown(SHORT));
    the_impatient_do_no_harm(|tracer| block_on(tracer.shutdown_async(SHORT)));
}

#[test]
fn those_who_join_a_shutdown_keep_their_own_deadline() {
    type Call = fn(&Tracer) -> Report;
    let calls: [(&str, Call); 4] = [
        ("flush", |tracer| tracer.flush(SHORT)),
        ("flush_async", |tracer| block_on(tracer.flush_async(SHORT))),
        ("shutdown", |tracer| tracer.shutdown(SHORT)),
        ("shutdown_async", |tracer| block_on(tracer.shutdown_async(SHORT))),
    ];
    for (name, call) in calls {
        assert_in_time(name, SHORT, || {
            let (gate, seen) = (Gate::closed(), Seen::default());
            let _gate_opens = gate.opened_at_the_end();
            let tracer = at_the_gate(&seen, &gate);
            let _under_way = tracer.shutdown_async(LONG * 10);
            watched(name, move || timed(|| call(&tracer)).1)
        });
    }
}

#[test]
fn at_its_deadline_a_shutdown_closes_the_books_for_good() {
    let (gate, seen) = (Gate::closed(), Seen::default());
    let tracer = at_the_gate(&seen, &gate);
    end_spans(&tracer, 10);
    let report = tracer.shutdown(SHORT);
    assert!(report.timed_out && !report.is_complete());
    assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), 11);
    assert_balanced(&report.stats);
    // The exporter comes back late: what it says changes nothing any more.
    gate.open();
    let later = tracer.flush(LONG);
    assert_eq!(later.stats, report.stats);
    assert!(later.timed_out, "what the shutdown could not do, no flush after it says it has done");
}

#[test]
fn a_shutdown_without_time_still_ends() {
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 10);
    let report = tracer.shutdown(Duration::ZERO);
    assert_balanced(&report.stats);
    assert_honest(&report);
    // Whatever it did or did not deliver, in the end every span is accounted for as one or the other.
    let settled = tracer.shutdown(LONG);
    assert_balanced(&settled.stats);
    assert_eq!((settled.stats.ended, settled.stats.buffered, settled.stats.exporters[0].pending), (10, 0, 0));
}

#[test]
fn spans_that_end_after_the_shutdown_are_counted_as_such() {
    let tracer = builder().exporter(good(&Seen::default())).build().unwrap();
    // More than a thread's buffer holds: they are not lost for want of room.
    let late: Vec<_> = (0..1_000).map(|_| tracer.span("late")).collect();
    assert!(tracer.shutdown(LONG).is_complete());
    drop(late);
    let report = tracer.flush(LONG);
    assert_eq!(report.stats.dropped.get(DropReason::AfterShutdown), 1_000);
    assert_eq!((report.stats.dropped.total(), report.stats.open), (1_000, 0));
    assert!(!report.is_complete());
    assert_balanced(&report.stats);
}

/// Threads come, record and go while the tracer is shut down: not one span is forgotten.
#[test]
fn no_span_is_forgotten_when_threads_meet_a_shutdown() {
    for round in 0..60_u64 {
        let seen = Seen::default();
        let tracer = builder().exporter(good(&seen)).build().unwrap();
        let recorded = AtomicU64::new(0);
        let start = Barrier::new(5);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let root = tracer.span("root");
                    let handle = root.handle();
                    start.wait();
                    for _ in 0..round * 10 {
                        let child = handle.as_ref().map(|handle| handle.child("child"));
                        let is_recorded = child.as_ref().is_some_and(|child| child.is_recording());
                        drop(child);
                        recorded.fetch_add(u64::from(is_recorded), Ordering::Relaxed);
                    }
                    let is_recorded = root.is_recording();
                    root.end();
                    recorded.fetch_add(u64::from(is_recorded), Ordering::Relaxed);
                });
            }
            scope.spawn(|| {
                start.wait();
                let _report = tracer.shutdown(LONG);
            });
        });
        let stats = tracer.flush(LONG).stats;
        assert_eq!((stats.ended, stats.open), (recorded.load(Ordering::Relaxed), 0), "round {round}");
        assert_balanced(&stats);
        assert_eq!(stats.exported(), seen.distinct() as u64);
        assert_eq!(seen.count(), seen.distinct());
    }
}

// Handles.

#[test]
fn the_last_handle_delivers() {
    let seen = Seen::default();
    let tracer = builder().drop_within(LONG).exporter(good(&seen)).build().unwrap();
    let clone = tracer.clone();
    end_spans(&tracer, 10);
    drop(tracer);
    end_spans(&clone, 10);
    drop(clone);
    assert_eq!(seen.count(), 20);
}

#[test]
fn the_last_handle_waits_for_a_shutdown_that_nobody_waits_for() {
    let seen = Seen::default();
    let tracer = builder().drop_within(LONG).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 10);
    drop(tracer.shutdown_async(LONG));
    drop(tracer);
    assert_eq!(seen.count(), 10);
}

#[test]
fn the_last_handle_gives_up_in_time() {
    let (gate, seen) = (Gate::closed(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    assert_in_time("the drop", SHORT, || {
        let (exporter, _at_gate) = gated(&seen, &gate);
        let tracer = builder().drop_within(SHORT).exporter(exporter).build().unwrap();
        end_spans(&tracer, 10);
        watched("the drop", move || timed(|| drop(tracer)).1)
    });
}

#[test]
fn a_flush_future_that_is_dropped_was_still_a_flush() {
    let seen = Seen::default();
    let tracer = builder().batch_delay(LONG).exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, 10);
    drop(tracer.flush_async(LONG));
    // Whatever is delivered now has not waited for its batch to be full or old.
    let report = tracer.flush(LONG);
    assert!(report.is_complete());
    assert_eq!(seen.count(), 10);
}

/// Hangs at the gate with its first batch, and counts its flushes.
struct CountsFlushes(Gate, mpsc::Sender<()>, Arc<AtomicUsize>);

impl Exporter for CountsFlushes {
    fn name(&self) -> &str {
        "counts flushes"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        let _test_is_over = self.1.send(());
        self.0.pass();
        Ok(())
    }

    fn flush(&mut self, _: Duration) -> Result<(), ExportError> {
        self.2.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn flushes_that_nobody_waits_for_are_not_kept() {
    let (gate, flushes) = (Gate::closed(), Arc::new(AtomicUsize::new(0)));
    let _gate_opens = gate.opened_at_the_end();
    let (reached, at_gate) = mpsc::channel();
    let exporter = CountsFlushes(gate.clone(), reached, flushes.clone());
    let tracer = builder().exporter(exporter).build().unwrap();
    end_spans(&tracer, 1);
    drop(tracer.flush_async(LONG));
    at_gate.recv_timeout(LONG).unwrap();
    for _ in 0..1_000 {
        end_spans(&tracer, 1);
        drop(tracer.flush_async(LONG));
    }
    // Behind all of them.
    assert!(tracer.flush(Duration::from_millis(500)).timed_out);
    assert_eq!(tracer.stats().buffered, 0, "the collector has come to the last one");
    gate.open();
    assert!(tracer.flush(LONG).is_complete());
    let flushes = flushes.load(Ordering::SeqCst);
    assert!((1..10).contains(&flushes), "{flushes} flushes");
    // A shutdown goes on, though.
    end_spans(&tracer, 1);
    drop(tracer.shutdown_async(LONG));
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete() && report.stats.exported() == 1_002, "{report}");
}

/// An executor's waker runs on the tracer's threads, which have more to do.
#[test]
fn a_waker_that_panics_ends_no_thread() {
    struct Panics(mpsc::Sender<()>);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            let _test_is_over = self.0.send(());
            panic!("in the executor");
        }
    }
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    let (woken, is_woken) = mpsc::channel();
    let waker = Waker::from(Arc::new(Panics(woken)));
    for round in 0..20 {
        end_spans(&tracer, 1);
        let mut flush = tracer.flush_async(if round % 2 == 0 { LONG } else { Duration::from_millis(1) });
        if std::pin::Pin::new(&mut flush).poll(&mut Context::from_waker(&waker)).is_pending() {
            is_woken.recv_timeout(LONG).unwrap();
        }
    }
    end_spans(&tracer, 1);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(seen.count(), 21);
}

#[test]
fn a_flush_future_is_woken_whoever_polled_it_last() {
    struct Counts(AtomicUsize, mpsc::Sender<()>);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            let _nobody_looks = self.1.send(());
        }
    }
    let (gate, seen) = (Gate::closed(), Seen::default());
    let tracer = at_the_gate(&seen, &gate);
    let mut flush = tracer.flush_async(LONG);
    let (woken, is_woken) = mpsc::channel();
    let wakers: Vec<_> = (0..1_000).map(|_| Arc::new(Counts(AtomicUsize::new(0), woken.clone()))).collect();
    for counts in &wakers {
        let waker = Waker::from(counts.clone());
        assert!(std::pin::Pin::new(&mut flush).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    gate.open();
    is_woken.recv_timeout(LONG).unwrap();
    // Only the last: the others have been replaced, not gathered.
    assert_eq!(wakers[999].0.load(Ordering::SeqCst), 1);
    assert!(
        wakers[..999]
            .iter()
            .all(|counts| counts.0.load(Ordering::SeqCst) == 0 && Arc::strong_count(counts) == 1)
    );
    match std::pin::Pin::new(&mut flush).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(report) => assert!(report.is_complete()),
        Poll::Pending => panic!("it has been woken"),
    }
}

// What an exporter is told.

/// Notes every call.
struct Notes {
    seen: Seen,
    flush: fn() -> Result<(), ExportError>,
    shutdown: fn() -> Result<(), ExportError>,
}

impl Exporter for Notes {
    fn name(&self) -> &str {
        "notes"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.seen.call(format!("export {}", batch.len()));
        self.seen.take(batch);
        Ok(())
    }

    fn flush(&mut self, within: Duration) -> Result<(), ExportError> {
        self.seen.call(format!("flush within {} s", within.as_secs_f64().ceil()));
        (self.flush)()
    }

    fn shutdown(&mut self, within: Duration) -> Result<(), ExportError> {
        self.seen.call(format!("shutdown within {} s", within.as_secs_f64().ceil()));
        (self.shutdown)()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        self.seen.call("drop");
    }
}

fn notes(
    flush: fn() -> Result<(), ExportError>,
    shutdown: fn() -> Result<(), ExportError>,
) -> (Tracer, Seen) {
    let seen = Seen::default();
    let exporter = Notes { seen: seen.clone(), flush, shutdown };
    (builder().exporter(exporter).build().unwrap(), seen)
}

#[test]
fn an_exporter_is_told_the_time_that_is_left() {
    let (tracer, seen) = notes(|| Ok(()), || Ok(()));
    end_spans(&tracer, 3);
    assert!(tracer.flush(Duration::from_secs(7)).is_complete());
    assert!(tracer.flush(Duration::from_secs(8)).is_complete());
    end_spans(&tracer, 2);
    assert!(tracer.shutdown(Duration::from_secs(9)).is_complete());
    let calls = seen.calls();
    let expected = ["export 3", "flush within 7 s", "flush within 8 s", "export 2", "shutdown within 9 s"];
    assert_eq!(calls[..5], expected);
}

#[test]
fn nothing_comes_after_the_shutdown_but_the_drop() {
    let (tracer, seen) = notes(|| Ok(()), || Ok(()));
    assert!(tracer.shutdown(LONG).is_complete());
    end_spans(&tracer, 3);
    assert!(tracer.flush(LONG).is_complete(), "spans of a tracer that is shut down are not recorded");
    let deadline = std::time::Instant::now() + LONG;
    while seen.calls().last().map(String::as_str) != Some("drop") {
        assert!(std::time::Instant::now() < deadline, "{:?}", seen.calls());
        thread::yield_now();
    }
    assert_eq!(seen.calls().len(), 2);
}

#[test]
fn a_flush_that_the_exporter_fails_is_not_complete() {
    for flush in [|| Err(ExportError::retry("later")), || panic!("flush")] as [fn() -> _; 2] {
        let (tracer, seen) = notes(flush, || Ok(()));
        end_spans(&tracer, 3);
        let report = tracer.flush(LONG);
        assert!(report.flush_failed && !report.timed_out && !report.is_complete());
        assert_eq!(report.stats.exported(), 3);
        assert!(report.to_string().contains("an exporter could not flush"), "{report}");
        // The next call comes all the same.
        let report = tracer.shutdown(LONG);
        assert!(report.is_complete(), "{report}");
        assert_eq!(seen.count(), 3);
    }
}

#[test]
fn a_shutdown_that_the_exporter_fails_is_not_complete() {
    for shutdown in [|| Err(ExportError::permanent("never")), || panic!("shutdown")] as [fn() -> _; 2] {
        let (tracer, _seen) = notes(|| Ok(()), shutdown);
        end_spans(&tracer, 3);
        let report = tracer.shutdown(LONG);
        assert!(report.flush_failed && !report.timed_out && !report.is_complete());
    }
}

#[test]
fn a_panic_in_an_exporter_s_destructor_reaches_nobody() {
    struct PanicsOnDrop;
    impl Exporter for PanicsOnDrop {
        fn name(&self) -> &str {
            "panics on drop"
        }
        fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
            Ok(())
        }
    }
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("drop");
        }
    }
    let tracer = builder().exporter(PanicsOnDrop).build().unwrap();
    end_spans(&tracer, 3);
    assert!(tracer.shutdown(LONG).is_complete());
}

#[test]
fn an_exporter_may_use_the_tracer_it_exports_for() {
    let (hand_over, handed) = mpsc::channel::<Tracer>();
    let seen = Seen::default();
    let taken = seen.clone();
    let mut own: Option<Tracer> = None;
    let exporter = Script(move |batch: &Batch| {
        let tracer = own.get_or_insert_with(|| handed.recv().unwrap());
        taken.take(batch);
        // It cannot wait for itself, and does not wait for ever.
        assert!(tracer.flush(Duration::ZERO).timed_out);
        Ok(())
    });
    let tracer = builder().exporter(exporter).build().unwrap();
    hand_over.send(tracer.clone()).unwrap();
    end_spans(&tracer, 3);
    let report = watched("the shutdown", move || tracer.shutdown(LONG));
    assert_eq!(seen.count(), 3);
    assert_balanced(&report.stats);
}

#[test]
fn one_exporter_that_hangs_holds_up_no_other() {
    let (gate, seen, others) = (Gate::closed(), Seen::default(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let (hung, at_gate) = gated(&seen, &gate);
    let tracer =
        builder().batch_delay(Duration::ZERO).exporter(hung).exporter(good(&others)).build().unwrap();
    tracer.span("order").end();
    at_gate.recv_timeout(LONG).unwrap();
    end_spans(&tracer, 99);
    let report = tracer.flush(Duration::from_millis(200));
    assert!(report.timed_out);
    assert_eq!(others.count(), 100);
    assert_eq!((report.stats.exporters[0].pending, report.stats.exporters[1].exported), (100, 100));
    assert_balanced(&report.stats);
    gate.open();
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(seen.count(), 100);
}

#[test]
fn a_shutdown_does_not_wait_for_a_retry_that_comes_too_late() {
    let (tried, tries) = mpsc::channel();
    let exporter = Script(move |_: &Batch| {
        let _test_is_over = tried.send(());
        Err(ExportError::retry("busy").after(Duration::from_secs(60)))
    });
    let tracer =
        builder().retry(quick_retries(5)).batch_delay(Duration::ZERO).exporter(exporter).build().unwrap();
    tracer.span("order").end();
    tries.recv_timeout(LONG).unwrap();
    let (report, took) = timed(|| tracer.shutdown(LONG));
    assert!(took < LONG / 2, "{took:?}");
    assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), 1);
    assert!(!report.is_complete());
    assert_eq!(tries.try_iter().count(), 0, "no storm at the end");
    assert_balanced(&report.stats);
}

#[test]
fn an_exporter_that_hangs_is_aborted_at_the_deadline_and_no_sooner() {
    for panics in [false, true] {
        let (exporter, aborts, is_over) = Abortable::new(panics);
        let tracer = builder().batch_delay(Duration::ZERO).exporter(exporter).build().unwrap();
        end_spans(&tracer, 3);
        assert!(tracer.flush(Duration::from_millis(20)).timed_out);
        assert_eq!(aborts.load(Ordering::SeqCst), 0, "a flush gives nothing up");
        let report = tracer.shutdown(Duration::from_millis(20));
        assert_eq!(is_over.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
        assert!(aborts.load(Ordering::SeqCst) >= 1);
        assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), 3);
        assert_balanced(&report.stats);
    }
}
