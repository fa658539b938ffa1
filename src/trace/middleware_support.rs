//! What only the middleware needs of the engine (floor 4).

use super::{span::Span, tracer::Tracer};
use crate::{
    context::{TraceFlags, TraceState},
    diagnostics::Diagnostic,
    ids::{RequestId, SpanId, TraceId},
};
use std::time::Duration;

/// What a span hands on with a call, borrowed.
#[cfg_attr(not(feature = "client"), expect(dead_code, reason = "a server hands on less"))]
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

    /// The time since a trace's first span here has started, recorded or not: its caller is told it all
    /// the same. Of any other span that is not recorded, the time is unknown.
    pub(crate) fn time_in_process(&self) -> Duration {
        let Some(active) = &self.0 else {
            return Duration::ZERO;
        };
        let timeline = &active.shared.engine.timeline;
        Duration::from_nanos(timeline.nanos_between(active.start, timeline.ticks()))
    }
}

impl Tracer {
    pub(crate) fn note(&self, diagnostic: Diagnostic) {
        if let Some(engine) = self.engine() {
            engine.diagnostics.note(diagnostic);
        }
    }
}
