//! The tower middleware between real peers on loopback sockets.

mod baggage;
mod client_endings;
mod client_span;
mod formats;
mod forwarding;
mod grpc;
mod headers;
mod layers;
mod peers;
mod recorded;
mod secrets;
mod server_endings;
mod server_span;
mod support;
mod trust;
mod wire;
#[path = "../support/written.rs"]
mod written;
