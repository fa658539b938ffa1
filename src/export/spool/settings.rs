//! What a spool is told (floor 3).

use std::{path::PathBuf, time::Duration};

/// When what is written to the spool is made to survive a power failure. A killed process loses nothing by
/// any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fsync {
    /// When the system thinks fit.
    Never,
    /// Once in this time, and when the tracer is shut down. The default: 1 s.
    Interval(Duration),
    /// After every write, before anything else happens. Costs as much as the disk takes, some hundred times
    /// a second.
    EveryBatch,
}

impl Fsync {
    pub(super) const fn is_immediate(self) -> bool {
        matches!(self, Self::EveryBatch)
    }

    pub(super) const fn is_later(self) -> bool {
        matches!(self, Self::Interval(_))
    }
}

/// Where the spool is, and its bounds.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) directory: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) max_age: Duration,
    pub(super) fsync: Fsync,
}

impl Settings {
    /// A file is closed rather than made longer than this: several have to fit.
    pub(super) fn segment_bytes(&self) -> u64 {
        const MOST: u64 = 4 << 20;
        const LEAST: u64 = 64 << 10;
        (self.max_bytes / 4).clamp(LEAST, MOST)
    }

    /// The most that is written at once, in bytes of memory, but for one chunk.
    pub(super) fn write_bytes(&self) -> usize {
        const MOST: u64 = 1 << 20;
        usize::try_from(MOST.min(self.segment_bytes() / 2)).unwrap_or(usize::MAX)
    }
}
