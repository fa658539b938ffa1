//! Questions to finished spans (floor 3): how they hang together, and how long things take.
//!
//! Pure functions over records, wherever these come from: a [`Memory`](crate::exporters::Memory), a
//! file of JSON lines, a store. Each record comes with the name of its service, so the records of a
//! whole system can be asked at once. Nothing here prints; [`Trace::render`] and
//! [`Performance::render`] return the text.
//!
//! ```
//! use throughline::{SpanContext, SpanRecord, TraceFlags, analysis::{Performance, RenderOptions, Trace}};
//!
//! let context = SpanContext::new("4bf92f3577b34da6a3ce929d0e0e4736".parse()?, "00f067aa0ba902b7".parse()?, TraceFlags::SAMPLED);
//! let span = SpanRecord::new(&context, "order", 1_000_000, 43_000_000);
//! let records = [("orders", &span)];
//!
//! let options = RenderOptions::new().width(80);
//! for trace in Trace::assemble(records) {
//!     println!("{}", trace.render(&options));
//! }
//! println!("{}", Performance::of(records).render(&options));
//! # Ok::<(), throughline::ParseIdError>(())
//! ```

mod bar;
mod performance;
mod render;
mod row;
mod style;
mod table;
mod text;
mod title;
mod tree;
mod units;
mod verdict;

pub use performance::{Operation, Performance};
pub use style::RenderOptions;
pub use tree::{Node, Place, Trace};
