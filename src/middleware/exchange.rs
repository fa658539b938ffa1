//! One exchange and its span (floor 5): what a head, a frame, trailers, an error or a drop mean.
//!
//! Shared by both sides, by their futures and by the body. Whoever holds the [`Exchange`] owns the
//! span; dropped without a word, the exchange was given up: [`Outcome::Cancelled`].

use super::{
    classify::{self, Side},
    grpc, recorded,
    settings::Settings,
};
use crate::{
    diagnostics::Diagnostic,
    record::Status,
    semconv,
    trace::{PollScope, Span, Tracer},
};
use http::{Extensions, HeaderMap, StatusCode, response};
use std::{any::Any, fmt::Display, sync::Arc};

pub(super) struct Exchange {
    span: Span,
    side: Side,
    /// `None` where it is plain HTTP.
    grpc: Option<grpc::Call>,
    settings: Arc<Settings>,
}

impl Exchange {
    pub(super) fn new(span: Span, side: Side, grpc: Option<grpc::Call>, settings: Arc<Settings>) -> Self {
        if let Some(id) = span.request_id().filter(|_| span.is_recording()) {
            span.set_attribute(semconv::REQUEST_ID, id.encode(&mut [0; 36]));
        }
        Self { span, side, grpc, settings }
    }

    /// Is an answer whose body nobody looks at over all the same? A client that does not has what it
    /// wanted, unless it never learns how the call ended.
    pub(super) fn needs_no_body(&self) -> bool {
        self.side == Side::Client && !self.grpc.as_ref().is_some_and(grpc::Call::is_open)
    }

    pub(super) const fn side(&self) -> Side {
        self.side
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes the span current around one call or poll.
    pub(super) fn enter(&mut self) -> PollScope<'_> {
        PollScope::enter(&mut self.span)
    }

    /// The answer's head has come.
    pub(super) fn head(&mut self, head: &response::Parts) {
        if let Some(call) = &mut self.grpc {
            call.head(head);
        }
        if !self.span.is_recording() {
            return;
        }
        let status = head.status;
        if self.grpc.is_none() || status != StatusCode::OK {
            self.span.set_attribute(semconv::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
        }
        if classify::is_error(status, self.side) {
            self.span.set_attribute(semconv::ERROR_TYPE, status.as_str()).set_status(Status::error(""));
        }
        let prefix = match self.grpc {
            Some(_) => semconv::RPC_RESPONSE_METADATA,
            None => semconv::HTTP_RESPONSE_HEADER,
        };
        recorded::describe(&self.settings.recorded.response, &head.headers, prefix, |key, value| {
            self.span.set_attribute(key, value);
        });
    }

    /// The trailers have come.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(call) = &mut self.grpc {
            call.trailers(trailers);
        }
    }

    /// The exchange has run to its end.
    pub(super) fn complete(mut self) {
        if let Some(call) = &self.grpc {
            call.record(&self.span, self.side);
        }
        std::mem::take(&mut self.span).end();
    }

    /// The service, the connection or the body has failed.
    pub(super) fn fail<E: Display + Any>(mut self, error: &E) {
        if self.span.is_recording() {
            let errors = &self.settings.errors;
            let message = errors.message(error);
            self.span.record_error_fmt(errors.error_type(error), format_args!("{message}"));
        }
        std::mem::take(&mut self.span).end();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        std::mem::take(&mut self.span).end_unfinished();
    }
}

/// In a request's extensions: the side of the layer that it passed last.
#[derive(Clone, Copy, PartialEq)]
struct Passed(Side);

/// Has the request just passed a layer of the same side? After one of the other side it is at its next
/// hop, which may be in this process.
pub(super) fn is_repeated(extensions: &mut Extensions, side: Side, tracer: &Tracer) -> bool {
    let repeated = extensions.insert(Passed(side)) == Some(Passed(side));
    if repeated {
        tracer.note(Diagnostic::RepeatedLayer);
    }
    repeated
}
