//! Directories that go away, exporters that do as they are told, and children of this very program.

#[path = "../support/abortable.rs"]
mod abortable;
#[path = "../support/books.rs"]
mod books;
#[path = "../support/child.rs"]
mod child;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/script.rs"]
mod script;
#[path = "../support/shim.rs"]
mod shim;

pub use abortable::Abortable;
pub use books::assert_balanced;
pub use child::{as_child, child};
pub use gate::Gate;
pub use script::Script;
pub use shim::{Shim, run};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, SpanRecord, Tracer, TracerBuilder,
    export::{ExportError, Exporter, ExporterStats, Report, RetryPolicy, Spool},
    redact::Redaction,
};

/// More than anything here takes that does not hang.
pub const LONG: Duration = Duration::from_secs(20);

/// A directory of its own for a test, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("throughline-spool-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the spool is.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// The directories of processes in it.
    pub fn homes(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.spool()) else {
            return Vec::new();
        };
        let mut homes: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        // One in the making holds nothing yet.
        homes.retain(|home| !home.file_name().unwrap().to_str().unwrap().starts_with("new-"));
        homes.sort();
        homes
    }

    /// All files of the spool with this extension.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let homes = self.homes();
        let files = homes.iter().filter_map(|home| fs::read_dir(home).ok()).flatten();
        let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|found| found == extension));
        files.sort();
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone_already = fs::remove_dir_all(&self.0);
    }
}

pub fn builder() -> TracerBuilder {
    Tracer::builder("test")
        .environment(|_| None)
        .drop_within(Duration::ZERO)
        .diagnostics(|_| ())
        .batch_delay(Duration::from_millis(20))
        .retry(quick_retries())
        // What it costs is measured elsewhere.
        .redaction(Redaction::none())
}

/// A policy whose own delays hold no test up.
pub fn quick_retries() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.initial_delay = Duration::from_millis(1);
    policy.max_delay = Duration::from_millis(4);
    policy
}

/// A tracer with one exporter behind a spool.
pub fn spooled(scratch: &Scratch, exporter: impl Exporter + 'static) -> Tracer {
    builder().exporter(Spool::new(scratch.spool()).wrap(exporter)).build().unwrap()
}

/// Ends spans that carry a number each.
pub fn end_numbered(tracer: &Tracer, numbers: std::ops::Range<i64>) {
    for number in numbers {
        tracer.span("order").set_attribute("number", number);
    }
}

pub fn number(span: &SpanRecord) -> i64 {
    span.attribute("number").unwrap().as_i64().unwrap()
}

/// What has been delivered.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<(i64, String)>>>);

impl Seen {
    pub fn take(&self, batch: &Batch) {
        let service = batch.resource().service_name();
        self.0.lock().unwrap().extend(batch.spans().map(|span| (number(span), service.to_owned())));
    }

    /// The numbers in the order in which they came.
    pub fn numbers(&self) -> Vec<i64> {
        self.0.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }

    /// How often each came.
    pub fn counts(&self) -> HashMap<i64, usize> {
        let mut counts = HashMap::new();
        self.numbers().into_iter().for_each(|number| *counts.entry(number).or_default() += 1);
        counts
    }

    pub fn services(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, service)| service.clone()).collect()
    }

    /// Each of these came once, and nothing else did.
    #[track_caller]
    pub fn assert_once(&self, expected: std::ops::Range<i64>) {
        let mut numbers = self.numbers();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(expected.clone()), "{expected:?} once each, not {numbers:?}");
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

/// A backend that can be down, and says how often it was asked.
#[derive(Clone)]
pub struct Backend {
    pub seen: Seen,
    state: Arc<Mutex<BackendState>>,
}

struct BackendState {
    is_up: bool,
    retry_after: Option<Duration>,
    attempts: Vec<Instant>,
}

impl Backend {
    pub fn down() -> Self {
        let state = BackendState { is_up: false, retry_after: None, attempts: Vec::new() };
        Self { seen: Seen::default(), state: Arc::new(Mutex::new(state)) }
    }

    pub fn asking_for(self, delay: Duration) -> Self {
        self.state.lock().unwrap().retry_after = Some(delay);
        self
    }

    pub fn come_back(&self) {
        self.state.lock().unwrap().is_up = true;
    }

    pub fn attempts(&self) -> Vec<Instant> {
        self.state.lock().unwrap().attempts.clone()
    }

    pub fn exporter(&self) -> impl Exporter + use<> {
        let backend = self.clone();
        Script(move |batch: &Batch| {
            let mut state = backend.state.lock().unwrap();
            state.attempts.push(Instant::now());
            if state.is_up {
                backend.seen.take(batch);
                return Ok(());
            }
            let error = ExportError::retry("down");
            Err(match state.retry_after {
                Some(delay) => error.after(delay),
                None => error,
            })
        })
    }
}

/// Waits until it is so, and fails if it does not come to be.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The books of the only exporter.
pub fn books(tracer: &Tracer) -> ExporterStats {
    let stats = tracer.stats();
    assert_balanced(&stats);
    stats.exporters.into_iter().next().unwrap()
}

#[track_caller]
pub fn assert_lossless(report: &Report) {
    assert_balanced(&report.stats);
    assert!(report.is_lossless(), "{report:#?}");
}
