//! The live engine (floor 4): tracers, spans, and the way of a span to the exporters' queues.
//!
//! | module | what it owns |
//! |---|---|
//! | `tracer`, `builder`, `config`, `default` | the handle, its construction, the environment, defaults |
//! | `span`, `span_builder`, `scope`, `instrument`, `suppress`, `current` | what application code holds |
//! | `start`, `finish`, `live` | a span's start and its end; what it is in between |
//! | `local`, `stack` | one thread's state: its lanes, spare boxes and buffers; the stack of current spans |
//! | `lane`, `budget`, `bell` | a thread's buffer of ended spans; its bounds; the collector's alarm |
//! | `engine`, `message` | what all threads of a tracer share |
//! | `collector`, `outlet` | the thread that drains them; its way to the exporters' queues |
//!
//! Imports go from the top of this table to its bottom, `collector` (which only `builder` starts) aside.

mod bell;
mod boxes;
mod budget;
mod builder;
mod collector;
mod config;
mod current;
mod default;
mod ended;
mod engine;
mod finish;
mod gatherer;
#[cfg_attr(throughline_off, path = "held_off.rs")]
mod held;
mod instrument;
mod lane;
mod lanes;
mod live;
mod local;
mod message;
#[cfg(any(feature = "client", feature = "server"))]
mod middleware_support;
mod outlet;
mod scope;
mod silent;
mod span;
mod span_builder;
mod stack;
mod start;
mod suppress;
mod tracer;
mod voice;

pub use builder::{BuildError, TracerBuilder};
pub use current::{CurrentSpan, SpanHandle};
pub use default::{DefaultAlreadySet, DefaultGuard};
pub use instrument::{InCurrentSpan, Instrument, Instrumented};
pub use scope::{Entered, EnteredSpan};
pub use span::Span;
pub use span_builder::SpanBuilder;
pub use suppress::{Suppressed, SuppressionGuard, suppress_instrumentation};
pub use tracer::{FlushFuture, Tracer};

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use {
    middleware_support::{Attributes, Carried},
    scope::PollScope,
};
