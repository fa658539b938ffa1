//! A backend that is away: nothing is lost, nothing is hurried, and no call takes longer than it may.

use super::support::{
    Abortable, Backend, Gate, LONG, Scratch, Script, assert_balanced, assert_lossless, books, builder,
    end_numbered, eventually, spooled,
};
use std::{
    sync::mpsc::RecvTimeoutError,
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Tracer,
    export::{ExportError, RetryPolicy, Spool},
};

/// For a stretch at 1,000 spans a second, of so many seconds.
fn outage(seconds: u32, retry_after: Duration) {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(retry_after));
    let tracer = spooled(&scratch, backend.exporter());
    let started = Instant::now();
    let most = i64::from(seconds) * 1_000;
    for number in 0..most {
        end_numbered(&tracer, number..number + 1);
        let due = started + Duration::from_millis(number as u64 + 1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    eventually("all is on disk", || books(&tracer).spooled == most as u64);
    backend.come_back();
    let back = Instant::now();
    eventually("all is delivered", || books(&tracer).exported == most as u64);
    let drained = back.elapsed();
    assert!(drained < retry_after + Duration::from_secs(5), "{drained:?}");
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    backend.seen.assert_once(0..most);
    let attempts = backend.attempts();
    let failed = attempts.iter().filter(|attempt| **attempt < back).count();
    assert!(failed >= 2, "{failed} attempts");
    for pair in attempts.windows(2).take(failed) {
        assert!(pair[1] - pair[0] >= retry_after, "an attempt {:?} after the one before", pair[1] - pair[0]);
    }
    println!("{most} spans, {failed} failed attempts, drained {drained:?} after the backend's return");
}

#[test]
fn an_outage_loses_nothing_and_storms_nobody() {
    outage(2, Duration::from_millis(200));
}

#[test]
#[ignore = "takes some minutes"]
fn a_long_outage_loses_nothing_and_storms_nobody() {
    outage(120, Duration::from_secs(5));
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Hung,
    Down,
    Busy,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    NoRuntime,
    CurrentThread,
    OneWorker,
    ManyWorkers,
}

fn exporter(kind: Kind, gate: &Gate) -> impl throughline::export::Exporter + use<> {
    let gate = gate.clone();
    Script(move |_: &Batch| match kind {
        Kind::Hung => {
            gate.pass();
            Ok(())
        }
        Kind::Down => Err(ExportError::retry("connection refused")),
        Kind::Busy => Err(ExportError::retry("busy").after(Duration::from_secs(60))),
    })
}

fn shut_down(tracer: &Tracer, within: Duration, place: Place) -> throughline::export::Report {
    let workers = match place {
        Place::NoRuntime => return tracer.shutdown(within),
        Place::CurrentThread => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            return runtime.block_on(tracer.shutdown_async(within));
        }
        Place::OneWorker => 1,
        Place::ManyWorkers => 4,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap();
    let shutdown = tracer.shutdown_async(within);
    runtime.block_on(async { tokio::spawn(shutdown).await.unwrap() })
}

/// However the backend fails and from wherever it is called: a shutdown is over in time, loses nothing that
/// has a place on disk, and says what it left.
#[test]
fn a_shutdown_keeps_its_deadline() {
    const WITHIN: Duration = Duration::from_millis(60);
    for kind in [Kind::Hung, Kind::Down, Kind::Busy] {
        for place in [Place::NoRuntime, Place::CurrentThread, Place::OneWorker, Place::ManyWorkers] {
            for has_spool in [false, true] {
                let mut quickest = Duration::MAX;
                // A deadline that is not kept is missed every time, one busy moment of the machine is not.
                for _ in 0..5 {
                    let (scratch, gate) = (Scratch::new(), Gate::closed());
                    let _gate_opens = gate.opened_at_the_end();
                    let builder = builder().retry(RetryPolicy::default()).batch_delay(Duration::ZERO);
                    let exporter = exporter(kind, &gate);
                    let tracer = match has_spool {
                        true => builder.exporter(Spool::new(scratch.spool()).wrap(exporter)).build().unwrap(),
                        false => builder.exporter(exporter).build().unwrap(),
                    };
                    end_numbered(&tracer, 0..100);
                    if has_spool {
                        eventually("all is on disk", || books(&tracer).spooled == 100);
                    }
                    let started = Instant::now();
                    let report = shut_down(&tracer, WITHIN, place);
                    quickest = quickest.min(started.elapsed());
                    assert_balanced(&report.stats);
                    assert!(!report.is_complete(), "{kind:?} {place:?}");
                    assert_eq!(report.is_lossless(), has_spool, "{kind:?} {place:?} {report:#?}");
                    if quickest <= WITHIN + Duration::from_millis(50) {
                        break;
                    }
                }
                let most = WITHIN + Duration::from_millis(50);
                assert!(quickest <= most, "{kind:?} {place:?} with a spool: {has_spool}: {quickest:?}");
            }
        }
    }
}

/// Whoever asked for a delay gets it, even at the end.
#[test]
fn a_shutdown_makes_no_attempt_before_its_time() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(Duration::from_secs(60)));
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..5_000);
    eventually("it has been asked once", || backend.attempts().len() == 1);
    backend.come_back();
    let started = Instant::now();
    let report = tracer.shutdown(LONG);
    assert!(started.elapsed() < LONG / 2, "there is nothing to wait for");
    assert_lossless(&report);
    assert_eq!((report.stats.spooled(), backend.attempts().len()), (5_000, 1));
}

/// A delay of our own is cut short by a shutdown, once.
#[test]
fn a_shutdown_makes_a_last_attempt() {
    let mut policy = RetryPolicy::default();
    policy.initial_delay = LONG * 1_000_000;
    policy.max_delay = LONG * 1_000_000;
    for is_back in [true, false] {
        let (scratch, backend) = (Scratch::new(), Backend::down());
        let builder = builder().retry(policy.clone());
        let tracer = builder.exporter(Spool::new(scratch.spool()).wrap(backend.exporter())).build().unwrap();
        end_numbered(&tracer, 0..50);
        eventually("it has failed once", || backend.attempts().len() == 1 && books(&tracer).spooled == 50);
        if is_back {
            backend.come_back();
        }
        let report = tracer.shutdown(LONG / 2);
        assert_lossless(&report);
        assert_eq!((report.is_complete(), backend.attempts().len() >= 2), (is_back, true), "{report}");
        assert!(is_back || backend.attempts().len() == 2);
    }
}

/// Flushing again and again in front of an exporter that hangs gathers nothing, and never says it is done.
#[test]
fn flushes_in_front_of_a_hung_exporter_end_in_time() {
    let (scratch, gate) = (Scratch::new(), Gate::closed());
    let _gate_opens = gate.opened_at_the_end();
    let tracer = spooled(&scratch, exporter(Kind::Hung, &gate));
    end_numbered(&tracer, 0..10);
    for _ in 0..500 {
        let report = tracer.flush(Duration::ZERO);
        assert!(report.timed_out && !report.is_complete());
    }
    gate.open();
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report:#?}");
}

#[test]
fn an_exporter_that_hangs_is_aborted_and_its_spans_wait_on_disk() {
    let (scratch, (exporter, _aborts, is_over)) = (Scratch::new(), Abortable::new(false));
    let tracer = spooled(&scratch, exporter);
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    let report = tracer.shutdown(Duration::from_millis(50));
    assert_eq!(is_over.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    assert_lossless(&report);
    assert_eq!((report.stats.spooled(), tracer.stats().spooled()), (100, 100));
}
