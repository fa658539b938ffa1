//! Exporters that do as they are told, and ways to wait that end.

#[path = "../support/abortable.rs"]
mod abortable;
#[path = "../support/books.rs"]
mod books;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/script.rs"]
mod script;

pub use abortable::Abortable;
pub use books::assert_balanced;
pub use gate::Gate;
pub use script::Script;
use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};
use throughline::{
    Batch, SpanId, Tracer, TracerBuilder,
    export::{DropReason, Exporter, Report, RetryPolicy, Stats},
    redact::Redaction,
};

/// More than anything here takes that does not hang.
pub const LONG: Duration = Duration::from_secs(20);

/// What a call may add to its deadline.
pub const SLACK: Duration = Duration::from_millis(50);

/// Without redaction: looking for secrets in 64 MiB of text takes a collector that is built for debugging longer
/// than these tests wait for it.
pub fn builder() -> TracerBuilder {
    Tracer::builder("test")
        .environment(|_| None)
        .drop_within(Duration::ZERO)
        .diagnostics(|_| ())
        .redaction(Redaction::none())
}

pub fn end_spans(tracer: &Tracer, count: usize) {
    for _ in 0..count {
        tracer.span("order").end();
    }
}

/// A retry policy whose delays do not hold a test up.
pub fn quick_retries(max_attempts: u32) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.max_attempts = max_attempts;
    policy.initial_delay = Duration::from_micros(100);
    policy.max_delay = Duration::from_millis(1);
    policy
}

/// Never complete after a loss.
#[track_caller]
pub fn assert_honest(report: &Report) {
    let lost = report.stats.dropped_anywhere().total();
    let has_waiting = report.stats.exporters.iter().any(|exporter| exporter.pending > 0);
    if report.is_complete() {
        assert_eq!((lost, has_waiting), (0, false), "{report:#?}");
    }
}

/// How many spans the only exporter lost for a reason.
pub fn lost(stats: &Stats, reason: DropReason) -> u64 {
    stats.exporters[0].dropped.get(reason)
}

/// What an exporter has been given and asked, for the test to look at.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<SeenState>>);

#[derive(Default)]
struct SeenState {
    ids: Vec<SpanId>,
    batches: Vec<usize>,
    calls: Vec<String>,
}

impl Seen {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().ids.len()
    }

    /// None came twice.
    pub fn distinct(&self) -> usize {
        self.0.lock().unwrap().ids.iter().collect::<HashSet<_>>().len()
    }

    pub fn has_all(&self, ids: &[SpanId]) -> bool {
        let state = self.0.lock().unwrap();
        ids.iter().all(|id| state.ids.contains(id))
    }

    pub fn batches(&self) -> Vec<usize> {
        self.0.lock().unwrap().batches.clone()
    }

    pub fn calls(&self) -> Vec<String> {
        self.0.lock().unwrap().calls.clone()
    }

    pub fn call(&self, call: impl Into<String>) {
        self.0.lock().unwrap().calls.push(call.into());
    }

    pub fn take(&self, batch: &Batch) {
        let mut state = self.0.lock().unwrap();
        state.ids.extend(batch.spans().map(|span| span.span_id()));
        state.batches.push(batch.len());
    }
}

/// Takes everything.
pub fn good(seen: &Seen) -> impl Exporter + use<> {
    let seen = seen.clone();
    Script(move |batch: &Batch| {
        seen.take(batch);
        Ok(())
    })
}

/// Takes everything, once the gate is open; says when it has been given something.
pub fn gated(seen: &Seen, gate: &Gate) -> (impl Exporter + use<>, mpsc::Receiver<usize>) {
    let (seen, gate) = (seen.clone(), gate.clone());
    let (reached, at_gate) = mpsc::channel();
    let exporter = Script(move |batch: &Batch| {
        let _test_is_over = reached.send(batch.len());
        gate.pass();
        seen.take(batch);
        Ok(())
    });
    (exporter, at_gate)
}

/// Runs on a thread of its own and fails, instead of hanging, if that takes too long.
#[track_caller]
pub fn watched<R: Send + 'static>(what: &str, body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let _nobody_waits = done.send(body());
    });
    match is_done.recv_timeout(LONG) {
        Ok(result) => {
            thread.join().unwrap();
            result
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a thread that ends has sent"),
        },
    }
}

/// The shortest of some runs: a deadline that is not kept is missed by all of them, one busy moment of the
/// machine is not.
#[track_caller]
pub fn assert_in_time(what: &str, within: Duration, mut run: impl FnMut() -> Duration) {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        shortest = shortest.min(run());
        if shortest <= within + SLACK {
            return;
        }
    }
    panic!("{what} was given {within:?} and took {shortest:?} at best");
}

pub fn timed<R>(body: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = body();
    (result, start.elapsed())
}

/// An executor without timers, of one thread that parks.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unparks(Thread, AtomicUsize);
    impl Wake for Unparks {
        fn wake(self: Arc<Self>) {
            self.1.fetch_add(1, Ordering::SeqCst);
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unparks(thread::current(), AtomicUsize::new(0))));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
