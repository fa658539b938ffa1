//! One exchange and its span (floor 5): what a head, a frame, trailers, an error or a drop mean.
//!
//! Shared by both sides, by their futures and by the body. Whoever holds the [`Exchange`] owns the
//! span; dropped without a word, the exchange was given up: [`Outcome::Cancelled`].

use super::{
    classify::{self, Side},
    found::Found,
    grpc,
    headers::Headers,
    line, recorded,
    settings::Settings,
    version::protocol_version,
};
use crate::{
    diagnostics::Diagnostic,
    record::Status,
    semconv,
    trace::{Attributes, PollScope, Span, Tracer},
};
use http::{Extensions, HeaderMap, StatusCode, response};
use std::{any::Any, fmt::Display, net::SocketAddr, sync::Arc};

pub(super) struct Exchange {
    span: Span,
    side: Side,
    /// `None` where it is plain HTTP.
    grpc: Option<grpc::Call>,
    settings: Arc<Settings>,
}

impl Exchange {
    pub(super) fn new(span: Span, side: Side, grpc: Option<grpc::Call>, settings: Arc<Settings>) -> Self {
        if let Some(id) = span.request_id() {
            span.describe(|attributes| {
                let buffer = &mut [0; 36];
                let text = id.encode(buffer);
                match id.as_uuid() {
                    Some(_) => attributes.known(semconv::REQUEST_ID, text),
                    // As the caller has sent it.
                    None => attributes.text(semconv::REQUEST_ID, text),
                }
            });
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
        let side = self.side;
        if let Some(call) = &mut self.grpc {
            call.head(head);
        }
        if !self.span.is_recording() {
            return;
        }
        let status = head.status;
        let is_error = classify::is_error(status, side);
        let callee = (side == Side::Client).then(|| Callee::of(head, &self.settings));
        self.span.describe(|attributes| {
            if self.grpc.is_none() || status != StatusCode::OK {
                attributes.number(semconv::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
            }
            if is_error {
                attributes.text(semconv::ERROR_TYPE, status.as_str());
            }
            let prefix = match self.grpc {
                Some(_) => semconv::RPC_RESPONSE_METADATA,
                None => semconv::HTTP_RESPONSE_HEADER,
            };
            recorded::describe(&self.settings.recorded.response, &head.headers, prefix, attributes);
            if let Some(callee) = &callee {
                callee.describe(head, attributes);
            }
        });
        if is_error {
            self.span.set_status(Status::error(""));
        }
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

/// Who answered, which a client learns only from the head.
struct Callee<'a> {
    service: Option<&'a str>,
    address: Option<SocketAddr>,
}

impl<'a> Callee<'a> {
    fn of(head: &'a response::Parts, settings: &'a Settings) -> Self {
        let Settings { headers, tracer, callee, .. } = settings;
        let name = headers.service_name.as_ref();
        let named = name.map_or(Found::None, |name| Found::look_up(&head.headers, name));
        Self { service: Headers::peer(&named, tracer), address: callee.address(head) }
    }

    fn describe(&self, head: &response::Parts, attributes: &mut Attributes<'_>) {
        if let Some(service) = self.service {
            attributes.text(semconv::SERVICE_PEER_NAME, service);
        }
        if let Some(version) = protocol_version(head.version) {
            attributes.text(semconv::NETWORK_PROTOCOL_VERSION, version);
        }
        if let Some(address) = self.address {
            attributes.known(semconv::NETWORK_PEER_ADDRESS, line::address(address.ip()).as_str());
            attributes.number(semconv::NETWORK_PEER_PORT, address.port());
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        std::mem::take(&mut self.span).end_unfinished();
    }
}

/// In a request's extensions: it has just passed a layer of this side. Two types without a value, because
/// a value would be boxed.
#[derive(Clone, Copy)]
struct PassedServer;

#[derive(Clone, Copy)]
struct PassedClient;

/// Has the request just passed a layer of the same side? After one of the other side it is at its next
/// hop, which may be in this process.
pub(super) fn is_repeated(extensions: &mut Extensions, side: Side, tracer: &Tracer) -> bool {
    let repeated = match side {
        Side::Server => {
            extensions.remove::<PassedClient>();
            extensions.insert(PassedServer).is_some()
        }
        Side::Client => {
            extensions.remove::<PassedServer>();
            extensions.insert(PassedClient).is_some()
        }
    };
    if repeated {
        tracer.note(Diagnostic::RepeatedLayer);
    }
    repeated
}
