//! One exchange and its span (floor 5): what a head, a frame, trailers, an error or a drop mean.
//!
//! Shared by both sides, by their futures and by the body. Whoever holds the [`Exchange`] owns the
//! span; dropped without a word, the exchange was given up: [`Outcome::Cancelled`].

use super::{
    classify::{self, Side},
    grpc::{self, GrpcStatus},
};
use crate::{
    record::{Outcome, Status},
    redact, semconv,
    trace::{PollScope, Span},
    value::Value,
};
use http::{HeaderMap, StatusCode, response};
use std::{any::Any, fmt::Display};

pub(super) struct Exchange {
    span: Span,
    side: Side,
    /// Was the request a gRPC message?
    is_grpc: bool,
    /// Known from the head, the trailers or neither.
    grpc_status: Option<GrpcStatus>,
}

impl Exchange {
    pub(super) fn new(span: Span, side: Side, is_grpc: bool) -> Self {
        if let Some(id) = span.request_id().filter(|_| span.is_recording()) {
            span.set_attribute(semconv::REQUEST_ID, id.encode(&mut [0; 36]));
        }
        Self { span, side, is_grpc, grpc_status: None }
    }

    pub(super) const fn side(&self) -> Side {
        self.side
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    /// Makes the span current around one call or poll.
    pub(super) fn enter(&mut self) -> PollScope<'_> {
        PollScope::enter(&mut self.span)
    }

    /// The answer's head has come.
    pub(super) fn head(&mut self, head: &response::Parts) {
        let status = head.status;
        if !self.is_grpc || status != StatusCode::OK {
            self.span.set_attribute(semconv::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
        }
        if self.is_grpc && (status == StatusCode::OK || grpc::is_grpc(&head.headers)) {
            self.grpc_status = GrpcStatus::from_headers(&head.headers);
        }
        if classify::is_error(status, self.side) {
            self.span.set_attribute(semconv::ERROR_TYPE, status.as_str()).set_status(Status::error(""));
        }
    }

    /// The trailers have come.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if self.is_grpc {
            self.grpc_status = GrpcStatus::from_headers(trailers).or(self.grpc_status);
        }
    }

    /// The exchange has run to its end.
    pub(super) fn complete(mut self) {
        self.record_grpc_status();
        std::mem::take(&mut self.span).end();
    }

    /// The service, the connection or the body has failed.
    pub(super) fn fail<E: Display + Any>(mut self, error: &E) {
        let message = error.to_string();
        self.span.record_error_fmt(classify::error_type(error), format_args!("{}", redact::text(&message)));
        std::mem::take(&mut self.span).end();
    }

    fn record_grpc_status(&self) {
        if !self.is_grpc || !self.span.is_recording() {
            return;
        }
        // An answer that ends without saying its status is an unknown one.
        let status = self.grpc_status.unwrap_or(GrpcStatus::UNKNOWN);
        self.span.set_attribute(semconv::RPC_STATUS_CODE, status.name());
        if status.is_error(self.side) {
            self.span.set_attribute(semconv::ERROR_TYPE, status.name()).set_status(Status::error(""));
        }
        if status == GrpcStatus::UNIMPLEMENTED && self.side == Side::Server {
            // Anybody can ask for any method: one that is not there names no span.
            self.span.set_name("grpc").set_attribute(semconv::RPC_METHOD, Value::from("_OTHER"));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let span = std::mem::take(&mut self.span);
        let panicked = std::thread::panicking();
        span.end_as(if panicked { Outcome::Panicked } else { Outcome::Cancelled });
    }
}
