//! What becomes of a batch, by what the exporter answers.

use super::support::{
    LONG, Script, Seen, assert_balanced, builder, end_spans, lost, quick_retries, timed, watched,
};
use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use throughline::{
    Batch, Diagnostic, Instrument, Span, Tracer,
    export::{DropReason, ExportError, Exporter, RetryPolicy},
    suppress_instrumentation,
};

/// A tracer whose exporter answers by a script: the number of the attempt, from 1, decides.
fn scripted(
    policy: RetryPolicy,
    mut answer: impl FnMut(u32, &Batch) -> Result<(), ExportError> + Send + 'static,
) -> (Tracer, Arc<AtomicU32>) {
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = attempts.clone();
    let exporter = Script(move |batch: &Batch| answer(counted.fetch_add(1, Ordering::SeqCst) + 1, batch));
    (builder().retry(policy).exporter(exporter).build().unwrap(), attempts)
}

#[test]
fn a_panic_costs_its_batch_and_no_other() {
    let seen = Seen::default();
    let taken = seen.clone();
    let (tracer, attempts) = scripted(RetryPolicy::default(), move |number, batch| {
        assert_ne!(number % 3, 0, "every third batch");
        taken.take(batch);
        Ok(())
    });
    for batch in 1..=9 {
        end_spans(&tracer, batch);
        let report = tracer.flush(LONG);
        assert!(!report.timed_out);
        assert_balanced(&report.stats);
        assert_eq!(report.is_complete(), batch < 3, "never complete after a loss");
    }
    let report = tracer.shutdown(LONG);
    assert_eq!(attempts.load(Ordering::SeqCst), 9);
    assert_eq!(seen.batches(), [1, 2, 4, 5, 7, 8]);
    assert_eq!(lost(&report.stats, DropReason::ExporterPanicked), 3 + 6 + 9);
    assert_eq!(report.stats.exported(), 1 + 2 + 4 + 5 + 7 + 8);
    assert_eq!(tracer.diagnostic_count(Diagnostic::ExporterPanicked), 3);
}

#[test]
fn permanent_is_not_tried_again() {
    let (tracer, attempts) =
        scripted(quick_retries(5), |_, _| Err(ExportError::permanent("the credentials are wrong")));
    end_spans(&tracer, 7);
    let report = tracer.flush(LONG);
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!((lost(&report.stats, DropReason::Rejected), report.stats.exported()), (7, 0));
    assert_eq!(tracer.diagnostic_count(Diagnostic::ExportFailed), 1);
    assert_balanced(&report.stats);
}

#[test]
fn partial_counts_both_sides_and_is_not_tried_again() {
    for (rejected, expected) in [(0, 0), (3, 3), (7, 7), (100, 7)] {
        let (tracer, attempts) =
            scripted(quick_retries(5), move |_, _| Err(ExportError::partial(rejected, "some were too old")));
        end_spans(&tracer, 7);
        let report = tracer.flush(LONG);
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
        assert_eq!(
            (lost(&report.stats, DropReason::Rejected), report.stats.exported()),
            (expected, 7 - expected)
        );
        assert_eq!(report.is_complete(), rejected == 0);
        assert_balanced(&report.stats);
    }
}

#[test]
fn a_retry_that_succeeds_loses_nothing() {
    let seen = Seen::default();
    let taken = seen.clone();
    let (tracer, attempts) = scripted(quick_retries(5), move |number, batch| match number {
        1 | 2 => Err(ExportError::retry("busy")),
        _ => {
            taken.take(batch);
            Ok(())
        }
    });
    end_spans(&tracer, 7);
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((attempts.load(Ordering::SeqCst), seen.count()), (3, 7));
    assert_eq!(report.stats.exporters[0].retries, 2);
}

