//! Starting a span with options (floor 4).

use super::{current::SpanHandle, engine::Engine, local, span::Span, start};
use crate::{
    context::{Baggage, Context, SpanContext},
    record::{Details, SpanKind},
    secrets,
    value::Value,
};
use std::{borrow::Cow, fmt, sync::Arc};

/// A span to be. It starts with [`start`](Self::start), not before.
#[must_use = "no span starts until `start`"]
pub struct SpanBuilder {
    /// `None` where there is no tracer: everything is then a no-op.
    engine: Option<Arc<Engine>>,
    name: Cow<'static, str>,
    kind: SpanKind,
    parent: Parent,
    baggage: Option<Baggage>,
    details: Option<Box<Details>>,
}

enum Parent {
    Current,
    Root,
    Handle(SpanHandle),
    Remote(Context),
    CurrentOrRemote(Context),
}

impl SpanBuilder {
    pub(super) fn new(engine: Option<Arc<Engine>>, name: Cow<'static, str>) -> Self {
        let (kind, parent) = (SpanKind::Internal, Parent::Current);
        Self { engine, name, kind, parent, baggage: None, details: None }
    }

    /// Which side of an exchange it is. Default: internal.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// Makes it a child of this span instead of the current one. If that is another tracer's, the new
    /// span continues its trace as if it had come from another process.
    pub fn parent(mut self, parent: &SpanHandle) -> Self {
        self.parent = Parent::Handle(parent.clone());
        self
    }

    /// Makes it the first span in this process of the trace a request came with. A context without a
    /// span begins a trace, and keeps the request id and the baggage.
    pub fn remote(mut self, context: Context) -> Self {
        self.parent = Parent::Remote(from_elsewhere(context));
        self
    }

    /// Makes it a child of the current span or, where there is none, the first span in this process of
    /// the trace this context came with.
    pub fn or_remote(mut self, context: Context) -> Self {
        self.parent = Parent::CurrentOrRemote(from_elsewhere(context));
        self
    }

    /// Makes it the first span of a new trace.
    pub fn root(mut self) -> Self {
        self.parent = Parent::Root;
        self
    }

    /// Carries this baggage from here on, in the place of what it would take over: the span and all that
    /// start below it, and with their calls what they hand on. The spans above keep theirs.
    ///
    /// ```
    /// use throughline::{Instrument, Span, Tracer};
    ///
    /// # async fn check_out() {}
    /// # async fn example(tracer: &Tracer) -> Result<(), throughline::context::BaggageError> {
    /// let baggage = Span::current().baggage().cloned().unwrap_or_default().with("tenant", "7")?;
    /// let span = tracer.span_builder("check out").baggage(baggage).start();
    /// check_out().instrument(span).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn baggage(mut self, baggage: Baggage) -> Self {
        self.baggage = Some(baggage);
        self
    }

    /// Sets an attribute that the sampler is to see.
    pub fn attribute<'v>(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value<'v>>) -> Self {
        self.set_attribute(key, value);
        self
    }

    /// As [`attribute`](Self::attribute), in place.
    pub fn set_attribute<'v>(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value<'v>>) {
        if let Some(engine) = &self.engine {
            let details = self.details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
            details.push_attribute(key.into(), value.into(), &engine.limits);
        }
    }

    /// Links it to another span.
    pub fn link(mut self, context: &SpanContext, attributes: &[(&'static str, Value<'_>)]) -> Self {
        if let Some(engine) = &self.engine {
            let details = self.details.get_or_insert_with(|| local::take_buffer(&engine.recycler));
            details.push_link(context, attributes, &engine.limits);
        }
        self
    }

    /// Starts the span now.
    pub fn start(self) -> Span {
        let Self { engine, name, kind, parent, baggage, details } = self;
        let Some(engine) = engine else {
            return Span::none();
        };
        let parent = match baggage {
            Some(baggage) => parent.with_baggage(baggage, engine.id),
            None => parent,
        };
        Span::start(|| match parent {
            Parent::Current => start::span(&engine, None, name, kind, details),
            Parent::CurrentOrRemote(mut context) => {
                start::span(&engine, Some(&mut context), name, kind, details)
            }
            Parent::Root => start::root(&engine, None, name, kind, details),
            Parent::Remote(mut context) => start::root(&engine, Some(&mut context), name, kind, details),
            Parent::Handle(parent) if parent.shared.engine.id == engine.id => {
                start::child_of(&parent.shared, parent.span_id, name, kind, details)
            }
            Parent::Handle(other) => start::root(&engine, Some(&mut other.outgoing()), name, kind, details),
        })
    }
}

impl Parent {
    /// The same parent, but for the baggage.
    fn with_baggage(self, baggage: Baggage, engine_id: u64) -> Self {
        let current = match &self {
            Self::Current | Self::CurrentOrRemote(_) => Span::current().handle(),
            _ => None,
        };
        let current = current.filter(|handle| handle.shared.engine.id == engine_id);
        match (self, current) {
            (_, Some(handle)) | (Self::Handle(handle), None) => Self::Handle(handle.with_baggage(baggage)),
            (Self::Remote(context) | Self::CurrentOrRemote(context), None) => {
                Self::Remote(Context { baggage, ..context })
            }
            (Self::Current | Self::Root, None) => Self::Remote(Context { baggage, ..Context::default() }),
        }
    }
}

/// A span that came with a request is another process's, whoever put it together.
fn from_elsewhere(mut context: Context) -> Context {
    if let Some(span) = &mut context.span {
        span.set_remote();
    }
    context
}

impl fmt::Debug for SpanBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanBuilder")
            .field("name", &secrets::clean(&self.name))
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
