//! Flush and shutdown, from every place they can be called, with every kind of exporter: they return in
//! time, say what happened, and the books balance.

use super::support::{
    Gate, LONG, Script, Seen, assert_balanced, assert_honest, assert_in_time, block_on, builder, end_spans,
    quick_retries, timed, watched,
};
use std::{pin::Pin, task::Poll, time::Duration};
use throughline::{
    Batch, Tracer,
    export::{DropReason, ExportError, Report},
};

#[derive(Clone, Copy, Debug)]
enum Call {
    Flush,
    Shutdown,
}

/// From where it is called.
#[derive(Clone, Copy, Debug)]
enum Place {
    NoRuntime,
    OwnExecutor,
    CurrentThread,
    MultiThread,
    BlockingInCurrentThread,
    BlockingInMultiThread,
    DroppedRuntime,
}

const PLACES: [Place; 7] = [
    Place::NoRuntime,
    Place::OwnExecutor,
    Place::CurrentThread,
    Place::MultiThread,
    Place::BlockingInCurrentThread,
    Place::BlockingInMultiThread,
    Place::DroppedRuntime,
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Good,
    Hung,
    Panicking,
    AlwaysRetry,
    Permanent,
    Partial,
}

const SPANS: usize = 20;

fn tracer(kind: Kind, gate: &Gate, seen: &Seen) -> Tracer {
    let (gate, seen) = (gate.clone(), seen.clone());
    let export = move |batch: &Batch| match kind {
        Kind::Good => {
            seen.take(batch);
            Ok(())
        }
        Kind::Hung => {
            gate.pass();
            Ok(())
        }
        Kind::Panicking => panic!("an exporter that panics"),
        Kind::AlwaysRetry => Err(ExportError::retry("busy")),
        Kind::Permanent => Err(ExportError::permanent("no")),
        Kind::Partial => Err(ExportError::partial(1, "all but one")),
    };
    builder().retry(quick_retries(3)).exporter(Script(export)).build().unwrap()
}

fn current_thread() -> tokio::runtime::Runtime {
    // Without timers: the future needs none.
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn call(tracer: &Tracer, call: Call, within: Duration, place: Place) -> (Report, Duration) {
    let blocking = || match call {
        Call::Flush => tracer.flush(within),
        Call::Shutdown => tracer.shutdown(within),
    };
    let future = || match call {
        Call::Flush => tracer.flush_async(within),
        Call::Shutdown => tracer.shutdown_async(within),
    };
    match place {
        Place::NoRuntime => timed(blocking),
        Place::OwnExecutor => timed(|| block_on(future())),
        Place::CurrentThread => {
            let runtime = current_thread();
            timed(|| runtime.block_on(future()))
        }
        Place::MultiThread => {
            let runtime = multi_thread();
            let future = future();
            timed(|| runtime.block_on(async { tokio::spawn(future).await.unwrap() }))
        }
        Place::BlockingInCurrentThread => {
            let runtime = current_thread();
            runtime.block_on(async { timed(blocking) })
        }
        Place::BlockingInMultiThread => {
            let runtime = multi_thread();
            let tracer = tracer.clone();
            runtime.block_on(async move {
                let blocking = move || match call {
                    Call::Flush => tracer.flush(within),
                    Call::Shutdown => tracer.shutdown(within),
                };
                tokio::spawn(async move { timed(blocking) }).await.unwrap()
            })
        }
        Place::DroppedRuntime => {
            let runtime = multi_thread();
            // Started, polled and given up with its runtime; then asked again from nowhere.
            let mut future = future();
            let _pending = runtime.block_on(async {
                std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut future).poll(context).is_pending()))
                    .await
            });
            drop(runtime);
            let ((), waited) = timed(|| drop(block_on(future)));
            let (report, asked_again) = timed(blocking);
            (report, waited.max(asked_again))
        }
    }
}

/// One cell of the table: a fresh tracer, some spans, one call.
fn cell(kind: Kind, which: Call, place: Place) {
    let within = match kind {
        Kind::Hung => Duration::from_millis(30),
        _ => LONG,
    };
    let what = format!("{which:?} with a {kind:?} exporter from {place:?}");
    let run = {
        let what = what.clone();
        move || {
            let (gate, seen) = (Gate::closed(), Seen::default());
            let _gate_opens = gate.opened_at_the_end();
            let tracer = tracer(kind, &gate, &seen);
            end_spans(&tracer, SPANS);
            let (report, took) = call(&tracer, which, within, place);
            check(&what, kind, which, &report, &seen);
            took
        }
    };
    assert_in_time(&what, within.min(Duration::from_secs(1)), || watched(&what, run.clone()));
}

fn check(what: &str, kind: Kind, which: Call, report: &Report, seen: &Seen) {
    let stats = &report.stats;
    assert_balanced(stats);
    assert_honest(report);
    assert_eq!((stats.ended, stats.open), (SPANS as u64, 0), "{what}");
    let lost = |reason| stats.exporters[0].dropped.get(reason);
    let all = SPANS as u64;
    match kind {
        Kind::Good => {
            assert!(report.is_complete(), "{what}: {report}");
            assert_eq!((seen.count(), stats.exported()), (SPANS, all), "{what}");
        }
        Kind::Hung => {
            assert!(report.timed_out && !report.is_complete(), "{what}: {report}");
            match which {
                Call::Flush => assert_eq!(stats.exporters[0].pending, all, "{what}"),
                Call::Shutdown => assert_eq!(lost(DropReason::ShutdownDeadline), all, "{what}"),
            }
        }
        Kind::Panicking => assert_eq!(lost(DropReason::ExporterPanicked), all, "{what}"),
        Kind::AlwaysRetry => assert_eq!(lost(DropReason::RetriesExhausted), all, "{what}"),
        Kind::Permanent => assert_eq!(lost(DropReason::Rejected), all, "{what}"),
        Kind::Partial => {
            let refused = lost(DropReason::Rejected);
            assert!(refused >= 1 && stats.exported() == all - refused, "{what}: {report}");
        }
    }
    if !matches!(kind, Kind::Good) {
        assert!(!report.is_complete(), "{what}: {report}");
    }
}

fn row(kind: Kind) {
    for place in PLACES {
        cell(kind, Call::Flush, place);
        cell(kind, Call::Shutdown, place);
    }
}

#[test]
fn with_a_good_exporter() {
    row(Kind::Good);
}

#[test]
fn with_a_hung_exporter() {
    row(Kind::Hung);
}

#[test]
fn with_a_panicking_exporter() {
    row(Kind::Panicking);
}

#[test]
fn with_an_exporter_that_always_asks_for_a_retry() {
    row(Kind::AlwaysRetry);
}

#[test]
fn with_an_exporter_that_fails_for_good() {
    row(Kind::Permanent);
}

#[test]
fn with_an_exporter_that_takes_a_part() {
    row(Kind::Partial);
}