#[test]
fn the_attempts_are_counted_and_then_it_is_over() {
    for (most, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
        let (tracer, attempts) = scripted(quick_retries(most), |_, _| Err(ExportError::retry("busy")));
        end_spans(&tracer, 7);
        let report = tracer.flush(LONG);
        assert_eq!(attempts.load(Ordering::SeqCst), expected);
        assert_eq!(lost(&report.stats, DropReason::RetriesExhausted), 7);
        assert_eq!(report.stats.exporters[0].retries, u64::from(expected) - 1);
        assert_balanced(&report.stats);
    }
    let (tracer, attempts) = scripted(RetryPolicy::never(), |_, _| Err(ExportError::retry("busy")));
    end_spans(&tracer, 1);
    assert!(!tracer.flush(LONG).is_complete());
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
}

/// When each attempt was made.
fn times_of_attempts(policy: RetryPolicy, after: Option<Duration>) -> Vec<Instant> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = times.clone();
    let (tracer, _attempts) = scripted(policy, move |_, _| {
        noted.lock().unwrap().push(Instant::now());
        let error = ExportError::retry("busy");
        Err(after.map_or(ExportError::retry("busy"), |after| error.after(after)))
    });
    end_spans(&tracer, 1);
    let report = watched("the flush", move || tracer.flush(LONG));
    assert_eq!(lost(&report.stats, DropReason::RetriesExhausted), 1);
    times.lock().unwrap().clone()
}

#[test]
fn what_a_backend_asks_for_is_honoured() {
    let times = times_of_attempts(quick_retries(3), Some(Duration::from_millis(30)));
    assert_eq!(times.len(), 3);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(30));
    }
}

#[test]
fn what_a_backend_asks_for_is_capped() {
    for asked in [Duration::from_secs(3_600), Duration::MAX] {
        let mut policy = quick_retries(3);
        policy.max_backend_delay = Duration::from_millis(5);
        let (times, took) = timed(|| times_of_attempts(policy, Some(asked)));
        assert_eq!(times.len(), 3);
        assert!(took >= Duration::from_millis(10) && took < Duration::from_secs(10), "{took:?}");
    }
}

#[test]
fn own_delays_are_random_and_bounded() {
    let mut policy = quick_retries(6);
    policy.initial_delay = Duration::from_millis(4);
    policy.max_delay = Duration::from_millis(8);
    let times = times_of_attempts(policy, None);
    let delays: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(delays.len(), 5);
    // A sleeping thread may be late, but five of them are not all late by a second.
    assert!(delays.iter().min().unwrap() < &Duration::from_secs(1), "{delays:?}");
}

#[test]
fn delays_without_end_are_survived() {
    let mut policy = RetryPolicy::default();
    policy.initial_delay = Duration::MAX;
    policy.max_delay = Duration::MAX;
    policy.max_backend_delay = Duration::MAX;
    let asked = [None, Some(Duration::MAX)];
    for after in asked {
        let (tracer, attempts) = scripted(policy.clone(), move |_, _| {
            let error = ExportError::retry("busy");
            Err(after.map_or(ExportError::retry("busy"), |after| error.after(after)))
        });
        end_spans(&tracer, 1);
        assert!(tracer.flush(Duration::from_millis(20)).timed_out);
        let report = watched("the shutdown", move || tracer.shutdown(LONG));
        // A delay of our own ends with a last attempt, one that the backend asked for does not.
        assert_eq!(attempts.load(Ordering::SeqCst), if after.is_some() { 1 } else { 2 });
        assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), 1);
    }
}

#[test]
fn a_report_says_in_a_line_what_happened() {
    let (tracer, _attempts) = scripted(quick_retries(1), |number, _| match number {
        1 => Ok(()),
        2 => Err(ExportError::permanent("no")),
        _ => Err(ExportError::retry("busy")),
    });
    let open = tracer.span("open");
    for spans in [2, 3, 4] {
        end_spans(&tracer, spans);
        let _report = tracer.flush(LONG);
    }
    let report = tracer.flush(LONG);
    assert_eq!(
        report.to_string(),
        "2 spans exported, 1 still open, 3 dropped: rejected, 4 dropped: retries exhausted"
    );
    open.end();
}

