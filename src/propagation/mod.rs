//! Headers that carry a [`Context`](crate::context::Context) from service to service (floor 2): one
//! file a format.
//!
//! | format | [`Propagator`] | headers | in [`OTEL_PROPAGATORS`] |
//! |---|---|---|---|
//! | W3C Trace Context | [`TraceContext`] | `traceparent`, `tracestate` | `tracecontext` |
//! | W3C Baggage | [`W3cBaggage`] | `baggage` | `baggage` |
//! | B3 of Zipkin | [`B3::single`], [`B3::multi`] | `b3`; `X-B3-*` | `b3`, `b3multi` |
//! | Jaeger | [`Jaeger`] | `uber-trace-id`, `uberctx-*` | `jaeger` |
//! | AWS X-Ray | [`XRay`] | `X-Amzn-Trace-Id` | `xray` |
//! | basic tracers of OpenTracing | [`OtTrace`] | `ot-tracer-*`, `ot-baggage-*` | `ottrace` |
//! | Datadog | [`Datadog`] | `x-datadog-*` | `datadog` |
//! | Google Cloud | [`GoogleCloud`] | `X-Cloud-Trace-Context` | `gcp` |
//! | request id | [`RequestIdHeader`] | `X-Request-ID` and aliases | |
//! | several at once | [`Composite`] | | |
//!
//! [`forwarded`] reads what proxies say of a request, which is no context.
//!
//! What only some of them can say is kept where all can see it: a trace for debugging is
//! [`TraceFlags::DEBUG`](crate::TraceFlags::DEBUG), a decision left to this hop
//! [`TraceFlags::DEFERRED`](crate::TraceFlags::DEFERRED). What a format cannot say is lost where the
//! trace goes on in it: tracestate in all but W3C's, the upper half of a trace id in `ot-tracer-*`.
//!
//! Formats of one header come twice, functions and a [`Propagator`]. The functions read the lines of the
//! header and write its value, for code that knows its carrier and wants neither dynamic calls nor
//! allocations. The [`Propagator`] does both with any carrier, for message queues and protocols of
//! one's own: `Vec<(String, Vec<u8>)>`, `HashMap<String, String>` and `BTreeMap<String, String>` are
//! carriers, with the middleware also `http::HeaderMap`, and so is what implements [`Getter`] and [`Setter`].
//!
//! ```
//! use throughline::{
//!     Context,
//!     propagation::{Composite, Propagator},
//! };
//!
//! let received = vec![
//!     ("traceparent".to_owned(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_vec()),
//!     ("baggage".to_owned(), b"tenant=caf%C3%A9".to_vec()),
//! ];
//! let mut context = Context::default();
//! Composite::default().extract(&received, &mut context)?;
//! assert_eq!(context.baggage.get("tenant"), Some("café"));
//!
//! let mut sent = Vec::new();
//! Composite::from_names("b3,baggage")?.inject(&context, &mut sent);
//! assert_eq!(
//!     sent,
//!     [
//!         ("b3".to_owned(), b"4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1".to_vec()),
//!         ("baggage".to_owned(), b"tenant=caf%C3%A9".to_vec()),
//!     ]
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What all formats share:
//!
//! - A header is bytes. At most [`MAX_HEADER_BYTES`] in all its lines are looked at, and of a header that may
//!   have several [`MAX_HEADER_LINES`]; one with more is ignored, unread.
//! - A malformed header changes nothing in the context it would have gone into
//!   [OpenTelemetry Propagators API, Extract].
//! - An error says what was wrong in constant words: no byte of a header gets into a log.

pub mod b3;
pub mod baggage;
mod baggage_headers;
mod carriers;
mod composite;
pub mod datadog;
mod field;
mod formats;
pub mod forwarded;
pub mod google_cloud;
pub mod jaeger;
pub mod ot_trace;
mod propagator;
pub mod request_id;
pub mod service_name;
mod single_line;
pub mod trace_context;
pub mod traceparent;
pub mod xray;

pub use crate::context::{Lines, MAX_HEADER_BYTES, MAX_HEADER_LINES};
pub use b3::B3;
pub use baggage::W3cBaggage;
pub use composite::{Composite, InvalidPropagators, OTEL_PROPAGATORS};
pub use datadog::Datadog;
pub use field::FieldError;
pub(crate) use formats::Formats;
pub use google_cloud::GoogleCloud;
pub use jaeger::Jaeger;
pub use ot_trace::OtTrace;
#[cfg_attr(not(feature = "server"), expect(unused_imports))]
pub(crate) use propagator::Header;
pub use propagator::{ExtractError, Getter, Propagator, Reason, Setter};
pub use request_id::RequestIdHeader;
pub use single_line::LineError;
pub use trace_context::TraceContext;
pub use xray::XRay;
