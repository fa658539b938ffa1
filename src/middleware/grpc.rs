//! gRPC over HTTP/2 (floor 5): the method from the path, the status from trailers or head
//! [gRPC over HTTP2, Responses].

use super::classify::Side;
use http::{HeaderMap, header::CONTENT_TYPE};

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GrpcStatus(u8);

impl GrpcStatus {
    pub(super) const UNKNOWN: Self = Self(2);
    pub(super) const UNIMPLEMENTED: Self = Self(12);

    /// The status in trailers, or in the head of an answer that has only trailers. A number that is no
    /// code counts as `UNKNOWN`, as it does to gRPC clients.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = match headers.get("grpc-status")?.as_bytes() {
            [ones @ b'0'..=b'9'] => ones - b'0',
            [b'1', ones @ b'0'..=b'9'] => 10 + (ones - b'0'),
            _ => return Some(Self::UNKNOWN),
        };
        Some(if usize::from(code) < NAMES.len() { Self(code) } else { Self::UNKNOWN })
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN")
    }

    /// Is it a failure, as seen from this side? A caller's mistake is not the server's failure.
    pub(super) fn is_error(self, side: Side) -> bool {
        match side {
            Side::Client => self.0 != 0,
            Side::Server => matches!(
                self.name(),
                "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS"
            ),
        }
    }
}

/// Is it a gRPC message? `application/grpc`, with a message format or without; not `grpc-web`.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(rest) =
        headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"))
    else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

/// `package.Service/Method` of a gRPC path.
pub(super) fn method_of(path: &str) -> Option<&str> {
    let method = path.strip_prefix('/')?;
    let (service, name) = method.split_once('/')?;
    (!service.is_empty() && !name.is_empty() && !name.contains('/')).then_some(method)
}