/// An exporter whose own work is traced, by a tracer it holds on to.
struct Traced {
    tracer: Arc<OnceLock<Tracer>>,
    exported: Arc<AtomicUsize>,
}

impl Exporter for Traced {
    fn name(&self) -> &str {
        "traced"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.exported.fetch_add(batch.len(), Ordering::Relaxed);
        if let Some(tracer) = self.tracer.get() {
            let sending = tracer.span("send").entered();
            assert!(!sending.is_recording());
            tracer.span_builder("connect").root().start().end();
        }
        Ok(())
    }
}

/// Sends by a thread and a runtime of its own, whose work is traced but for what it says.
struct Aside {
    tracer: Arc<OnceLock<Tracer>>,
    runtime: tokio::runtime::Runtime,
}

impl Exporter for Aside {
    fn name(&self) -> &str {
        "aside"
    }

    fn export(&mut self, _batch: &Batch) -> Result<(), ExportError> {
        let Some(tracer) = self.tracer.get().cloned() else {
            return Ok(());
        };
        let on_thread = tracer.clone();
        let thread = std::thread::spawn(move || {
            let _suppressed = suppress_instrumentation();
            on_thread.span("connect").entered().in_scope(|| Span::new("send").end());
        });
        thread.join().unwrap();
        let task = async move {
            let sending = tracer.span("connect").entered().exit();
            tokio::task::yield_now().await;
            async { Span::new("send").end() }.instrument(sending).await;
        };
        self.runtime.block_on(self.runtime.spawn(task.suppress_instrumentation())).unwrap();
        Ok(())
    }
}

#[test]
fn an_exporter_with_threads_of_its_own_can_say_that_it_is_not_traced() {
    let slot = Arc::new(OnceLock::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let tracer = builder().exporter(Aside { tracer: slot.clone(), runtime }).build().unwrap();
    slot.set(tracer.clone()).unwrap();
    for _ in 0..10 {
        end_spans(&tracer, 1);
        assert!(tracer.flush(LONG).is_complete());
    }
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(tracer.stats().ended, 10);
}

#[test]
fn while_it_is_suppressed_no_span_starts_and_none_is_lost() {
    let seen = Seen::default();
    let tracer = builder().exporter(super::support::good(&seen)).build().unwrap();
    let outer = tracer.span("order").entered();
    let handle = outer.handle();
    let (first, second) = (suppress_instrumentation(), suppress_instrumentation());
    let is_recording = || {
        let child = handle.as_ref().unwrap().child("child");
        let spans =
            [Span::new("child"), tracer.span("child"), tracer.span_builder("root").root().start(), child];
        spans.map(|span| span.is_recording())
    };
    assert_eq!(is_recording(), [false; 4]);
    // In any order.
    drop(first);
    assert_eq!(is_recording(), [false; 4]);
    Span::current().set_attribute("still", "recorded");
    drop(second);
    assert_eq!(is_recording(), [true; 4]);
    // Elsewhere nothing is suppressed, and neither is it between two polls.
    let future = std::future::pending::<()>().suppress_instrumentation();
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(is_recording(), [true; 4]);
    outer.exit().end();
    assert_eq!(tracer.shutdown(LONG).stats.ended, 9);
    assert_eq!(seen.count(), 9);
}

#[test]
fn an_exporter_is_not_traced() {
    let (slot, exported) = (Arc::new(OnceLock::new()), Arc::new(AtomicUsize::new(0)));
    let tracer =
        builder().exporter(Traced { tracer: slot.clone(), exported: exported.clone() }).build().unwrap();
    slot.set(tracer.clone()).unwrap();
    for _ in 0..10 {
        end_spans(&tracer, 1);
        assert!(tracer.flush(LONG).is_complete());
    }
    assert_eq!(tracer.stats().ended, 10);
    assert_eq!(exported.load(Ordering::Relaxed), 10);
    assert!(tracer.shutdown(LONG).is_complete());
}
