//! One exchange and its span (floor 5): what a head, a frame, trailers, an error or a drop mean.
//!
//! Shared by both sides, by their futures and by the body. Whoever holds the [`Exchange`] owns the
//! span; dropped without a word, the exchange was given up: [`Outcome::Cancelled`].

use super::{
    answer::Answer,
    classify::{self, Side},
    grpc,
    headers::Headers,
    line, recorded,
    repeated::Within,
    settings::Settings,
    version::protocol_version,
};
use crate::{
    record::Status,
    semconv,
    trace::{Attributes, PollScope, Span},
};
use http::{HeaderMap, StatusCode, response};
use std::{any::Any, fmt::Display, net::SocketAddr, sync::Arc};

pub(super) struct Exchange {
    span: Span,
    side: Side,
    /// `None` where it is plain HTTP. In a box, because an exchange moves with its future and its body.
    grpc: Option<Box<grpc::Call>>,
    settings: Arc<Settings>,
}

impl Exchange {
    pub(super) fn new(
        span: Span,
        side: Side,
        grpc: Option<Box<grpc::Call>>,
        settings: Arc<Settings>,
    ) -> Self {
        if let Some(id) = span.request_id() {
            span.describe(|attributes| attributes.text(semconv::REQUEST_ID, id.encode(&mut [0; 36])));
        }
        Self { span, side, grpc, settings }
    }

    /// Is an answer whose body nobody looks at over all the same? A client that does not has what it
    /// wanted, unless it never learns how the call ended.
    pub(super) fn needs_no_body(&self) -> bool {
        self.side == Side::Client && !self.grpc.as_ref().is_some_and(|call| call.is_open())
    }

    pub(super) const fn side(&self) -> Side {
        self.side
    }

    /// Makes the span current around one call or poll.
    #[inline]
    pub(super) fn enter(&mut self) -> (PollScope<'_>, Within) {
        let within = match self.side {
            Side::Server => Within::server(),
            Side::Client => Within::client(&self.span),
        };
        (PollScope::enter(&mut self.span), within)
    }

    /// A caller has the answer's head; how many bytes that promises.
    pub(super) fn received(&mut self, head: &response::Parts) -> Option<u64> {
        self.grpc.as_mut().into_iter().for_each(|call| call.head(head));
        let answer = Answer::of(&head.headers, self.settings.headers.service_name.as_ref());
        if self.span.is_recording() {
            self.describe(head, Some(&Callee::of(head, &answer, &self.settings)));
        }
        answer.content_length
    }

    /// The answer's head is given; how many bytes that promises.
    pub(super) fn given(&mut self, head: &mut response::Parts) -> Option<u64> {
        self.grpc.as_mut().into_iter().for_each(|call| call.head(head));
        let promised = Answer::of(&head.headers, None).content_length;
        if self.span.is_recording() {
            self.describe(head, None);
        }
        self.settings.headers.inject_answer(&mut head.headers, &self.span);
        promised
    }

    fn describe(&self, head: &response::Parts, callee: Option<&Callee<'_>>) {
        let status = head.status;
        let is_error = classify::is_error(status, self.side);
        self.span.describe(|attributes| {
            if self.grpc.is_none() || status != StatusCode::OK {
                attributes.number(semconv::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
            }
            if is_error {
                attributes.text(semconv::ERROR_TYPE, status.as_str());
            }
            let names = &self.settings.recorded.response;
            if !names.is_empty() {
                let prefix = match self.grpc {
                    Some(_) => semconv::RPC_RESPONSE_METADATA,
                    None => semconv::HTTP_RESPONSE_HEADER,
                };
                recorded::describe(names, &head.headers, prefix, attributes);
            }
            if let Some(callee) = callee {
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
    fn of(head: &'a response::Parts, answer: &Answer<'a>, settings: &Settings) -> Self {
        let Settings { tracer, callee, .. } = settings;
        Self { service: Headers::peer(&answer.service_name, tracer), address: callee.address(head) }
    }

    fn describe(&self, head: &response::Parts, attributes: &mut Attributes<'_>) {
        if let Some(service) = self.service {
            attributes.text(semconv::SERVICE_PEER_NAME, service);
        }
        if let Some(version) = protocol_version(head.version) {
            attributes.text(semconv::NETWORK_PROTOCOL_VERSION, version);
        }
        if let Some(address) = self.address {
            attributes.text(semconv::NETWORK_PEER_ADDRESS, line::address(address.ip()).as_str());
            attributes.number(semconv::NETWORK_PEER_PORT, address.port());
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        std::mem::take(&mut self.span).end_unfinished();
    }
}
