//! The current span, and handles on a span owned by somebody else (floor 4).

use super::{
    engine::{OFF, Shared},
    entered::{self, Token},
    recording::recording_methods,
    span::Span,
    start,
};
use crate::{
    context::{Baggage, Context, SpanContext},
    ids::{RequestId, SpanId},
    record::{Details, Limits, SpanKind, Status},
    value::Value,
};
use std::{borrow::Cow, error::Error, fmt, marker::PhantomData, sync::Arc};

/// The span that was current when [`Span::current`] was called.
///
/// Records on it as long as it is entered on this thread; afterwards, and where there is none, every call
/// does nothing. It stays on its thread and so cannot be held across an `.await` of a future that is
/// `Send`: ask for it anew.
pub struct CurrentSpan {
    current: Option<(Token, SpanHandle)>,
    _not_send: PhantomData<*const ()>,
}

/// A span as others see it: enough to give it children, and to hand its request's ids on.
///
/// Cheap to clone, `Send` and `Sync`. Holding one does not keep the span open.
#[derive(Clone)]
pub struct SpanHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) span_id: SpanId,
}

impl Span {
    /// Its identity, to hand to another process or to link to.
    pub fn context(&self) -> Option<SpanContext> {
        self.handle().map(|handle| handle.context())
    }

    /// A handle for children elsewhere: cheap to clone, `Send` and `Sync`, and never keeps the span
    /// open.
    pub fn handle(&self) -> Option<SpanHandle> {
        self.identity().map(|(shared, span_id)| SpanHandle { shared: shared.clone(), span_id })
    }

    /// The thread's current span, to record on it without having it at hand.
    ///
    /// ```
    /// use throughline::Span;
    ///
    /// async fn handler() {
    ///     Span::current().set_attribute("user.id", 7);
    /// }
    /// ```
    #[inline]
    pub fn current() -> CurrentSpan {
        if OFF {
            return CurrentSpan { current: None, _not_send: PhantomData };
        }
        let current =
            entered::current().map(|(token, shared, span_id)| (token, SpanHandle { shared, span_id }));
        CurrentSpan { current, _not_send: PhantomData }
    }
}

impl CurrentSpan {
    recording_methods!();

    fn record(&self, body: impl FnOnce(&mut Details, &Limits)) {
        if let Some((token, handle)) = &self.current
            && handle.shared.recording
        {
            // False where the entry is only a handle's: there is nobody to hand the details to.
            let _recorded = entered::with_entry_details(*token, &handle.shared, body);
        }
    }

    #[inline(always)]
    const fn is_inert(&self) -> bool {
        self.is_none()
    }

    fn record_plain(&self, body: impl FnOnce(&mut Details, &Limits)) {
        self.record(body);
    }

    /// There is no shorter way to record on it.
    fn try_record(&self, _body: impl FnOnce(&mut Details, &Limits) -> bool) -> bool {
        false
    }

    fn ticks(&self) -> u64 {
        match &self.current {
            Some((_, handle)) if handle.shared.recording => handle.shared.engine.timeline.ticks(),
            _ => 0,
        }
    }

    /// Starts a child of it now.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Span {
        self.current.as_ref().map_or_else(Span::none, |(_, handle)| handle.child(name))
    }

    /// Is there no current span?
    pub const fn is_none(&self) -> bool {
        self.current.is_none()
    }

    /// Will anything that is set on it be exported?
    pub fn is_recording(&self) -> bool {
        self.current.as_ref().is_some_and(|(_, handle)| handle.shared.recording)
    }

    /// Its identity.
    pub fn context(&self) -> Option<SpanContext> {
        self.current.as_ref().map(|(_, handle)| handle.context())
    }

    /// A handle on it that can leave the thread.
    pub fn handle(&self) -> Option<SpanHandle> {
        self.current.as_ref().map(|(_, handle)| handle.clone())
    }

    /// The id of the request it belongs to.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.current.as_ref().map(|(_, handle)| handle.request_id())
    }

    /// The baggage of the request it belongs to. To carry more of it, see
    /// [`SpanBuilder::baggage`](super::SpanBuilder::baggage).
    pub fn baggage(&self) -> Option<&Baggage> {
        self.current.as_ref().map(|(_, handle)| handle.baggage())
    }
}

impl SpanHandle {
    /// Starts a child of the span now, whether that is still open or not.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Span {
        Span::start(|| start::child_of(&self.shared, self.span_id, name.into(), SpanKind::Internal, None))
    }

    /// Its identity.
    pub fn context(&self) -> SpanContext {
        SpanContext::new(self.shared.trace_id, self.span_id, self.shared.flags)
            .with_trace_state(self.shared.trace_state.clone())
    }

    /// All that its request carries to another process.
    pub fn outgoing(&self) -> Context {
        Context {
            span: Some(self.context()),
            request_id: Some(self.shared.request_id.clone()),
            baggage: self.shared.baggage.clone(),
        }
    }

    /// The id of the request it belongs to.
    pub fn request_id(&self) -> &RequestId {
        &self.shared.request_id
    }

    /// The baggage of the request it belongs to.
    pub fn baggage(&self) -> &Baggage {
        &self.shared.baggage
    }

    /// A handle on the same span whose children, and theirs, carry this baggage. The span itself and what
    /// was started before keep their own.
    ///
    /// ```
    /// # use throughline::Tracer;
    /// # let tracer = Tracer::builder("orders").environment(|_| None).build()?;
    /// # let span = tracer.span("order");
    /// if let Some(order) = span.handle() {
    ///     let baggage = order.baggage().clone().with("tenant", "7")?;
    ///     let reserve = order.with_baggage(baggage).child("reserve stock");
    ///     assert_eq!(reserve.baggage().and_then(|baggage| baggage.get("tenant")), Some("7"));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_baggage(&self, baggage: Baggage) -> Self {
        Self { shared: Arc::new(self.shared.with_baggage(baggage)), span_id: self.span_id }
    }

    /// Makes it the thread's current span, so that new spans become its children.
    pub(super) fn enter_entry(&self) -> Option<Token> {
        entered::enter_handle(&self.shared, self.span_id)
    }
}

impl fmt::Debug for SpanHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanHandle")
            .field("trace_id", &self.shared.trace_id)
            .field("span_id", &self.span_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CurrentSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurrentSpan").field(&self.handle()).finish()
    }
}
