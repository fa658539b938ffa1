//! One exchange and its span (floor 5): what a head, a frame, trailers, an error or a drop mean.
//!
//! Shared by both sides, by their futures and by the body. Whoever holds the [`Exchange`] owns the
//! span; dropped without a word, the exchange was given up: [`Outcome::Cancelled`].

use super::{
    answer::{Answer, AskedFor},
    classify::{self, Side},
    common::Common,
    grpc,
    headers::Headers,
    line::AddressLine,
    recorded,
    repeated::Within,
    state::{Ongoing, State},
    version::protocol_version,
};
use crate::{
    record::Status,
    semconv,
    trace::{Attributes, PollScope, Span},
};
use http::{HeaderMap, Response, StatusCode, Version};
use std::{any::Any, fmt::Display, net::SocketAddr};

/// An exchange, or none: it is over, or there is nothing to record.
#[derive(Default)]
pub(super) struct Exchange(Option<Box<State>>);

/// What a side makes of a request's head.
pub(super) struct Started {
    pub(super) span: Span,
    /// `None` where it is plain HTTP.
    pub(super) grpc: Option<Box<grpc::Call>>,
}

/// What an answer's head says of its body.
pub(super) struct Expected {
    /// Has the answer no body, whatever its headers say?
    pub(super) none: bool,
    /// The bytes that the head says will come.
    pub(super) promised: Option<u64>,
    /// Is the exchange over if nobody looks at the body?
    pub(super) unread_is_complete: bool,
}

impl Exchange {
    pub(super) const NONE: Self = Self(None);

    pub(super) fn new(started: Started, side: Side, asked_for: AskedFor, settings: &Common) -> Self {
        let Started { span, grpc } = started;
        let Some(id) = span.request_id() else {
            return Self::NONE;
        };
        span.describe(|attributes| {
            let buffer = &mut [0; 36];
            let text = id.encode(buffer);
            match id.as_uuid() {
                Some(_) => attributes.known(semconv::REQUEST_ID, text),
                // As the caller has sent it.
                None => attributes.text(semconv::REQUEST_ID, text),
            }
        });
        Self(Some(State::boxed(Ongoing { span, grpc, side, asked_for, settings: settings.of_thread() })))
    }

    pub(super) const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Makes the span current around one call or poll.
    #[inline]
    pub(super) fn enter(&mut self) -> Option<(PollScope<'_>, Within)> {
        let state = self.ongoing()?;
        let within = match state.side {
            Side::Server => Within::server(),
            Side::Client => Within::client(&state.span),
        };
        Some((PollScope::enter(&mut state.span), within))
    }

    /// The answer's head has come, or is to be sent.
    pub(super) fn head<B>(&mut self, response: &mut Response<B>) -> Expected {
        let Some(state) = self.ongoing() else {
            return Expected { none: false, promised: None, unread_is_complete: false };
        };
        if let Some(call) = &mut state.grpc {
            call.head(response.status(), response.headers());
        }
        let promised = match state.side {
            Side::Server => {
                let promised = Answer::of(response.headers(), None).content_length;
                state.describe_head(response.status(), response.headers(), None);
                state.settings.headers.inject_answer(response.headers_mut(), &state.span);
                promised
            }
            Side::Client => {
                let settings = &state.settings;
                let address = settings.callee.address(response);
                let answer = Answer::of(response.headers(), settings.headers.service_name.as_ref());
                if state.span.is_recording() {
                    let service = Headers::peer(&answer.service_name, &settings.tracer);
                    let callee = Callee { service, address, version: response.version() };
                    state.describe_head(response.status(), response.headers(), Some(&callee));
                }
                answer.content_length
            }
        };
        Expected {
            none: state.asked_for.has_no_body(response.status()),
            promised,
            unread_is_complete: state.needs_no_body(),
        }
    }

    /// The trailers have come.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(Ongoing { grpc: Some(call), .. }) = self.ongoing() {
            call.trailers(trailers);
        }
    }

    /// The exchange has run to its end.
    pub(super) fn complete(self) {
        if let Some(Ongoing { span, grpc, side, .. }) = self.into_ongoing() {
            if let Some(call) = grpc {
                call.record(&span, side);
            }
            span.end();
        }
    }

    /// The service, the connection or the body has failed.
    pub(super) fn fail<E: Display + Any>(self, error: &E) {
        if let Some(Ongoing { span, settings, .. }) = self.into_ongoing() {
            if span.is_recording() {
                let errors = &settings.errors;
                let message = errors.message(error);
                span.record_error_fmt(errors.error_type(error), format_args!("{message}"));
            }
            span.end();
        }
    }

    #[inline]
    fn ongoing(&mut self) -> Option<&mut Ongoing> {
        self.0.as_mut()?.ongoing()
    }

    fn into_ongoing(mut self) -> Option<Ongoing> {
        self.0.take()?.unboxed()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(Ongoing { span, .. }) = self.0.take().and_then(State::unboxed) {
            span.end_unfinished();
        }
    }
}

impl Ongoing {
    /// Is an answer whose body nobody looks at over all the same? A client that does not has what it
    /// wanted, unless it never learns how the call ended.
    fn needs_no_body(&self) -> bool {
        self.side == Side::Client && !self.grpc.as_ref().is_some_and(|call| call.is_open())
    }

    /// Describes an answer's head.
    fn describe_head(&self, status: StatusCode, headers: &HeaderMap, callee: Option<&Callee<'_>>) {
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
                recorded::describe(names, headers, prefix, attributes);
            }
            if let Some(callee) = callee {
                callee.describe(attributes);
            }
        });
        if is_error {
            self.span.set_status(Status::error(""));
        }
    }
}

/// Who answered, which a client learns only from the head.
struct Callee<'a> {
    service: Option<&'a str>,
    address: Option<SocketAddr>,
    version: Version,
}

impl Callee<'_> {
    fn describe(&self, attributes: &mut Attributes<'_>) {
        if let Some(service) = self.service {
            attributes.text(semconv::SERVICE_PEER_NAME, service);
        }
        if let Some(version) = protocol_version(self.version) {
            attributes.text(semconv::NETWORK_PROTOCOL_VERSION, version);
        }
        if let Some(address) = self.address {
            let mut line = AddressLine::new();
            line.push_address(address.ip());
            attributes.known(semconv::NETWORK_PEER_ADDRESS, line.as_str());
            attributes.number(semconv::NETWORK_PEER_PORT, address.port());
        }
    }
}
