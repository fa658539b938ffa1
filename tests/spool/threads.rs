//! A system that starts no more threads: building a tracer is an error that says so, and a tracer that is there goes
//! on. It is a child to which it happens, below whose libc no thread can be started.

use super::support::{
    LONG, Scratch, Seen, Shim, as_child, assert_balanced, builder, end_numbered, eventually, good, run,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};
use throughline::{
    Batch, BuildError, Diagnostic, Tracer,
    export::{DropReason, ExportError, Exporter, Spool},
};

fn injected(test: &str) {
    let scratch = Scratch::new();
    if let Some((_shim, child)) = Shim::child(&format!("threads::{test}"), scratch.path()) {
        run(child);
    }
}

/// Tells of its drop by going away.
struct Held(#[expect(dead_code, reason = "only dropped")] mpsc::Sender<()>);

impl Exporter for Held {
    fn name(&self) -> &str {
        "held"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        Ok(())
    }
}

#[test]
fn a_tracer_without_threads_is_an_error_and_leaves_nothing() {
    injected("child_that_builds_without_threads");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_builds_without_threads() {
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    // What runs two exporters behind a spool and one beside it takes six threads: each of them may be the first that
    // cannot be started.
    let mut started = 0;
    for most in 0..=5 {
        let (held, is_over) = mpsc::channel();
        let spool = Spool::new(path.join("spool"));
        let builder = builder()
            .exporter(spool.wrap(Held(held.clone())))
            .exporter(spool.wrap(Held(held.clone())).named("other"))
            .exporter(Held(held));
        // The shim counts those of all rounds.
        started += most;
        shim.begin_with("threads", started);
        started += 1;
        let error = builder.build().map(drop).unwrap_err();
        shim.end("threads");
        assert!(matches!(error, BuildError::Thread(_)), "{error:?}");
        assert!(std::error::Error::source(&error).is_some(), "{error:?}");
        // The threads that had been started go, and so does what they have: exporters, and the spool's lock.
        assert_eq!(is_over.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected), "after {most}");
    }
    eventually("no thread is left", || threads_of_the_tracer() == 0);
    let seen = Seen::default();
    let tracer = at(&path, good(&seen));
    end_numbered(&tracer, 0..100);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..100);
}

fn threads_of_the_tracer() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("tl-")).count()
}

fn at(path: &Path, exporter: impl Exporter + 'static) -> Tracer {
    builder().exporter(Spool::new(path.join("spool")).wrap(exporter)).build().unwrap()
}

/// No thread is ever started anew: an exporter that panics goes on on its own.
#[test]
fn exporters_that_panic_need_no_new_thread() {
    injected("child_that_panics_without_threads");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_panics_without_threads() {
    let Some(path) = as_child() else { return };
    let (shim, calls, heard) = (Shim::of(&path), Arc::new(AtomicUsize::new(0)), mpsc::channel());
    let panicking = |seen: &Seen| {
        let (seen, calls) = (seen.clone(), calls.clone());
        super::support::Script(move |batch: &Batch| {
            // Two in three calls.
            assert!(calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3), "on purpose");
            seen.take(batch);
            Ok(())
        })
    };
    std::panic::set_hook(Box::new(|_| ()));
    let (spooled, plain) = (Seen::default(), Seen::default());
    let said = heard.0;
    let tracer = builder()
        .batch_delay(Duration::ZERO)
        .diagnostics(move |diagnostic| {
            let _test_is_over = said.send(diagnostic);
        })
        .exporter(Spool::new(path.join("spool")).wrap(panicking(&spooled)))
        .exporter(panicking(&plain))
        .build()
        .unwrap();
    shim.begin("threads");
    let started = Instant::now();
    for batch in 0..30 {
        end_numbered(&tracer, batch * 10..batch * 10 + 10);
        eventually("the plain one has been given all", || tracer.stats().exporters[1].pending == 0);
    }
    assert!(started.elapsed() < LONG / 2, "back at once");
    eventually("the one behind the spool has, too", || {
        let books = &tracer.stats().exporters[0];
        books.exported + books.dropped.get(DropReason::ExporterPanicked) == 300
    });
    assert!(heard.1.try_recv().is_err(), "there was nobody to say it");
    shim.end("threads");
    // What could not be said is said when there is a thread for it.
    let end = Instant::now() + LONG;
    while heard.1.recv_timeout(end.saturating_duration_since(Instant::now()))
        != Ok(Diagnostic::ExporterPanicked)
    {}
    let report = tracer.shutdown(LONG);
    assert_balanced(&report.stats);
    let [first, second] = &report.stats.exporters[..] else { panic!("two exporters") };
    assert_eq!(first.exported, spooled.numbers().len() as u64);
    assert_eq!(second.exported, plain.numbers().len() as u64);
    assert_eq!(second.exported + second.dropped.get(DropReason::ExporterPanicked), 300);
    assert!(plain.counts().values().chain(spooled.counts().values()).all(|count| *count == 1));
}

/// Names are looked up on threads of their own, which may be the ones that cannot be started.
#[cfg(feature = "otlp-grpc")]
#[test]
fn a_name_that_cannot_be_looked_up_now_costs_no_batch() {
    injected("child_that_cannot_look_names_up");
}

#[cfg(feature = "otlp-grpc")]
#[test]
#[ignore = "a part of another test"]
fn child_that_cannot_look_names_up() {
    use super::support::books;
    use throughline::exporters::Otlp;
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    for by_grpc in [false, true] {
        // A port of nobody's: what counts is that it is asked at all.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let builder = Otlp::builder()
            .environment(|_| None)
            .endpoint(format!("http://localhost:{}", listener.local_addr().unwrap().port()));
        let otlp = if by_grpc { builder.grpc() } else { builder };
        let tracer = super::support::builder()
            .batch_delay(Duration::ZERO)
            .retry(patient())
            .exporter(otlp.build().unwrap())
            .build()
            .unwrap();
        shim.begin("threads");
        end_numbered(&tracer, 0..10);
        eventually("it has been tried more than once", || books(&tracer).retries >= 2);
        let before = books(&tracer);
        assert_eq!((before.pending, before.dropped.total()), (10, 0), "{before:#?}");
        shim.end("threads");
        eventually("the server is reached", || listener.accept().is_ok());
        assert_eq!(books(&tracer).dropped.total(), 0);
        let report = tracer.shutdown(Duration::from_millis(50));
        assert_balanced(&report.stats);
    }
}

#[cfg(feature = "otlp-grpc")]
fn patient() -> throughline::export::RetryPolicy {
    let mut policy = super::support::quick_retries();
    policy.max_attempts = u32::MAX;
    policy
}
