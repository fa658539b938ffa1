//! Exporters (floor 4): one backend each, beside the engine, which they never see.
//!
//! All of them keep the contract of [`Exporter`](crate::export::Exporter): they encode and write, and
//! leave queues, retries and counting to the pipeline.
//!
//! | Exporter | For |
//! |---|---|
//! | [`Console`] | reading along while one develops: each trace as a tree |
//! | [`JsonLines`] | log shippers and one's own programs: one JSON object a line |
//! | [`Otlp`] (features `otlp`, `otlp-grpc`) | OpenTelemetry's protocol over HTTP, gRPC: the Collector, Jaeger, most backends |
//! | [`Zipkin`] (feature `zipkin`) | Zipkin, and what takes its format |
//! | [`Memory`] | tests, and questions of one's own to [`analysis`](crate::analysis) |

#[cfg(any(feature = "otlp", feature = "zipkin"))]
mod connection;
mod console;
#[cfg(any(feature = "otlp", feature = "zipkin"))]
mod courier;
mod exported;
mod json_lines;
mod memory;
#[cfg(feature = "otlp")]
mod otlp;
mod output;
#[cfg(any(feature = "otlp", feature = "zipkin"))]
mod unnamed;
#[cfg(feature = "zipkin")]
mod zipkin;

pub use console::{ColorChoice, Console};
pub use exported::ExportedSpan;
pub use json_lines::{JsonLines, OpenFileError};
pub use memory::Memory;
#[cfg(feature = "otlp")]
pub use otlp::{Otlp, OtlpBuilder, OtlpEncoding};
#[cfg(feature = "zipkin")]
pub use zipkin::{Zipkin, ZipkinBuilder};

#[cfg(any(feature = "otlp", feature = "zipkin"))]
pub use crate::transport::SetupError;
