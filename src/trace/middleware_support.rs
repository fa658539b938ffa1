//! What only the middleware needs of the engine (floor 4).

use super::{span::Span, tracer::Tracer};
use crate::{
    context::{Baggage, TraceFlags, TraceState},
    diagnostics::Diagnostic,
    ids::{RequestId, SpanId, TraceId},
    propagation::Formats,
};

/// What a span hands on with a call, borrowed.
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "a server hands on less"))]
pub(crate) struct Carried<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) trace_state: &'a TraceState,
    pub(crate) request_id: &'a RequestId,
    pub(crate) baggage: &'a Baggage,
}

impl Span {
    pub(crate) fn carried(&self) -> Option<Carried<'_>> {
        let (shared, span_id) = self.identity()?;
        Some(Carried {
            trace_id: shared.trace_id,
            span_id,
            flags: shared.flags,
            trace_state: &shared.trace_state,
            request_id: &shared.request_id,
            baggage: &shared.baggage,
        })
    }
}

impl Tracer {
    pub(crate) fn note(&self, diagnostic: Diagnostic) {
        self.engine().diagnostics.note(diagnostic);
    }

    pub(crate) fn formats(&self) -> &Formats {
        &self.exchanges().formats
    }

    /// What `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` says.
    pub(crate) fn known_methods(&self) -> Option<&str> {
        self.exchanges().known_methods.as_deref()
    }
}
