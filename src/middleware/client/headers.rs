//! What a client writes into a request's headers (floor 5).

use crate::{
    middleware::headers::{Headers, TRACEPARENT, TRACESTATE, parent, set},
    trace::Carried,
};
use http::{HeaderMap, HeaderValue};

impl Headers {
    /// Writes what a call hands on.
    pub(in crate::middleware) fn inject(&self, headers: &mut HeaderMap, carried: &Carried<'_>) {
        if self.trace_context {
            set(headers, &TRACEPARENT, HeaderValue::from_bytes(&parent(carried)).ok());
            let state = Some(carried.trace_state).filter(|state| !state.is_empty());
            set(headers, &TRACESTATE, state.and_then(|state| HeaderValue::from_str(&state.to_header()).ok()));
        }
        self.inject_ids(headers, carried.request_id);
    }
}
