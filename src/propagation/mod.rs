//! Headers that carry a [`Context`](crate::context::Context) from service to service (floor 2): one
//! file a format.
//!
//! Each format comes twice. Functions read the lines of its headers and write their values, for code
//! that knows its carrier and wants neither dynamic calls nor allocations: the HTTP middleware uses
//! these. And a [`Propagator`] does both with any carrier, for message queues and protocols of one's
//! own:
//!
//! ```
//! use throughline::{
//!     Context,
//!     propagation::{Propagator, TraceContext, W3cBaggage},
//! };
//!
//! let received = vec![
//!     ("traceparent".to_owned(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_vec()),
//!     ("baggage".to_owned(), b"tenant=caf%C3%A9".to_vec()),
//! ];
//! let mut context = Context::default();
//! TraceContext::default().extract(&received, &mut context)?;
//! W3cBaggage.extract(&received, &mut context)?;
//! assert_eq!(context.baggage.get("tenant"), Some("café"));
//!
//! let mut sent = Vec::new();
//! W3cBaggage.inject(&context, &mut sent);
//! assert_eq!(sent, [("baggage".to_owned(), b"tenant=caf%C3%A9".to_vec())]);
//! # Ok::<(), throughline::propagation::ExtractError>(())
//! ```
//!
//! What all formats share:
//!
//! - A header is bytes. At most [`MAX_HEADER_BYTES`] in all its lines are looked at; a longer one is
//!   ignored, unread.
//! - A malformed header changes nothing in the context it would have gone into
//!   [OpenTelemetry Propagators API, Extract].
//! - An error says what was wrong in constant words: no byte of a header gets into a log.

pub mod baggage;
mod propagator;
pub mod request_id;
pub mod service_name;
mod single_line;
pub mod trace_context;
pub mod traceparent;

pub use crate::context::{Lines, MAX_HEADER_BYTES};
pub use baggage::W3cBaggage;
pub use propagator::{ExtractError, Getter, Propagator, Reason, Setter};
pub use request_id::RequestIdHeader;
pub use single_line::LineError;
pub use trace_context::TraceContext;
