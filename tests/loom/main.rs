//! The interleavings of the parts of the pipeline that threads share, explored by loom.
//!
//! The files that ship are compiled here once more, with loom's locks and atomics in place of the
//! standard library's. Time stands still for loom: what waits with a timeout waits until it is notified,
//! so a wake-up that is lost, and that a timeout would hide, is a deadlock that loom reports. Deadlines
//! are therefore either far away or past.
//!
//! What is not here: the lanes (their rings are rtrb's), the collector's inbox and its sleep (the standard
//! library's channel and `park`, which loom does not replace). `tests/pipeline` runs those for real.
#![allow(dead_code, unused_imports, reason = "of the files that ship, only what is shared is used")]

#[path = "../../src/clock.rs"]
mod clock;
mod completion;
mod export;
#[path = "../../src/panics.rs"]
mod panics;
mod queue;
mod sync;

/// A stand-in for the records, of which a queue only asks how many there are and how large.
mod record {
    pub(crate) struct Chunk {
        pub(crate) spans: usize,
        pub(crate) bytes: usize,
    }

    impl Chunk {
        pub(crate) fn len(&self) -> usize {
            self.spans
        }

        pub(crate) fn bytes(&self) -> usize {
            self.bytes
        }
    }
}

use std::time::{Duration, Instant};

/// A deadline that does not come.
fn never() -> Instant {
    Instant::now() + Duration::from_secs(24 * 60 * 60)
}

/// Explores all interleavings in which threads are preempted at most three times. `LOOM_MAX_PREEMPTIONS`
/// sets another bound; with 200, which is all there are, it takes some fifteen seconds.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(model);
}
