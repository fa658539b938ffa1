//! See a request's way through a system of services.
//!
//! A [`Tracer`] makes [`Span`]s and hands them, when they end, to its exporters. The
//! [`middleware`] gives every request that a service answers or makes a span over its whole exchange,
//! and carries the request's ids along. [`analysis`] draws what has been recorded.
//!
//! ```
//! use std::time::Duration;
//! use throughline::{Span, Tracer, exporters::Memory, instrument};
//!
//! #[instrument]
//! fn reserve(item: &str) {
//!     Span::current().add_event("reserved", &[("item", item.into())]);
//! }
//!
//! let memory = Memory::new();
//! let tracer = Tracer::builder("orders").exporter(memory.clone()).build()?;
//!
//! tracer.span("order").in_scope(|| reserve("lamp"));
//!
//! assert!(tracer.shutdown(Duration::from_secs(5)).is_complete());
//! assert_eq!(memory.spans().len(), 2);
//! # Ok::<(), throughline::BuildError>(())
//! ```
//!
//! # Where to look
//!
//! | to | see |
//! |---|---|
//! | start spans, in sync and in async code | [`Span`], [`instrument`], [`Instrument`] |
//! | trace an HTTP or gRPC service | [`middleware::ServerLayer`], [`middleware::ClientLayer`] |
//! | send spans somewhere | [`exporters`], and [`export::Exporter`] for one's own |
//! | keep one's own work out of the traces | [`suppress_instrumentation`] |
//! | record fewer, or only what went wrong | [`sampling`], [`sampling::tail`] |
//! | end a process without losing any | [`Tracer::shutdown`], [`export::Report`] |
//! | lose none when a process is killed | [`export::Spool`] |
//! | test what a service records | [`exporters::Memory`], [`Tracer::set_thread_default`] |
//! | read headers without the middleware | [`propagation`], [`SpanBuilder::remote`] |
//! | keep secrets out of them | [`redact`] |
//! | ask recorded spans | [`analysis`] |
//!
//! # Features
//!
//! `server`, `client` and `macros` are on by default. `axum` finds axum's matched route, `otlp` and `zipkin`
//! add the exporters of these names, `otlp-grpc` gRPC to the former, `spool` a queue on disk in front of any
//! exporter, `testing` test support and the contract for exporters, `full` is all of them.
//!
//! # Switched off at compile time
//!
//! Built with `RUSTFLAGS="--cfg throughline_off"`, spans are of size zero, starting, entering and recording compile to
//! nothing, and a [`Tracer`] is built as with `OTEL_SDK_DISABLED=true` but hands nothing on either: the middleware
//! passes requests through as if it were not there. It is a flag of the whole build and no feature, because features
//! add up: one dependency that asked for it would switch tracing off for everybody. For a switch at run time take
//! `OTEL_SDK_DISABLED`; without a tracer a span costs one load.
#![cfg_attr(
    not(all(
        feature = "client",
        feature = "macros",
        feature = "otlp-grpc",
        feature = "server",
        feature = "spool",
        feature = "zipkin"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::todo,
        clippy::unimplemented
    )
)]

pub mod analysis;
mod clock;
pub mod context;
mod diagnostics;
pub mod export;
pub mod exporters;
mod ids;
#[cfg(any(feature = "client", feature = "server"))]
pub mod middleware;
mod panics;
pub mod propagation;
pub mod record;
pub mod redact;
pub mod sampling;
mod secrets;
pub mod semconv;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
#[cfg(any(feature = "otlp", feature = "zipkin"))]
mod transport;
mod value;
mod variables;

pub use clock::{Clock, TimeSource};
pub use context::{Context, SpanContext, TraceFlags};
pub use diagnostics::Diagnostic;
pub use ids::{IdGenerator, IdSource, InvalidRequestId, ParseIdError, RequestId, SpanId, TraceId};
pub use record::{Batch, Outcome, Resource, SpanKind, SpanRecord, Status};
#[cfg(feature = "macros")]
pub use throughline_macros::instrument;
pub use trace::{
    BuildError, CurrentSpan, DefaultAlreadySet, DefaultGuard, Entered, EnteredSpan, FlushFuture,
    InCurrentSpan, Instrument, Instrumented, Span, SpanBuilder, SpanHandle, Suppressed, SuppressionGuard,
    Tracer, TracerBuilder, suppress_instrumentation,
};
pub use value::{Attribute, Value};
pub use variables::InvalidVariable;

/// The code in the README, compiled.
#[cfg(all(doctest, feature = "axum", feature = "client", feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;
