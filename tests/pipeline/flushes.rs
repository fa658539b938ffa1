//! A flush collects on the thread that waits for it: what that must not do.

use super::support::{LONG, Seen, assert_balanced, builder, end_spans, good, watched};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Wake, Waker},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use throughline::{
    Clock, FlushFuture, TimeSource, Tracer, TracerBuilder,
    redact::{Field, Redaction, Verdict},
    sampling::tail::{LocalTrace, TailRule, TailSampler},
};

const SHORT: Duration = Duration::from_millis(20);

/// Many spans are waiting, and next to no time is given for them: each flush takes what it can.
#[test]
fn a_flush_whose_time_is_over_leaves_the_rest_for_later() {
    const SPANS: usize = 30_000;
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    end_spans(&tracer, SPANS);
    let report = watched("flushes", move || {
        loop {
            let report = tracer.flush(Duration::from_micros(50));
            assert_balanced(&report.stats);
            if report.is_complete() {
                return report;
            }
        }
    });
    assert_eq!(report.stats.exported() as usize, SPANS);
    assert_eq!((seen.count(), seen.distinct()), (SPANS, SPANS));
}

/// What a thread has ended is delivered when its flush returns, whoever of them collects.
#[test]
fn each_of_several_threads_that_flush_gets_its_own() {
    let seen = Seen::default();
    let tracer = builder().exporter(good(&seen)).build().unwrap();
    let work = |tracer: &Tracer| {
        for _ in 0..200 {
            let spans: Vec<_> = (0..5).map(|_| tracer.span("order").context().unwrap().span_id()).collect();
            let report = tracer.flush(LONG);
            assert!(report.is_complete(), "{report}");
            assert!(seen.has_all(&spans));
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| work(&tracer));
        }
    });
    assert_eq!((seen.count(), seen.distinct()), (4_000, 4_000));
}

/// Ends ten spans, by `end`, and flushes, while this thread holds what the user's code, which is called on the way, waits
/// for.
#[track_caller]
fn waits_no_longer_than_told(held: &Mutex<()>, builder: TracerBuilder, ends_while_held: bool) {
    let seen = Seen::default();
    let tracer = builder.exporter(good(&seen)).build().unwrap();
    if !ends_while_held {
        end_spans(&tracer, 10);
    }
    let guard = held.lock().unwrap();
    if ends_while_held {
        end_spans(&tracer, 10);
    }
    let report = tracer.flush(SHORT);
    drop(guard);
    assert!(report.timed_out, "{report}");
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!(seen.count(), 10);
}

#[test]
fn a_rule_may_wait_for_the_thread_that_flushes() {
    watched("a rule", || {
        let held = Arc::new(Mutex::new(()));
        let waited_for = held.clone();
        let rule = move |_: &Field<'_>| {
            drop(waited_for.lock());
            Verdict::Keep
        };
        let builder = builder().redaction(Redaction::none().rule("waits", rule));
        waits_no_longer_than_told(&held, builder, true);
    });
}

#[test]
fn a_tail_samplers_condition_may_wait_for_the_thread_that_flushes() {
    watched("a condition", || {
        let held = Arc::new(Mutex::new(()));
        let waited_for = held.clone();
        let waits = TailRule::new("waits", move |_: &LocalTrace<'_>| {
            drop(waited_for.lock());
            true
        });
        let builder = builder().tail_sampler(TailSampler::new().rule(waits));
        waits_no_longer_than_told(&held, builder, true);
    });
}

struct Locked(Arc<Mutex<()>>);

impl TimeSource for Locked {
    fn unix_nanos(&self) -> u64 {
        drop(self.0.lock());
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
    }
}

/// Which is read where a span ends, too.
#[test]
fn a_clock_may_wait_for_the_thread_that_flushes() {
    watched("a clock", || {
        let held = Arc::new(Mutex::new(()));
        let builder = builder().clock(Clock::custom(Arc::new(Locked(held.clone()))));
        waits_no_longer_than_told(&held, builder, false);
    });
}

/// Says that it is called, and waits.
struct Waits {
    called: mpsc::Sender<()>,
    held: Arc<Mutex<()>>,
}

impl Wake for Waits {
    fn wake(self: Arc<Self>) {
        let _test_is_over = self.called.send(());
        drop(self.held.lock());
    }
}

/// A flush as a future that waits, and whose waker then waits for `held`.
fn waiting_flush(tracer: &Tracer, held: &Arc<Mutex<()>>) -> (FlushFuture, mpsc::Receiver<()>) {
    loop {
        let (called, is_called) = mpsc::channel();
        let waker = Waker::from(Arc::new(Waits { called, held: held.clone() }));
        let mut flush = tracer.flush_async(LONG);
        // The collector may have been faster.
        if Pin::new(&mut flush).poll(&mut Context::from_waker(&waker)).is_pending() {
            return (flush, is_called);
        }
    }
}

#[test]
fn a_waker_may_wait_for_the_thread_that_flushes() {
    watched("a waker", || {
        let (tracer, held) = (builder().build().unwrap(), Arc::new(Mutex::new(())));
        let guard = held.lock().unwrap();
        // The collector is in the first one's waker when the second one has to be woken.
        let (first, is_called) = waiting_flush(&tracer, &held);
        is_called.recv().unwrap();
        let (second, is_called) = waiting_flush(&tracer, &held);
        let report = tracer.flush(LONG);
        assert!(report.is_complete(), "{report}");
        drop(guard);
        is_called.recv().unwrap();
        drop((first, second));
    });
}
