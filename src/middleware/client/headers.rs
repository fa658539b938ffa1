//! What a client writes into a request's headers (floor 5).

use super::values::Values;
use crate::{
    context::Baggage,
    middleware::{
        headers::{BAGGAGE, Headers, TRACEPARENT, TRACESTATE, set},
        line::Line,
        memory::remember,
        seen::{Seen, is_entry},
    },
    propagation::{Propagator, baggage, traceparent},
    trace::{Carried, Span},
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The bytes of traceparent, of a request id and of a short tracestate, which share an allocation.
const IDS: usize = 160;

/// Which headers a request has before anything is written.
#[derive(Clone, Copy)]
pub(super) struct Had {
    trace_state: bool,
    /// In any format.
    baggage: bool,
}

impl Had {
    pub(super) const fn of(seen: &Seen<'_>) -> Self {
        Self {
            trace_state: !seen.trace_state.is_none(),
            baggage: !seen.baggage.is_none() || seen.may_have_entries,
        }
    }
}

impl Headers {
    /// Is there baggage, so that it has to be asked whether the host may have it? Of formats of the user's
    /// nobody knows what they carry it in.
    pub(super) fn has_baggage(&self, had: Had, span: &Span) -> bool {
        !self.formats.are_default()
            || had.baggage
            || span.baggage().is_some_and(|baggage| !baggage.is_empty())
    }

    /// Writes what a call hands on. To a host that is not to have baggage none is sent, not even what was
    /// there before.
    pub(super) fn inject(&self, headers: &mut HeaderMap, had: Had, span: &Span, may_have_baggage: bool) {
        let Some(carried) = span.carried() else {
            return;
        };
        if self.formats.are_default() {
            let mut line = Line::<IDS>::new();
            let Carried { trace_id, span_id, flags, .. } = carried;
            let parent = line.push_with(|place| traceparent::write(trace_id, span_id, flags, place));
            let state = carried.trace_state.to_header_bytes();
            let short_state = line.push(&state).filter(|state| !state.is_empty());
            let id = line.push(carried.request_id.encode_bytes(&mut [0; 36]));
            let mut values = Values::new(line);
            set(headers, &TRACEPARENT, parent.and_then(|parent| values.next(&parent)));
            if !state.is_empty() {
                let written = short_state.and_then(|state| values.next(&state));
                set(headers, &TRACESTATE, written.or_else(|| HeaderValue::from_bytes(&state).ok()));
            } else if had.trace_state {
                headers.remove(&TRACESTATE);
            }
            inject_baggage(headers, had, &carried, may_have_baggage);
            let id = id.and_then(|id| values.next(&id));
            if let Some(id) = &id {
                remember(carried.request_id, id);
            }
            return self.inject_ids(headers, carried.request_id, id);
        }
        if let Some(handle) = span.handle() {
            let mut context = handle.outgoing();
            if !may_have_baggage {
                context.baggage = Baggage::EMPTY;
                remove_baggage(headers);
            }
            self.formats.inject(&context, headers);
        }
        self.inject_ids(headers, carried.request_id, None);
    }
}

fn inject_baggage(headers: &mut HeaderMap, had: Had, carried: &Carried<'_>, may_have_baggage: bool) {
    if !may_have_baggage {
        if had.baggage {
            remove_baggage(headers);
        }
    } else if !carried.baggage.is_empty() {
        let text = baggage::encode(carried.baggage).text;
        set(headers, &BAGGAGE, HeaderValue::try_from(text).ok());
    }
}

/// Takes the baggage of all formats away.
fn remove_baggage(headers: &mut HeaderMap) {
    headers.remove(&BAGGAGE);
    let is_entry = |name: &&HeaderName| is_entry(name.as_str());
    let entries: Vec<HeaderName> = headers.keys().filter(is_entry).cloned().collect();
    for name in entries {
        headers.remove(name);
    }
}
