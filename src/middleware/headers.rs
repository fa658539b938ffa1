//! The headers of both sides (floor 5): which, under what names, read and written.

use crate::{
    context::{Context, SpanContext, TraceState},
    diagnostics::Diagnostic,
    ids::RequestId,
    propagation::{LineError, request_id, service_name, trace_context, traceparent},
    trace::{Carried, Tracer},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

const TRACEPARENT: HeaderName = HeaderName::from_static(trace_context::TRACEPARENT);
const TRACESTATE: HeaderName = HeaderName::from_static(trace_context::TRACESTATE);
const X_REQUEST_ID: HeaderName = HeaderName::from_static(request_id::X_REQUEST_ID);
const X_SERVICE_NAME: HeaderName = HeaderName::from_static(service_name::X_SERVICE_NAME);
const X_RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");

/// Which headers are read and written; a name that is `None` is switched off.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    pub(super) trace_context: bool,
    pub(super) request_id: Option<HeaderName>,
    pub(super) service_name: Option<HeaderName>,
    pub(super) response_time: Option<HeaderName>,
    /// `None` where the service's name cannot be a header's value.
    own_name: Option<HeaderValue>,
}

impl Headers {
    pub(super) fn new(tracer: &Tracer) -> Self {
        let own_name = service_name::check(tracer.resource().service_name().as_bytes())
            .ok()
            .and_then(|name| HeaderValue::from_str(name).ok());
        Self {
            trace_context: true,
            request_id: Some(X_REQUEST_ID),
            service_name: Some(X_SERVICE_NAME),
            response_time: Some(X_RESPONSE_TIME),
            own_name,
        }
    }

    /// What the request brought along; malformed headers are ignored and counted.
    pub(super) fn extract(&self, headers: &HeaderMap, tracer: &Tracer) -> Context {
        let mut context = Context::default();
        if self.trace_context && headers.contains_key(TRACEPARENT) {
            let (parents, states) = (headers.get_all(TRACEPARENT), headers.get_all(TRACESTATE));
            match trace_context::extract(&parents, &states) {
                Ok(extracted) => {
                    if extracted.dropped_trace_state.is_some() {
                        tracer.note(Diagnostic::RejectedHeader);
                    }
                    context.span = Some(extracted.span);
                }
                Err(_malformed) => tracer.note(Diagnostic::RejectedHeader),
            }
        }
        context.request_id = self.request_id(headers, tracer);
        context
    }

    /// The request's id, if it came with a good one.
    pub(super) fn request_id(&self, headers: &HeaderMap, tracer: &Tracer) -> Option<RequestId> {
        let lines = headers.get_all(self.request_id.as_ref()?);
        match request_id::parse(&lines) {
            Ok(id) => Some(id),
            Err(LineError::Missing) => None,
            Err(_malformed) => {
                tracer.note(Diagnostic::RejectedHeader);
                None
            }
        }
    }

    /// The name of the service at the other end.
    pub(super) fn peer<'a>(&self, headers: &'a HeaderMap, tracer: &Tracer) -> Option<&'a str> {
        let lines = headers.get_all(self.service_name.as_ref()?);
        // Checked as bytes first: the name borrows from the map, not from this view of it.
        match service_name::parse(&lines) {
            Ok(_) => headers.get(self.service_name.as_ref()?)?.to_str().ok(),
            Err(LineError::Missing) => None,
            Err(_malformed) => {
                tracer.note(Diagnostic::RejectedHeader);
                None
            }
        }
    }

    /// Writes what a call hands on.
    pub(super) fn inject(&self, headers: &mut HeaderMap, carried: &Carried<'_>) {
        if self.trace_context {
            let parent =
                traceparent::format(&SpanContext::new(carried.trace_id, carried.span_id, carried.flags));
            set(headers, TRACEPARENT, HeaderValue::from_bytes(&parent).ok());
            inject_trace_state(headers, carried.trace_state);
        }
        self.inject_request_id(headers, carried.request_id);
        self.inject_own_name(headers);
    }

    pub(super) fn inject_request_id(&self, headers: &mut HeaderMap, id: &RequestId) {
        if let Some(name) = &self.request_id {
            set(headers, name.clone(), HeaderValue::from_str(id.encode(&mut [0; 36])).ok());
        }
    }

    pub(super) fn inject_own_name(&self, headers: &mut HeaderMap) {
        if let Some(name) = &self.service_name {
            set(headers, name.clone(), self.own_name.clone());
        }
    }

    /// Writes the time to the answer's head, in milliseconds.
    pub(super) fn inject_response_time(&self, headers: &mut HeaderMap, time: Duration) {
        if let Some(name) = &self.response_time {
            let text = format!("{}.{:03}ms", time.as_millis(), time.subsec_micros() % 1_000);
            set(headers, name.clone(), HeaderValue::try_from(text).ok());
        }
    }
}

fn inject_trace_state(headers: &mut HeaderMap, state: &TraceState) {
    if state.is_empty() {
        headers.remove(TRACESTATE);
    } else {
        set(headers, TRACESTATE, HeaderValue::from_str(&state.to_header()).ok());
    }
}

/// Replaces a header. A map that is full stays as it is: `insert` would panic.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        let _full = headers.try_insert(name, value);
    }
}
