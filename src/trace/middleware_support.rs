//! What only the middleware needs of the engine (floor 4).

use super::{local, span::Span, span_builder::SpanBuilder, tracer::Tracer};
use crate::{
    context::{Baggage, TraceFlags, TraceState},
    diagnostics::Diagnostic,
    ids::{RequestId, SpanId, TraceId},
    propagation::Formats,
    record::{Details, Limits},
    value::Value,
};
use std::borrow::Cow;

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

/// A span's attributes, lent once for many of them to be set.
pub(crate) struct Attributes<'a> {
    details: &'a mut Details,
    limits: &'a Limits,
}

impl Attributes<'_> {
    pub(crate) fn text(&mut self, key: &'static str, text: &str) {
        self.details.push_text(key, text, self.limits);
    }

    /// A text in which no secret can be: it is one of a closed set, or written by the crate itself. What a
    /// request, an answer or a setting brings along is none.
    pub(crate) fn known(&mut self, key: &'static str, text: &str) {
        self.details.push_known(key, text, self.limits);
    }

    /// A text that comes in parts.
    #[cfg_attr(
        not(feature = "client"),
        expect(dead_code, reason = "only a client has a URL to put together")
    )]
    pub(crate) fn joined(&mut self, key: &'static str, parts: &[&str]) {
        self.details.push_joined(key, parts, self.limits);
    }

    pub(crate) fn number(&mut self, key: &'static str, number: impl Into<i64>) {
        self.details.push_i64(key, number.into(), self.limits);
    }

    pub(crate) fn any(&mut self, key: impl Into<Cow<'static, str>>, value: Value<'_>) {
        self.details.push_attribute(key.into(), value, self.limits);
    }
}

impl Span {
    /// Sets attributes, if they are recorded. `describe` runs no user code.
    pub(crate) fn describe(&self, describe: impl FnOnce(&mut Attributes<'_>)) {
        self.record_plain(|details, limits| describe(&mut Attributes { details, limits }));
    }
}

impl SpanBuilder {
    /// Starts the span, and describes it: before if the sampler wants to see that, else only where it is
    /// recorded. `describe` runs no user code.
    pub(crate) fn start_described(mut self, describe: impl FnOnce(&mut Attributes<'_>)) -> Span {
        let Some(engine) = &self.engine else {
            return Span::none();
        };
        if engine.sampler.wants_attributes() {
            let details = self.details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
            describe(&mut Attributes { details, limits: &engine.limits });
            return self.start();
        }
        let span = self.start();
        span.record_plain(|details, limits| {
            if details.attributes().len() == 0 {
                return describe(&mut Attributes { details, limits });
            }
            // What the sampler adds comes last, as if it had been asked last.
            let mut described = Box::<Details>::default();
            describe(&mut Attributes { details: &mut described, limits });
            std::mem::swap(&mut *described, details);
            details.append(described, limits);
        });
        span
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
