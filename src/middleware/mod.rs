//! tower middleware (floor 5): a span for each exchange, on the answering and on the calling side.
//!
//! [`ServerLayer`] and [`ClientLayer`] wrap any tower `Service<http::Request<B>>`: hyper's, axum's,
//! tonic's, and with two conversions reqwest's. Each is one layer that does all of it, so no order of
//! several can be wrong:
//!
//! - the request's id is checked, or minted, put on the span and into the request's extensions, sent on
//!   with every call and back with the answer;
//! - the trace and the baggage are continued from what came with the request, and handed on: in W3C's
//!   formats, unless the tracer's settings or the layer's say otherwise;
//! - each side names its service to the other;
//! - the span covers the whole exchange: head, body, trailers.
//!
//! # When a span ends, and how
//!
//! | what happens | outcome | status |
//! |---|---|---|
//! | the body ends, or there is none | completed | by the status code, or by the gRPC status |
//! | the connection becomes a websocket or a tunnel | completed, with the head | unset |
//! | a client never looks at the body of its answer | completed, with the drop | by the status code |
//! | the body fails after the head | completed | error |
//! | the service answers with an error | completed | error |
//! | the caller goes away before the head, or amid the body | cancelled | unset, unless the head was an error |
//! | the handler or the body panics | panicked | error |
//!
//! # Who is believed
//!
//! Headers come from anybody. A server's layer at the edge should be told how far it believes its callers
//! ([`trust`]), and which proxies ([`Forwarded`]); by default it continues every trace and believes no proxy.
//! A client's layer hands baggage on within one's own network only ([`OwnNetwork`]). What is malformed is
//! ignored and counted.
//!
//! # Where to put the layers
//!
//! `ServerLayer` outermost, so that its span has all there is to measure; in axum, on the `Router`, so
//! that the matched route is known. `ClientLayer` inside of retries, so that each attempt is a span.

mod addresses;
mod answer;
mod asked;
mod authority;
mod body;
mod call;
mod carriers;
mod classify;
#[cfg(feature = "client")]
mod client;
mod common;
mod exchange;
mod exclusive;
mod found;
mod future;
mod grpc;
mod headers;
mod heads;
mod line;
mod memory;
mod methods;
mod names;
mod recorded;
mod repeated;
mod seen;
#[cfg(feature = "server")]
mod server;
mod settings;
mod state;
mod version;

pub use body::ResponseBody;
#[cfg(feature = "client")]
pub use client::{Client, ClientLayer, Destinations, OwnNetwork, ResendCount, UrlTemplate};
pub use future::ResponseFuture;
#[cfg(feature = "server")]
pub use server::{Forwarded, Server, ServerLayer, trust};
