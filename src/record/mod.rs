//! Finished spans (floor 2): what exporters, stores and analyses read.
//!
//! A [`SpanRecord`] owns all it holds and needs no engine: it can be cloned, serialised, stored and
//! asked again in another process.

mod batch;
mod details;
mod recycle;
mod resource;
mod serial;
mod span;
mod utc;

pub use batch::Batch;
pub(crate) use batch::Chunk;
pub(crate) use details::{Details, Limits, LinkTarget, cut_at, cut_name};
pub use details::{Event, Link};
pub(crate) use recycle::{FreeList, Recycler};
pub use resource::Resource;
pub use span::{Outcome, SpanKind, SpanRecord, Status};
pub(crate) use utc::Rfc3339;
