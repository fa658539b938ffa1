//! What only the middleware needs of the engine (floor 4).

use super::{
    current::SpanHandle,
    engine::{Engine, OFF},
    live::Live,
    local,
    span::Span,
    start,
    tracer::Tracer,
};
use crate::{
    context::{Baggage, Context, SpanContext, TraceFlags, TraceState},
    diagnostics::Diagnostic,
    ids::{RequestId, SpanId, TraceId},
    propagation::Formats,
    record::{Details, Limits, SpanKind},
    value::Value,
};
use std::{borrow::Cow, sync::Arc};

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
    /// Its id, unless it is inert.
    #[inline]
    pub(crate) fn id(&self) -> Option<SpanId> {
        self.identity().map(|(_, span_id)| span_id)
    }

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

/// Starts a span, and describes it: before if the sampler wants to see that, else only where it is recorded.
/// `describe` runs no user code.
#[inline(always)]
fn described(
    engine: &Arc<Engine>,
    mut details: Option<Box<Details>>,
    start: impl FnOnce(Option<Box<Details>>) -> Option<Box<Live>>,
    describe: impl FnOnce(&mut Attributes<'_>),
) -> Span {
    let limits = &engine.limits;
    if engine.samples_by_attributes {
        let details_seen = details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
        describe(&mut Attributes { details: details_seen, limits });
        return Span::start(|| start(details));
    }
    let span = Span::start(|| start(details));
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

impl Tracer {
    /// Starts the span of a request that has come with this context, linked to a caller who is not its parent.
    #[cfg_attr(not(feature = "server"), expect(dead_code))]
    #[inline]
    pub(crate) fn start_server(
        &self,
        name: Cow<'static, str>,
        context: &mut Context,
        link: Option<&SpanContext>,
        describe: impl FnOnce(&mut Attributes<'_>),
    ) -> Span {
        if OFF {
            return Span::none();
        }
        let engine = self.engine();
        if let Some(span) = &mut context.span {
            span.set_remote();
        }
        let details = link.map(|caller| {
            let mut details = local::take_buffer(&engine.recycler);
            details.push_link(caller, &[], &engine.limits);
            details
        });
        let start = |details| start::root(engine, Some(context), name, SpanKind::Server, details);
        described(engine, details, start, describe)
    }

    /// Starts the span of a call: under `parent`, else the current span, else as the first of a trace, for the
    /// request of this id.
    #[cfg_attr(not(feature = "client"), expect(dead_code))]
    #[inline]
    pub(crate) fn start_client(
        &self,
        name: Cow<'static, str>,
        parent: Option<&SpanHandle>,
        request_id: Option<RequestId>,
        describe: impl FnOnce(&mut Attributes<'_>),
    ) -> Span {
        if OFF {
            return Span::none();
        }
        let (engine, kind) = (self.engine(), SpanKind::Client);
        let start = |details| match parent {
            None => {
                let mut context = request_id.map(|id| Context { request_id: Some(id), ..Context::default() });
                start::span(engine, context.as_mut(), name, kind, details)
            }
            Some(parent) if parent.shared.engine.id == engine.id => {
                start::child_of(&parent.shared, parent.span_id, name, kind, details)
            }
            Some(other) => start::root(engine, Some(&mut other.outgoing()), name, kind, details),
        };
        described(engine, None, start, describe)
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
