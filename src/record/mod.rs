//! Finished spans (floor 2): what exporters, stores and analyses read.
//!
//! A [`SpanRecord`] owns all it holds and needs no engine: it can be cloned, serialised, stored and
//! asked again in another process.
//!
//! ## As JSON
//!
//! Through `serde`, a record is one flat object that a person can read and a program can index:
//!
//! ```
//! # let text = r#"
//! {
//!   "trace_id": "0199c1f0a3b27c1e8f3b6a5d4c3b2a19",
//!   "span_id": "00f067aa0ba902b7",
//!   "parent_span_id": "53995c3f42cd8ad8",
//!   "parent_is_remote": true,
//!   "trace_flags": "03",
//!   "name": "POST /charge",
//!   "kind": "server",
//!   "start": "2026-11-21T15:04:05.123456789Z",
//!   "start_unix_nanos": 1795273445123456789,
//!   "end_unix_nanos": 1795273445423456789,
//!   "duration_nanos": 300000000,
//!   "status": { "code": "error", "description": "card declined" },
//!   "outcome": "completed",
//!   "attributes": { "http.response.status_code": 402, "retried": false },
//!   "events": [{
//!     "name": "exception",
//!     "time": "2026-11-21T15:04:05.400000000Z",
//!     "time_unix_nanos": 1795273445400000000,
//!     "attributes": { "exception.type": "CardDeclined" }
//!   }],
//!   "links": [{
//!     "trace_id": "0af7651916cd43dd8448eb211c80319c",
//!     "span_id": "b7ad6b7169203331",
//!     "trace_flags": "01",
//!     "attributes": {}
//!   }]
//! }
//! # "#;
//! # let record: throughline::SpanRecord = serde_json::from_str(text)?;
//! # let again = serde_json::to_value(&record)?;
//! # assert_eq!(again, serde_json::from_str::<serde_json::Value>(text)?);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Beyond that, `trace_state` is there if it is not empty, `adjusted_count` if the span stands for more
//! than itself, and `dropped_attributes_count`, `dropped_events_count` and `dropped_links_count`, as
//! OpenTelemetry names them, if they are not zero; an event and a link have the first of them, too.
//! `trace_flags` is the byte in hex, as in
//! a traceparent header. [`Value`](crate::Value) says how attributes are written.
//!
//! What is read back equals what was written. `start`, `time` and `duration_nanos` follow from the
//! integers beside them, so they are not read; nor are fields of other names. A key that comes twice
//! counts with its last value. Missing parts are empty, but ids, name and both times must be there.

mod batch;
mod details;
mod edit;
mod items;
mod limits;
mod longest;
mod merge;
mod quick;
mod recycle;
mod resource;
mod restore;
mod serial;
mod settle;
mod span;
mod status;
mod utc;
mod values;
mod view;
mod weight;

pub use batch::Batch;
pub(crate) use batch::Chunk;
pub(crate) use details::Details;
pub(crate) use edit::{Edit, Editor, Label, Owner, Survey};
pub(crate) use items::LinkTarget;
pub use items::{Event, Link};
pub(crate) use limits::{Limits, cut_at, cut_name};
pub(crate) use recycle::{FreeList, Recycler};
pub use resource::Resource;
pub use span::{SpanKind, SpanRecord};
pub use status::{Outcome, Status};
pub(crate) use utc::Rfc3339;
pub(crate) use view::{Glimpse, View};
pub(crate) use weight::Weight;
