//! throughline
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
pub mod propagation;
pub mod record;
#[cfg_attr(not(any(feature = "client", feature = "server")), expect(dead_code))]
mod redact;
pub mod sampling;
pub mod semconv;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod value;

pub use clock::{Clock, TimeSource};
pub use context::{Context, SpanContext, TraceFlags};
pub use diagnostics::Diagnostic;
pub use ids::{IdGenerator, IdSource, InvalidRequestId, ParseIdError, RequestId, SpanId, TraceId};
pub use record::{Batch, Outcome, Resource, SpanKind, SpanRecord, Status};
#[cfg(feature = "macros")]
pub use throughline_macros::instrument;
pub use trace::{
    BuildError, CurrentSpan, DefaultAlreadySet, DefaultGuard, Entered, EnteredSpan, FlushFuture,
    InCurrentSpan, Instrument, Instrumented, InvalidVariable, Span, SpanBuilder, SpanHandle, Tracer,
    TracerBuilder,
};
pub use value::{Attribute, Value};
