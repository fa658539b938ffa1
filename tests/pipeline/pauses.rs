//! When an exporter is left alone: what a backend asks for holds for all batches, and so does a shutdown.

use super::support::{LONG, Script, assert_balanced, builder, end_spans, lost, quick_retries};
use std::{
    panic::panic_any,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Tracer, TracerBuilder,
    export::{DropReason, ExportError},
};

const BATCH: usize = 10;

#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Instant>>>);

impl Calls {
    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn wait_for(&self, count: usize) {
        let deadline = Instant::now() + LONG;
        while self.count() < count {
            assert!(Instant::now() < deadline, "only {} calls", self.count());
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn gaps(&self) -> Vec<Duration> {
        self.0.lock().unwrap().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// A tracer whose exporter answers so, with the number of the call, and the times of the calls.
fn tracer(
    builder: TracerBuilder,
    mut answer: impl FnMut(usize) -> Result<(), ExportError> + Send + 'static,
) -> (Tracer, Calls) {
    let calls = Calls::default();
    let noted = calls.clone();
    let exporter = Script(move |_: &Batch| {
        let mut noted = noted.0.lock().unwrap();
        noted.push(Instant::now());
        let number = noted.len();
        drop(noted);
        answer(number)
    });
    (builder.max_batch_spans(BATCH).exporter(exporter).build().unwrap(), calls)
}

fn busy(seconds: u64) -> ExportError {
    ExportError::retry("busy").after(Duration::from_secs(seconds))
}

/// One attempt, and then none before the minute is over, which it is not when the time of the shutdown is.
#[test]
fn a_shutdown_makes_no_storm_of_a_backend_that_asked_for_a_pause() {
    let (tracer, calls) = tracer(builder(), |_| Err(busy(60)));
    end_spans(&tracer, 20 * BATCH);
    calls.wait_for(1);
    let started = Instant::now();
    let report = tracer.shutdown(LONG);
    assert!(!report.timed_out && started.elapsed() < LONG / 2, "there is nothing to wait for");
    assert_eq!(calls.count(), 1, "{report}");
    assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), 20 * BATCH as u64);
    assert_balanced(&report.stats);
}

/// The same if the pause is asked for by the first attempt after the shutdown has begun.
#[test]
fn a_pause_asked_for_during_a_shutdown_holds_too() {
    let (tracer, calls) = tracer(builder().batch_delay(LONG), |_| Err(busy(60)));
    end_spans(&tracer, BATCH - 1);
    let report = tracer.shutdown(LONG);
    assert_eq!((calls.count(), report.timed_out), (1, false));
    assert_eq!(lost(&report.stats, DropReason::ShutdownDeadline), BATCH as u64 - 1);
}

#[test]
fn a_pause_that_ends_before_the_deadline_is_waited_for() {
    let pause = Duration::from_millis(200);
    let (tracer, calls) = tracer(builder(), move |call| match call {
        1 => Err(ExportError::retry("busy").after(pause)),
        _ => Ok(()),
    });
    end_spans(&tracer, 20 * BATCH);
    calls.wait_for(1);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report}");
    assert!(calls.gaps()[0] >= pause, "{:?}", calls.gaps());
}

/// The delay of a batch's last attempt holds for the next batch's first.
#[test]
fn a_pause_belongs_to_the_exporter_and_not_to_the_batch() {
    let pause = Duration::from_millis(30);
    let policy = quick_retries(2);
    let (tracer, calls) =
        tracer(builder().retry(policy), move |_| Err(ExportError::retry("busy").after(pause)));
    end_spans(&tracer, 4 * BATCH);
    let report = tracer.flush(LONG);
    assert_eq!(lost(&report.stats, DropReason::RetriesExhausted), 4 * BATCH as u64);
    let gaps = calls.gaps();
    assert!(gaps.len() >= 7 && gaps.iter().all(|gap| *gap >= pause), "{gaps:?}");
}

/// A part that got through does not cut the pause short, and neither does a batch that did as a whole.
#[test]
fn a_pause_holds_behind_what_is_settled() {
    let pause = Duration::from_millis(40);
    let settled = [3, usize::MAX];
    for settled in settled {
        let (tracer, calls) = tracer(builder(), move |call| match call {
            1 => Err(ExportError::retry("busy").after(pause).with_settled(settled, 0)),
            _ => Ok(()),
        });
        end_spans(&tracer, 2 * BATCH);
        let report = tracer.flush(LONG);
        assert!(report.is_complete(), "{report}");
        assert!(calls.gaps()[0] >= pause, "{:?}", calls.gaps());
    }
}

/// While a pause lasts, other exporters go on, and so do flushes of what has been delivered.
#[test]
fn a_flush_with_nothing_in_front_of_it_does_not_wait_for_a_pause() {
    let (tracer, calls) = tracer(builder().retry(quick_retries(1)), |_| Err(busy(60)));
    end_spans(&tracer, 1);
    assert!(!tracer.flush(LONG).timed_out, "given up after one attempt");
    assert!(!tracer.flush(LONG).timed_out);
    assert_eq!(calls.count(), 1);
    end_spans(&tracer, 1);
    assert!(tracer.flush(Duration::from_millis(50)).timed_out);
    assert_eq!(calls.count(), 1);
}

/// Each batch is lost; the exporter is not asked as fast as it can panic, and is back within a second.
#[test]
fn an_exporter_that_panics_again_and_again_is_left_alone() {
    let mut policy = quick_retries(5);
    policy.initial_delay = Duration::from_millis(100);
    policy.max_delay = LONG;
    let (tracer, calls) = tracer(builder().retry(policy), |call| match call {
        ..9 => panic!("again"),
        _ => Ok(()),
    });
    let started = Instant::now();
    for _ in 0..9 {
        end_spans(&tracer, 1);
        let _waited = tracer.flush(LONG);
    }
    // Seven pauses, drawn from up to 100, 200, 400, 800 ms and three times a second.
    assert!(started.elapsed() >= Duration::from_millis(100), "{:?}", calls.gaps());
    let longest = calls.gaps().into_iter().max().unwrap();
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let stats = tracer.stats();
    assert_eq!((lost(&stats, DropReason::ExporterPanicked), stats.exported()), (8, 1));
    assert_balanced(&stats);
}

/// A shutdown does not wait for it, and makes one attempt for each batch that is left.
#[test]
fn a_shutdown_cuts_the_pause_after_panics_short() {
    let mut policy = quick_retries(5);
    policy.initial_delay = Duration::from_secs(1_000);
    policy.max_delay = Duration::from_secs(1_000);
    let (tracer, calls) = tracer(builder().retry(policy), |_| panic!("again"));
    end_spans(&tracer, 20 * BATCH);
    calls.wait_for(2);
    let report = tracer.shutdown(LONG);
    assert!(!report.timed_out);
    assert_eq!(lost(&report.stats, DropReason::ExporterPanicked), 20 * BATCH as u64);
    assert_balanced(&report.stats);
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

impl std::fmt::Display for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bomb")
    }
}

impl std::error::Error for Bomb {}

/// What is thrown, or is an error's cause, may panic in its turn when it is dropped.
#[test]
fn what_panics_when_it_is_dropped_does_not_end_the_thread() {
    let policy = quick_retries(2);
    let (tracer, _calls) = tracer(builder().retry(policy), |call| match call {
        1 => panic_any(Bomb),
        2 => Err(ExportError::permanent("no").with_source(Bomb)),
        3 => Err(ExportError::retry("busy").with_source(Bomb)),
        _ => Ok(()),
    });
    for _ in 0..4 {
        end_spans(&tracer, 5);
        assert!(!tracer.flush(LONG).timed_out, "the thread has ended");
    }
    let report = tracer.shutdown(LONG);
    assert!(!report.timed_out);
    let lost = |reason| lost(&report.stats, reason);
    assert_eq!((lost(DropReason::ExporterPanicked), lost(DropReason::Rejected)), (5, 5));
    assert_eq!(report.stats.exported(), 10, "what was to be tried again has been");
    assert_balanced(&report.stats);
}
