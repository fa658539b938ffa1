//! Exporters (floor 4): one backend each, beside the engine, which they never see.
//!
//! All of them keep the contract of [`Exporter`](crate::export::Exporter): they encode and write, and
//! leave queues, retries and counting to the pipeline.
//!
//! | Exporter | For |
//! |---|---|
//! | [`Console`] | reading along while one develops: each trace as a tree |
//! | [`JsonLines`] | log shippers and one's own programs: one JSON object a line |
//! | [`Memory`] | tests, and questions of one's own to [`analysis`](crate::analysis) |

mod console;
mod exported;
mod json_lines;
mod memory;
mod output;

pub use console::{ColorChoice, Console};
pub use exported::ExportedSpan;
pub use json_lines::{JsonLines, OpenFileError};
pub use memory::Memory;
