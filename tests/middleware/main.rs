//! The tower middleware between real peers on loopback sockets.

mod client_span;
mod server_endings;
mod server_span;
mod support;
mod wire;
