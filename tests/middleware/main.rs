//! The tower middleware between real peers on loopback sockets.

mod support;
mod wire;
