//! What only the middleware needs of the engine (floor 4).

use super::{span::Span, tracer::Tracer};
use crate::{
    context::{TraceFlags, TraceState},
    diagnostics::Diagnostic,
    ids::{RequestId, SpanId, TraceId},
};

/// What a span hands on with a call, borrowed.
pub(crate) struct Carried<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) trace_state: &'a TraceState,
    pub(crate) request_id: &'a RequestId,
}

impl Span {
    pub(crate) fn carried(&self) -> Option<Carried<'_>> {
        let active = self.0.as_ref()?;
        Some(Carried {
            trace_id: active.shared.trace_id,
            span_id: active.span_id,
            flags: active.shared.flags,
            trace_state: &active.shared.trace_state,
            request_id: &active.shared.request_id,
        })
    }
}

impl Tracer {
    pub(crate) fn note(&self, diagnostic: Diagnostic) {
        if let Some(engine) = self.engine() {
            engine.diagnostics.note(diagnostic);
        }
    }
}
