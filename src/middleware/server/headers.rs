//! What a server reads of a request's headers (floor 5).

use crate::{
    context::Context,
    diagnostics::Diagnostic,
    middleware::headers::{Headers, TRACEPARENT, TRACESTATE},
    propagation::trace_context,
    trace::Tracer,
};
use http::HeaderMap;

impl Headers {
    /// What the request brought along; malformed headers are ignored and counted.
    pub(in crate::middleware) fn extract(&self, headers: &HeaderMap, tracer: &Tracer) -> Context {
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
}
