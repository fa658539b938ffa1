//! Tests: of code that is traced, and of exporters (floor 6).
//!
//! - [`TestTracer`] is a tracer of a test's own. Tests that have one each run in parallel in one process
//!   and never see one another's spans.
//! - [`ManualClock`] and [`SequentialIds`] make what is recorded the same at every run.
//! - [`AssertSpan`] asks a record what it should be, and shows all of it if it is not.
//! - [`ExporterContract`] checks an exporter against what the pipeline expects of one.
//!
//! ```
//! use throughline::{Span, testing::{AssertSpan, TestTracer}};
//!
//! fn reserve(item: &str) {
//!     let span = Span::new("reserve").entered();
//!     span.set_attribute("item", item);
//! }
//!
//! let test = TestTracer::new();
//! Span::new("order").in_scope(|| reserve("apple"));
//!
//! assert_eq!(test.tree(), "order\n  reserve\n");
//! test.span_named("reserve").assert_attribute("item", "apple").assert_child_of(&test.span_named("order"));
//! ```
#![allow(clippy::panic, reason = "an assertion that fails panics")]

mod assertions;
mod clock;
mod contract;
mod describe;
mod ids;
mod tracer;

pub use assertions::AssertSpan;
pub use clock::ManualClock;
pub use contract::{ContractFailure, ExporterContract};
pub use ids::SequentialIds;
pub use tracer::TestTracer;
