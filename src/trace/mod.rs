//! The live engine (floor 4): tracers, spans, and the way of a span to the exporters' queues.
//!
//! | module | what it owns |
//! |---|---|
//! | `tracer`, `builder`, `config` | the handle, its construction, the environment |
//! | `span`, `span_builder`, `scope`, `instrument`, `current` | what application code holds |
//! | `local` | one thread's state: the stack of current spans, its lanes, spare buffers |
//! | `lane` | a thread's buffer of ended spans, read by one collector |
//! | `engine`, `collector` | what all threads of a tracer share; the thread that drains them |

mod builder;
mod collector;
mod config;
mod current;
mod default;
mod engine;
mod instrument;
mod lane;
mod local;
#[cfg(any(feature = "client", feature = "server"))]
mod middleware_support;
mod scope;
mod span;
mod span_builder;
mod tracer;

pub use builder::{BuildError, TracerBuilder};
pub use config::InvalidVariable;
pub use current::{CurrentSpan, SpanHandle};
pub use default::{DefaultAlreadySet, DefaultGuard};
pub use instrument::{InCurrentSpan, Instrument, Instrumented};
pub use scope::{Entered, EnteredSpan};
pub use span::Span;
pub use span_builder::SpanBuilder;
pub use tracer::{FlushFuture, Tracer};

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use {middleware_support::Carried, scope::PollScope};
