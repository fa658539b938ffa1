//! What counts as an error, and what it is called (floor 5) [semantic conventions, HTTP spans, status].

use crate::semconv;
use http::StatusCode;
use std::{
    any::{Any, type_name},
    error::Error,
    fmt::Display,
    io,
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Which side of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// Is it a failure, as seen from this side? A 4xx is the client's, a 5xx both sides'.
pub(super) fn is_error(status: StatusCode, side: Side) -> bool {
    status.is_server_error() || side == Side::Client && status.is_client_error()
}

/// What a library calls a timeout that has a type of its own, which is not ours to depend on: tower,
/// tokio, reqwest.
const TIMEOUTS: [&str; 3] = ["request timed out", "deadline has elapsed", "operation timed out"];

/// More causes than any honest error has; a ring of them must end.
const MAX_CAUSES: usize = 16;

/// Sees through to an error whose type the layers do not know.
type View = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// The error types whose causes can be asked for. A service's error is only known to be printable:
/// boxed errors, which tower's own layers answer with, do not implement [`Error`].
#[derive(Clone, Debug)]
pub(super) struct KnownErrors(Vec<View>);

impl KnownErrors {
    pub(super) fn add<E: Error + 'static>(&mut self) {
        self.0.push(|error| Some(error.downcast_ref::<E>()?));
    }

    fn view<'a>(&self, error: &'a dyn Any) -> Option<&'a (dyn Error + 'static)> {
        self.0.iter().find_map(|view| view(error))
    }

    /// A low-cardinality name for an error: what went wrong with the connection if that is to be found
    /// among its causes, else the error's type.
    pub(super) fn error_type<E: Any>(&self, error: &E) -> &'static str {
        let is_boxed = (error as &dyn Any).is::<BoxError>();
        let otherwise = if is_boxed { semconv::OTHER } else { type_name::<E>() };
        self.view(error).and_then(name).unwrap_or(otherwise)
    }

    /// The error and its causes, in one line. Many an error prints its cause itself.
    pub(super) fn message<E: Display + Any>(&self, error: &E) -> String {
        let mut message = error.to_string();
        for cause in self.view(error).map(causes).into_iter().flatten().skip(1) {
            let cause = cause.to_string();
            if !message.contains(&cause) {
                message.push_str(": ");
                message.push_str(&cause);
            }
        }
        message
    }
}

impl Default for KnownErrors {
    fn default() -> Self {
        let mut known = Self(vec![|error| Some(&**error.downcast_ref::<BoxError>()?)]);
        known.add::<io::Error>();
        known
    }
}

/// The error and what it says it comes from.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source()).take(MAX_CAUSES)
}

/// The first cause that has a name gives it.
fn name(error: &(dyn Error + 'static)) -> Option<&'static str> {
    causes(error).find_map(|cause| match cause.downcast_ref::<io::Error>() {
        // It may only be another error's wrapping, which `source` does not show.
        Some(error) => {
            let wrapped = error.get_ref().and_then(|inner| name(inner));
            Some(wrapped.unwrap_or_else(|| io_error_type(error.kind())))
        }
        None => TIMEOUTS.contains(&cause.to_string().as_str()).then_some("timeout"),
    })
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
