//! What a server reads of a request's headers (floor 5).

use super::trust::Trust;
use crate::{
    context::{Baggage, Context, SpanContext, TraceFlags, TraceState},
    diagnostics::Diagnostic,
    middleware::{found::Found, headers::Headers, seen::Seen},
    propagation::{Propagator, baggage, traceparent},
    trace::Tracer,
};
use http::HeaderMap;

/// What a request brought along, as far as its caller is believed.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) context: Context,
    /// The caller's span, where it is not the parent.
    pub(super) link: Option<SpanContext>,
}

impl Headers {
    /// Reads the context; malformed headers are ignored and counted.
    pub(super) fn extract(
        &self,
        seen: &Seen<'_>,
        headers: &HeaderMap,
        trust: Trust,
        keeps_id: bool,
        tracer: &Tracer,
    ) -> Brought {
        let mut brought = Brought::default();
        let Brought { context, link } = &mut brought;
        if trust != Trust::Ignore {
            let refused = match self.formats.are_default() {
                true => extract_default(seen, context),
                false => usize::from(self.formats.extract(headers, context).is_err()),
            };
            (0..refused).for_each(|_| tracer.note(Diagnostic::RejectedHeader));
        }
        if trust != Trust::Continue {
            context.baggage = Baggage::EMPTY;
            // What it asks for, and what it says for others, is not taken over.
            *link = context.span.take().map(|caller| {
                let flags = TraceFlags::from_bits(caller.flags().bits());
                SpanContext::new(caller.trace_id(), caller.span_id(), flags).with_remote(true)
            });
        }
        if !keeps_id {
            context.request_id = None;
        } else if let Some(id) = self.request_id(&seen.request_id, headers, tracer) {
            context.request_id = Some(id);
        }
        brought
    }
}

/// As the default formats' propagator does it, of headers that have been found; returns how many were refused.
fn extract_default(seen: &Seen<'_>, context: &mut Context) -> usize {
    let mut refused = 0;
    match &seen.trace_parent {
        Found::None => {}
        Found::One(parent) => match traceparent::fields(parent.as_bytes()) {
            Ok((trace_id, parent_id, flags)) => {
                let state = match &seen.trace_state {
                    Found::None => Ok(TraceState::EMPTY),
                    Found::One(line) => TraceState::from_line(line.as_bytes()),
                    lines => TraceState::from_lines(lines.clone()),
                };
                refused += usize::from(state.is_err());
                let parent = SpanContext::new(trace_id, parent_id, flags).with_remote(true);
                context.span = Some(parent.with_trace_state(state.unwrap_or_default()));
            }
            Err(_malformed) => refused += 1,
        },
        // Repeated, and no telling which is right.
        Found::Many(..) => refused += 1,
    }
    if !seen.baggage.is_none() {
        match baggage::parse(seen.baggage.clone()) {
            Ok(baggage) => context.baggage = baggage,
            Err(_malformed) => refused += 1,
        }
    }
    refused
}
