//! The files under test, under the names they have in the crate.

#[path = "../../src/export/completion.rs"]
mod completion;
#[path = "../../src/export/queue.rs"]
mod queue;
#[path = "../../src/export/stats.rs"]
mod stats;

pub(crate) use completion::{Completed, Completion, Seat};
pub(crate) use queue::{Queue, QueueLimits, Work};
pub(crate) use stats::{DropReason, ExporterStats};
