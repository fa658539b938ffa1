//! gRPC over HTTP/2 (floor 5): the method from the path, the status from trailers or head
//! [gRPC over HTTP2, Responses].

use super::classify::Side;
use crate::{
    record::Status,
    semconv,
    trace::{Attributes, Span},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header::CONTENT_TYPE, uri::PathAndQuery};
use std::borrow::Cow;

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

/// The system's name, and that of a span whose method is not to be named.
const GRPC: &str = "grpc";

/// A call under way.
pub(super) struct Call {
    path: PathAndQuery,
    /// Known from the head, the trailers or neither.
    status: Option<GrpcStatus>,
    /// The answer is none of gRPC's.
    is_answered_otherwise: bool,
}

impl Call {
    /// The call that a request makes, if it is one of gRPC [gRPC over HTTP2, Requests].
    pub(super) fn of(method: &Method, uri: &Uri, content_type: Option<&HeaderValue>) -> Option<Self> {
        if !is_grpc(content_type) || method != Method::POST {
            return None;
        }
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Some(Self { path, status: None, is_answered_otherwise: false })
    }

    /// `package.Service/Method`.
    fn method(&self) -> Option<&str> {
        let method = self.path.path().strip_prefix('/')?;
        let (service, name) = method.split_once('/')?;
        (!service.is_empty() && !name.is_empty() && !name.contains('/')).then_some(method)
    }

    pub(super) fn span_name(&self) -> Cow<'static, str> {
        self.method().map_or(Cow::Borrowed(GRPC), |method| Cow::Owned(method.to_owned()))
    }

    pub(super) fn describe(&self, attributes: &mut Attributes<'_>) {
        attributes.text(semconv::RPC_SYSTEM_NAME, GRPC);
        if let Some(method) = self.method() {
            attributes.text(semconv::RPC_METHOD, method);
        }
    }

    /// The answer's head has come. One that is not gRPC's own, a proxy's perhaps, stands for a status
    /// all the same.
    pub(super) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = GrpcStatus::from_headers(headers);
        let is_of_grpc = is_grpc(headers.get(CONTENT_TYPE));
        self.is_answered_otherwise = !is_of_grpc && self.status.is_none();
        if status != StatusCode::OK && !is_of_grpc {
            self.status = Some(GrpcStatus::from_http(status));
        }
    }

    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        self.status = GrpcStatus::from_headers(trailers).or(self.status);
    }

    /// Is the status still to come, with the trailers?
    pub(super) const fn is_open(&self) -> bool {
        self.status.is_none()
    }

    /// Records how the call ended. An answer that does not say so is an unknown one.
    pub(super) fn record(&self, span: &Span, side: Side) {
        if side == Side::Server && self.is_answered_otherwise {
            // Anybody can say that a request is gRPC's. It is to this server as any other, and its answer's status
            // has been recorded.
            return self.unname(span);
        }
        let status = self.status.unwrap_or(GrpcStatus::UNKNOWN);
        span.set_attribute(semconv::RPC_STATUS_CODE, status.name());
        if status.is_error(side) {
            span.set_attribute(semconv::ERROR_TYPE, status.name()).set_status(Status::error(""));
        }
        if status == GrpcStatus::UNIMPLEMENTED && side == Side::Server {
            self.unname(span);
        }
    }

    /// Anybody can ask for any method: one that is not there names no span.
    fn unname(&self, span: &Span) {
        span.set_name(GRPC).set_attribute(semconv::RPC_METHOD, semconv::OTHER);
        if let Some(method) = self.method() {
            span.set_attribute(semconv::RPC_METHOD_ORIGINAL, method);
        }
    }
}

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GrpcStatus(u8);

impl GrpcStatus {
    const UNKNOWN: Self = Self(2);
    const PERMISSION_DENIED: Self = Self(7);
    const UNIMPLEMENTED: Self = Self(12);
    const INTERNAL: Self = Self(13);
    const UNAVAILABLE: Self = Self(14);
    const UNAUTHENTICATED: Self = Self(16);

    /// The status in trailers, or in the head of an answer that has only trailers. A number that is no
    /// code counts as `UNKNOWN`, as it does to gRPC clients.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = match headers.get("grpc-status")?.as_bytes() {
            [ones @ b'0'..=b'9'] => ones - b'0',
            [b'1', ones @ b'0'..=b'9'] => 10 + (ones - b'0'),
            _ => return Some(Self::UNKNOWN),
        };
        Some(if usize::from(code) < NAMES.len() { Self(code) } else { Self::UNKNOWN })
    }

    /// What gRPC clients take an HTTP status for [gRPC, HTTP to gRPC Status Code Mapping].
    fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::INTERNAL,
            401 => Self::UNAUTHENTICATED,
            403 => Self::PERMISSION_DENIED,
            404 => Self::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    fn name(self) -> &'static str {
        NAMES.get(usize::from(self.0)).copied().unwrap_or("UNKNOWN")
    }

    /// Is it a failure, as seen from this side? A caller's mistake is not the server's failure.
    fn is_error(self, side: Side) -> bool {
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
pub(super) fn is_grpc(content_type: Option<&HeaderValue>) -> bool {
    let Some(rest) = content_type.and_then(|value| value.as_bytes().strip_prefix(b"application/grpc")) else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}
