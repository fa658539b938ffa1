//! What a client writes into a request's headers (floor 5).

use crate::{
    context::Baggage,
    middleware::headers::{BAGGAGE, Headers, TRACEPARENT, TRACESTATE, parent, set},
    propagation::{Propagator, baggage},
    trace::{Carried, Span},
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What the names of headers begin with that carry one entry of baggage each.
const ENTRIES: [&str; 2] = ["uberctx-", "ot-baggage-"];

impl Headers {
    /// Writes what a call hands on. To a host that is not to have baggage none is sent, not even what was
    /// there before.
    pub(super) fn inject(
        &self,
        headers: &mut HeaderMap,
        span: &Span,
        may_have_baggage: impl FnOnce() -> bool,
    ) {
        let Some(carried) = span.carried() else {
            return;
        };
        if self.formats.are_default() {
            inject_default(headers, &carried, may_have_baggage);
        } else if let Some(handle) = span.handle() {
            let mut context = handle.outgoing();
            if !may_have_baggage() {
                context.baggage = Baggage::EMPTY;
                remove_baggage(headers);
            }
            self.formats.inject(&context, headers);
        }
        self.inject_ids(headers, carried.request_id);
    }
}

/// As the default formats' propagator does it, without its dynamic calls.
fn inject_default(headers: &mut HeaderMap, carried: &Carried<'_>, may_have_baggage: impl FnOnce() -> bool) {
    set(headers, &TRACEPARENT, HeaderValue::from_bytes(&parent(carried)).ok());
    let state = Some(carried.trace_state).filter(|state| !state.is_empty());
    set(headers, &TRACESTATE, state.and_then(|state| HeaderValue::from_str(&state.to_header()).ok()));
    if carried.baggage.is_empty() && !headers.contains_key(BAGGAGE) {
        return;
    }
    if !may_have_baggage() {
        headers.remove(BAGGAGE);
    } else if !carried.baggage.is_empty() {
        let text = baggage::encode(carried.baggage).text;
        set(headers, &BAGGAGE, HeaderValue::try_from(text).ok());
    }
}

/// Takes the baggage of all formats away.
fn remove_baggage(headers: &mut HeaderMap) {
    headers.remove(BAGGAGE);
    let is_entry = |name: &&HeaderName| ENTRIES.iter().any(|prefix| name.as_str().starts_with(prefix));
    let entries: Vec<HeaderName> = headers.keys().filter(is_entry).cloned().collect();
    for name in entries {
        headers.remove(name);
    }
}
