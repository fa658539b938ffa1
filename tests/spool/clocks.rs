//! Wall clocks that are set while spans are on their way: nothing is lost for it, or dropped too early, and no span
//! ends before it starts. The clocks are those of children, below whose libc they are set.

use super::support::{
    Backend, LONG, Scratch, Seen, Shim, as_child, books, builder, end_numbered, eventually, good, run,
};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use throughline::{
    Batch,
    export::{ExportError, Exporter, Fsync, Spool},
    exporters::Memory,
};

const DAY: i64 = 24 * 60 * 60;
/// From now to some time before 1970.
const BEFORE_1970: i64 = -100 * 365 * DAY;

fn injected(test: &str) {
    let scratch = Scratch::new();
    if let Some((_shim, child)) = Shim::child(&format!("clocks::{test}"), scratch.path()) {
        run(child);
    }
}

/// Zero before 1970, as in a record.
fn unix_nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[test]
fn a_clock_that_is_set_costs_nothing_that_is_on_its_way() {
    injected("child_whose_clock_is_set");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_clock_is_set() {
    let Some(path) = as_child() else { return };
    let (shim, backend, probes) = (Shim::of(&path), Backend::down(), Memory::new());
    let spool = Spool::new(path.join("spool")).fsync(Fsync::Interval(Duration::from_millis(10)));
    let builder = builder().exporter(spool.wrap(backend.exporter())).exporter(probes.clone());
    let tracer = builder.build().unwrap();
    let mut next = 0;
    for step in [DAY, BEFORE_1970, 0] {
        let across = tracer.span("across").entered();
        across.set_attribute("number", next);
        end_numbered(&tracer, next + 1..next + 100);
        shim.begin_with("clock", step);
        next += 100;
        drop(across);
        eventually("the clock is followed", || {
            end_numbered(&tracer, next..next + 1);
            next += 1;
            // All is with the second exporter then; the first one keeps the flush from being complete.
            let _report = tracer.flush(Duration::from_millis(20));
            let newest = probes.spans().last().map(|probe| probe.start_unix_nanos());
            newest.is_some_and(|start| start.abs_diff(unix_nanos()) < 60_000_000_000)
        });
    }
    eventually("all is on disk", || books(&tracer).spooled == next as u64);
    assert_eq!(books(&tracer).dropped.total(), 0);
    backend.come_back();
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    backend.seen.assert_once(0..next);
    for span in probes.spans() {
        assert!(span.end_unix_nanos() >= span.start_unix_nanos(), "{span:?}");
        assert!(span.duration() < LONG, "{span:?}");
    }
}

// What one process leaves, and the next one finds by another clock.

fn spool(path: &Path) -> Spool {
    // It looks at ages as often as it syncs.
    Spool::new(path.join("spool")).fsync(Fsync::Interval(Duration::from_millis(10)))
}

/// Leaves a hundred spans.
fn leave(path: &Path) {
    let backend = Backend::down().asking_for(LONG);
    let tracer = builder().exporter(spool(path).wrap(backend.exporter())).build().unwrap();
    end_numbered(&tracer, 0..100);
    assert_eq!(tracer.shutdown(Duration::from_millis(300)).stats.spooled(), 100);
}

#[test]
fn what_was_left_is_not_too_old_because_a_clock_says_so() {
    injected("child_that_finds_what_seems_old");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_finds_what_seems_old() {
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    for (then, now) in [(0, 2 * DAY), (0, -2 * DAY), (BEFORE_1970, 0), (-50 * 365 * DAY, 0)] {
        shim.begin_with("clock", then);
        leave(&path);
        shim.begin_with("clock", now);
        // For an exporter of another name it is not: it must not be taken away either.
        let tracer = builder().exporter(spool(&path).wrap(Other(good(&Seen::default())))).build().unwrap();
        // For long enough that it could.
        std::thread::sleep(Duration::from_millis(100));
        assert!(tracer.shutdown(LONG).is_complete());
        drop(tracer);
        let backend = Backend::down();
        let tracer = builder().exporter(spool(&path).wrap(backend.exporter())).build().unwrap();
        eventually("it is found", || books(&tracer).recovered.spooled == 100);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(books(&tracer).recovered.dropped.total(), 0, "{then} to {now}");
        backend.come_back();
        eventually("it is delivered", || books(&tracer).recovered.exported == 100);
        backend.seen.assert_once(0..100);
        assert!(tracer.shutdown(LONG).is_complete());
    }
}

struct Other<E>(E);

impl<E: Exporter> Exporter for Other<E> {
    fn name(&self) -> &str {
        "other"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0.export(batch)
    }
}
