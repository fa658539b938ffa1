//! What counts as an error, and what it is called (floor 5) [semantic conventions, HTTP spans, status].

use http::StatusCode;
use std::{
    any::{Any, type_name},
    error::Error,
    io,
};

/// Which side of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// The fallback of `error.type` [semantic conventions, error attributes].
const OTHER: &str = "_OTHER";

/// Is it a failure, as seen from this side? A 4xx is the client's, a 5xx both sides'.
pub(super) fn is_error(status: StatusCode, side: Side) -> bool {
    status.is_server_error() || side == Side::Client && status.is_client_error()
}

/// A low-cardinality name for an error: what went wrong with the connection if that is to be found
/// among its causes, else the error's type.
pub(super) fn error_type<E: Any>(error: &E) -> &'static str {
    let error: &dyn Any = error;
    if let Some(boxed) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return cause(&**boxed).unwrap_or(OTHER);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return cause(error).unwrap_or(OTHER);
    }
    type_name::<E>()
}

/// Looks along the causes for one with a name.
fn cause(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(io_error_type(error.kind()));
        }
        // tower's timeouts have a type of their own, which is not ours to depend on.
        if error.to_string() == "request timed out" {
            return Some("timeout");
        }
        next = error.source();
    }
    None
}

fn io_error_type(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::TimedOut => "timeout",
        io::ErrorKind::ConnectionRefused => "connection_refused",
        io::ErrorKind::ConnectionReset => "connection_reset",
        io::ErrorKind::ConnectionAborted => "connection_aborted",
        io::ErrorKind::BrokenPipe => "broken_pipe",
        io::ErrorKind::UnexpectedEof => "unexpected_eof",
        io::ErrorKind::HostUnreachable => "host_unreachable",
        io::ErrorKind::NetworkUnreachable => "network_unreachable",
        io::ErrorKind::AddrNotAvailable => "address_not_available",
        _ => "io",
    }
}
