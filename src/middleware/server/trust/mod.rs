//! How far a caller is believed (floor 5).
//!
//! Headers come from anybody. At the edge, what they say of the trace should not be taken for one's own:
//! a [`TrustPolicy`] decides about each request, from its head and its peer's address.
//!
//! ```
//! use throughline::{
//!     Tracer,
//!     middleware::{
//!         ServerLayer,
//!         trust::{Condition, EdgeHeader, FirstMatch, PathPrefix, PrivatePeer, Trust},
//!     },
//! };
//! # use http::HeaderName;
//!
//! # fn layer(tracer: &Tracer, secret: &str) -> ServerLayer {
//! let edge = EdgeHeader::new(HeaderName::from_static("x-edge-key"), secret);
//! let policy = FirstMatch::new()
//!     .when(PathPrefix::new("/hooks"), Trust::Ignore)
//!     .when(PrivatePeer.or(edge), Trust::Continue)
//!     .otherwise(Trust::Restart);
//! ServerLayer::new(tracer).trust(policy)
//! # }
//! ```
//!
//! | what came with the request | [`Continue`](Trust::Continue) | [`Restart`](Trust::Restart) | [`Ignore`](Trust::Ignore) |
//! |---|---|---|---|
//! | the caller's span | parent | link | – |
//! | whether it is sampled | for the sampler | in the link only | – |
//! | debug and deferred flags | for the sampler | – | – |
//! | tracestate, baggage, the caller's service name | taken over | – | – |
//! | the request's id | taken over | taken over, or replaced | as with `Restart` |
//!
//! A sampler sees a caller's span, with its flags, only where the trace goes on. In the other cases it
//! decides as for a trace that begins here.

mod conditions;
mod policy;

pub use conditions::{Arrival, Condition, EdgeHeader, PathPrefix, PrivatePeer};
pub use policy::{FirstMatch, Trust, TrustPolicy};
