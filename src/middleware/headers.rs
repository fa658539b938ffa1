//! The headers of both sides (floor 5): which, under what names. What only one side reads or writes is
//! that side's.

use super::{
    carriers::{self, X_REQUEST_ID, X_RESPONSE_TIME, X_SERVICE_NAME, replace},
    found::Found,
    line::Line,
    memory::recall,
    names,
};
use crate::{
    context::SpanContext,
    diagnostics::Diagnostic,
    ids::RequestId,
    propagation::{Formats, LineError, baggage, request_id, service_name, traceparent},
    trace::{Carried, Span, Tracer},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

pub(super) static TRACEPARENT: HeaderName = carriers::TRACEPARENT;
pub(super) static TRACESTATE: HeaderName = carriers::TRACESTATE;
pub(super) static BAGGAGE: HeaderName = HeaderName::from_static(baggage::BAGGAGE);
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
        let own_name =
            service_name::check(tracer.resource().service_name().as_bytes()).ok().and_then(names::value);
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
    pub(super) fn request_id(
        &self,
        found: &Found<'_>,
        headers: &HeaderMap,
        tracer: &Tracer,
    ) -> Option<RequestId> {
        if found.is_none() && self.request_id_aliases.is_empty() {
            return None;
        }
        let aliases = self.request_id_aliases.iter().map(|alias| Found::look_up(headers, alias));
        for lines in std::iter::once(found.clone()).chain(aliases) {
            match request_id::parse(lines) {
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
    pub(super) fn peer<'a>(found: &Found<'a>, tracer: &Tracer) -> Option<&'a str> {
        // As it is usually written, which the header's own type makes a text of at less.
        if let Found::One(line) = found
            && service_name::is_name(line.as_bytes())
        {
            return line.to_str().ok();
        }
        match service_name::parse(found.clone()) {
            Ok(name) => Some(name),
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
        let mut line = Line::<32>::new();
        push_millis(&mut line, span.elapsed());
        if self.server_timing {
            add_server_timing(headers, line.as_ref(), &carried);
        }
        self.inject_ids(headers, carried.request_id, recall(carried.request_id));
        if let Some(name) = &self.response_time {
            let time = line.push(b"ms").and_then(|_| HeaderValue::from_bytes(line.as_ref()).ok());
            set(headers, name, time);
        }
    }

    /// The request's id, and who speaks. `written` is the id as a header's value, if it has been written.
    pub(super) fn inject_ids(&self, headers: &mut HeaderMap, id: &RequestId, written: Option<HeaderValue>) {
        if let Some(name) = &self.request_id {
            let value = written.or_else(|| HeaderValue::from_bytes(id.encode_bytes(&mut [0; 36])).ok());
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

/// Milliseconds, with microseconds behind the point.
fn push_millis<const N: usize>(line: &mut Line<N>, time: Duration) {
    let within_second = time.subsec_micros();
    let whole = time.as_secs().saturating_mul(1_000).saturating_add(u64::from(within_second / 1_000));
    line.push_number(whole, 1);
    line.push(b".");
    line.push_thousandths(within_second % 1_000);
}

/// Adds a line to those of the application's own [Server Timing, 3].
fn add_server_timing(headers: &mut HeaderMap, millis: &[u8], carried: &Carried<'_>) {
    let parent = traceparent::format(&SpanContext::new(carried.trace_id, carried.span_id, carried.flags));
    let parts = [b"total;dur=", millis, b", traceparent;desc=\"", &parent, b"\""];
    if let Ok(timing) = HeaderValue::from_bytes(&parts.concat()) {
        let _full = headers.try_append(SERVER_TIMING, timing);
    }
}

/// Replaces a header. Without a value it is taken away: another hop's must not pass for ours.
#[inline(always)]
pub(super) fn set(headers: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    match value {
        Some(value) => replace(headers, name, value),
        None => {
            headers.remove(name);
        }
    }
}
