//! The files under test, under the names they have in the crate.

#[path = "../../src/export/completion.rs"]
mod completion;
#[path = "../../src/export/queue.rs"]
mod queue;
#[path = "../../src/export/stats.rs"]
mod stats;

/// As in `retry.rs`, whose random delays are nothing to explore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Asked(Duration),
    Own(Duration),
}

pub(crate) use completion::{Completed, Completion, Seat};
pub(crate) use queue::{Queue, QueueLimits, Work};
pub(crate) use stats::{DropReason, ExporterStats};
use std::time::Duration;
