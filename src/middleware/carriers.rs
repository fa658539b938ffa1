//! `HeaderMap` as a carrier (floor 5): of HTTP, and of whatever else has one, such as tonic's metadata.
//!
//! Never panics: a map that is full, at about 24,000 lines, takes no more.

use crate::propagation::{Getter, Setter, request_id, service_name, trace_context};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::ops::ControlFlow;

/// A map with more lines is not walked to find a header: up to there that costs less than to make a
/// `HeaderName` of a text and hash it.
pub(super) const FEW: usize = 32;

/// ```
/// use throughline::{Context, propagation::{Composite, Propagator}};
///
/// # fn take(mut call: tonic::Request<()>) {
/// let mut context = Context::default();
/// let _refused = Composite::default().extract(call.metadata().as_ref(), &mut context);
/// Composite::default().inject(&context, call.metadata_mut().as_mut());
/// # }
/// ```
impl Getter for HeaderMap {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.len() > FEW {
            return self.get_all(name).iter().try_for_each(|line| each(line.as_bytes()));
        }
        let mut lines = self.iter().filter(|(known, _)| known.as_str().eq_ignore_ascii_case(name));
        lines.try_for_each(|(_, line)| each(line.as_bytes()))
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.iter().try_for_each(|(name, line)| each(name.as_str(), line.as_bytes()))
    }
}

/// A name or a value that cannot be a header's is left out.
impl Setter for HeaderMap {
    fn set(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            replace(self, &name, value);
        }
    }

    fn unset(&mut self, name: &str) {
        self.remove(name);
    }
}

/// Names from which on a map might refuse a further one: it does at 24,576, and where many of them
/// collide at a quarter of that.
const MIGHT_BE_FULL: usize = 4_096;

/// Makes `value` the only line of a header, if the map has room for it; without it no line is left, for
/// another hop's must not pass for ours.
#[inline(always)]
pub(super) fn replace(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) {
    if headers.keys_len() >= MIGHT_BE_FULL {
        // A full map refuses even what would take the place of another.
        headers.remove(name);
    }
    let _full = match name.as_str() {
        trace_context::TRACEPARENT => headers.try_insert(TRACEPARENT, value),
        trace_context::TRACESTATE => headers.try_insert(TRACESTATE, value),
        request_id::X_REQUEST_ID => headers.try_insert(X_REQUEST_ID, value),
        service_name::X_SERVICE_NAME => headers.try_insert(X_SERVICE_NAME, value),
        RESPONSE_TIME => headers.try_insert(X_RESPONSE_TIME, value),
        _ => headers.try_insert(name, value),
    };
}

// A constant is put into a map as it is. Any other name is cloned for it, by a call through a table.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static(trace_context::TRACEPARENT);
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static(trace_context::TRACESTATE);
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static(request_id::X_REQUEST_ID);
pub(super) const X_SERVICE_NAME: HeaderName = HeaderName::from_static(service_name::X_SERVICE_NAME);
pub(super) const X_RESPONSE_TIME: HeaderName = HeaderName::from_static(RESPONSE_TIME);
const RESPONSE_TIME: &str = "x-response-time";
