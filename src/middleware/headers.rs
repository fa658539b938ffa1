//! The headers of both sides (floor 5): which, under what names. What only one side reads or writes is
//! that side's.

use super::carriers::replace;
use crate::{
    context::SpanContext,
    diagnostics::Diagnostic,
    ids::RequestId,
    propagation::{Formats, LineError, baggage, request_id, service_name, trace_context, traceparent},
    trace::{Carried, Span, Tracer},
};
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static(trace_context::TRACEPARENT);
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static(trace_context::TRACESTATE);
pub(super) const BAGGAGE: HeaderName = HeaderName::from_static(baggage::BAGGAGE);
const X_REQUEST_ID: HeaderName = HeaderName::from_static(request_id::X_REQUEST_ID);
const X_SERVICE_NAME: HeaderName = HeaderName::from_static(service_name::X_SERVICE_NAME);
const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Which headers are read and written; a name that is `None` is switched off.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    /// Of the context, but for the request's id.
    pub(super) formats: Formats,
    pub(super) request_id: Option<HeaderName>,
    /// Read in this order where `request_id` is missing.
    pub(super) request_id_aliases: Vec<HeaderName>,
    pub(super) sends_aliases: bool,
    pub(super) service_name: Option<HeaderName>,
    pub(super) response_time: Option<HeaderName>,
    pub(super) server_timing: bool,
    /// `None` where the service's name cannot be a header's value.
    own_name: Option<HeaderValue>,
}

impl Headers {
    pub(super) fn new(tracer: &Tracer) -> Self {
        let own_name = service_name::check(tracer.resource().service_name().as_bytes())
            .ok()
            .and_then(|name| HeaderValue::from_str(name).ok());
        Self {
            formats: tracer.formats().clone(),
            request_id: Some(X_REQUEST_ID),
            request_id_aliases: Vec::new(),
            sends_aliases: false,
            service_name: Some(X_SERVICE_NAME),
            response_time: Some(X_RESPONSE_TIME),
            server_timing: false,
            own_name,
        }
    }

    /// The request's id, if it came with a good one. A bad one is not made up for by another header.
    pub(super) fn request_id(&self, headers: &HeaderMap, tracer: &Tracer) -> Option<RequestId> {
        for name in self.request_id.iter().chain(&self.request_id_aliases) {
            match request_id::parse(&headers.get_all(name)) {
                Ok(id) => return Some(id),
                Err(LineError::Missing) => {}
                Err(_malformed) => {
                    tracer.note(Diagnostic::RejectedHeader);
                    return None;
                }
            }
        }
        None
    }

    /// The name of the service at the other end.
    pub(super) fn peer<'a>(&self, headers: &'a HeaderMap, tracer: &Tracer) -> Option<&'a str> {
        let lines = headers.get_all(self.service_name.as_ref()?);
        // Checked as bytes first: the name borrows from the map, not from this view of it.
        match service_name::parse(&lines) {
            Ok(_) => Some(headers.get(self.service_name.as_ref()?)?.to_str().ok()?.trim_matches([' ', '\t'])),
            Err(LineError::Missing) => None,
            Err(_malformed) => {
                tracer.note(Diagnostic::RejectedHeader);
                None
            }
        }
    }

    /// Writes what an answer tells its caller.
    pub(super) fn inject_answer(&self, headers: &mut HeaderMap, span: &Span) {
        let Some(carried) = span.carried() else {
            return;
        };
        self.inject_ids(headers, carried.request_id);
        let time = span.elapsed();
        let millis = format_args!("{}.{:03}", time.as_millis(), time.subsec_micros() % 1_000).to_string();
        if self.server_timing {
            add_server_timing(headers, &millis, &carried);
        }
        if let Some(name) = &self.response_time {
            set(headers, name, HeaderValue::try_from(millis + "ms").ok());
        }
    }

    /// The request's id, and who speaks.
    pub(super) fn inject_ids(&self, headers: &mut HeaderMap, id: &RequestId) {
        if let Some(name) = &self.request_id {
            let value = HeaderValue::from_str(id.encode(&mut [0; 36])).ok();
            if self.sends_aliases {
                self.request_id_aliases.iter().for_each(|alias| set(headers, alias, value.clone()));
            }
            set(headers, name, value);
        }
        if let Some(name) = &self.service_name {
            set(headers, name, self.own_name.clone());
        }
    }
}

pub(super) fn parent(carried: &Carried<'_>) -> [u8; traceparent::BYTES] {
    traceparent::format(&SpanContext::new(carried.trace_id, carried.span_id, carried.flags))
}

/// Adds a line to those of the application's own [Server Timing, 3].
fn add_server_timing(headers: &mut HeaderMap, millis: &str, carried: &Carried<'_>) {
    let parent = parent(carried);
    let parts = [b"total;dur=", millis.as_bytes(), b", traceparent;desc=\"", &parent, b"\""];
    if let Ok(timing) = HeaderValue::from_bytes(&parts.concat()) {
        let _full = headers.try_append(SERVER_TIMING, timing);
    }
}

/// Replaces a header. Without a value it is taken away: another hop's must not pass for ours.
pub(super) fn set(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => replace(headers, name, value),
        None => {
            headers.remove(name);
        }
    }
}
