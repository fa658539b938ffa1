//! The span (floor 4).

use super::{
    current::SpanHandle,
    engine::{Shared, large_bytes},
    local,
    scope::{Entered, EnteredSpan},
    span_builder::SpanBuilder,
};
use crate::{
    context::{Baggage, SpanContext},
    ids::{RequestId, SpanId},
    record::{Details, Limits, Outcome, SpanKind, SpanRecord, Status, cut_name},
    value::Value,
};
use std::{borrow::Cow, cell::Cell, error::Error, fmt, sync::Arc, time::Duration};

/// One unit of work: from now until it is dropped or ended.
///
/// The same type serves sync and async code and can move between threads. It is its own only owner: what
/// others hold (a [`SpanHandle`], a [`SpanContext`]) never keeps it open. Without a tracer, or where the
/// sampler said no, every call on it is cheap and does nothing.
///
/// ```
/// use throughline::{Span, Tracer, exporters::Memory};
/// # use std::time::Duration;
/// # let memory = Memory::new();
/// # let tracer = Tracer::builder("orders").exporter(memory.clone()).build()?;
/// # let _default = tracer.set_thread_default();
///
/// let order = Span::new("order");
/// order.set_attribute("order.id", 7).set_attribute("customer", "ada");
/// order.in_scope(|| {
///     let _reserve = Span::new("reserve").entered();      // a child of `order`
/// });
/// order.end();
/// # let _ = tracer.flush(Duration::from_secs(5));
/// # assert_eq!(memory.spans().len(), 2);
/// # Ok::<(), throughline::BuildError>(())
/// ```
///
/// A span that is dropped while its thread panics ends as [`Outcome::Panicked`] with an error status.
/// For futures, whose drop before their end means cancellation, see
/// [`Instrument`](super::Instrument).
#[must_use = "a span ends when it is dropped"]
pub struct Span(Option<Box<Live>>);

/// A span of a live tracer, in one place from its start to its end: what moves is the pointer to it.
///
/// A thread keeps the boxes of ended spans for new ones. Moving the span itself instead, just written as
/// it is, costs several times what all the rest of its start does.
pub(super) struct Live {
    /// `None` only in a box that waits for a span.
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// In ticks; meaningless where the trace is not recorded.
    pub(super) start: u64,
    pub(super) name: Cow<'static, str>,
    details: Cell<Option<Box<Details>>>,
    pub(super) kind: SpanKind,
    pub(super) parent_is_remote: bool,
    /// A span started during a panic, by a destructor, is not a victim of it.
    pub(super) began_in_panic: bool,
}

impl Live {
    /// A box for a span.
    #[cold]
    pub(super) fn vacant() -> Box<Self> {
        Box::new(Self {
            shared: None,
            span_id: SpanId::MIN,
            parent: None,
            start: 0,
            name: Cow::Borrowed(""),
            details: Cell::new(None),
            kind: SpanKind::Internal,
            parent_is_remote: false,
            began_in_panic: false,
        })
    }

    /// Lets go of what a span that was not handed on still holds.
    #[inline(always)]
    pub(super) fn vacate(&mut self) {
        if let Cow::Owned(_) = self.name {
            self.name = Cow::Borrowed("");
        }
        if self.details.get_mut().is_some() {
            self.details.set(None);
        }
    }

    /// Settles what only some spans have to settle at their end; the bytes by which it is large.
    #[inline(always)]
    pub(super) fn settle(&mut self, shared: &Shared, outcome: Outcome) -> usize {
        let is_plain = self.details.get_mut().is_none();
        if is_plain && outcome != Outcome::Panicked && shared.trace_state.is_empty() {
            return 0;
        }
        self.settle_details(shared, outcome)
    }

    fn settle_details(&mut self, shared: &Shared, outcome: Outcome) -> usize {
        let details = self.details.get_mut().get_or_insert_default();
        if let Some(renamed) = details.name.take() {
            self.name = cut_name(renamed, shared.engine.limits.name_bytes);
        }
        if outcome == Outcome::Panicked {
            details.set_status(Status::error("panicked"));
        }
        details.trace_state.clone_from(&shared.trace_state);
        large_bytes(details)
    }

    /// What is exported of it, if it ended at `end`. Only for a span of a recorded trace, once.
    #[inline(always)]
    pub(super) fn take_record(&mut self, shared: &Shared, end: u64, outcome: Outcome) -> SpanRecord {
        SpanRecord {
            trace_id: shared.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent,
            start: self.start,
            end,
            name: std::mem::take(&mut self.name),
            details: self.details.take(),
            kind: self.kind,
            outcome,
            flags: shared.flags,
            parent_is_remote: self.parent_is_remote,
        }
    }

    /// The trace, if it is recorded.
    #[inline]
    fn recorded(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref().filter(|shared| shared.recording)
    }

    fn record(&self, body: impl FnOnce(&mut Details, &Limits)) {
        let Some(shared) = self.recorded() else {
            return;
        };
        let engine = &shared.engine;
        let mut details = self.details.take().unwrap_or_else(|| local::take_buffer(&engine.recycler));
        body(&mut details, &engine.limits);
        // What user code has recorded in the meantime, by being formatted, stands behind it.
        if let Some(meanwhile) = self.details.take() {
            details.append(meanwhile, &engine.limits);
        }
        self.details.set(Some(details));
    }

    /// Takes over what was recorded on it while it was current.
    #[inline]
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let Some(later) = details {
            self.append(later);
        }
    }

    fn append(&self, later: Box<Details>) {
        let Some(shared) = &self.shared else {
            return;
        };
        let merged = match self.details.take() {
            None => later,
            Some(mut earlier) => {
                earlier.append(later, &shared.engine.limits);
                earlier
            }
        };
        self.details.set(Some(merged));
    }
}

/// The recording methods, the same on [`Span`] and on [`CurrentSpan`](super::CurrentSpan).
macro_rules! recording_methods {
    () => {
        /// Sets an attribute; one of the same key is replaced.
        ///
        /// The 129th different key and bytes past 16 KiB of a text are left out and counted, unless
        /// the tracer's limits say otherwise.
        pub fn set_attribute<'v>(
            &self,
            key: impl Into<Cow<'static, str>>,
            value: impl Into<Value<'v>>,
        ) -> &Self {
            self.record(|details, limits| details.push_attribute(key.into(), value.into(), limits));
            self
        }

        /// Sets an attribute to a formatted text, written straight into the span's own buffer, and
        /// not formatted at all where nothing is recorded.
        ///
        /// ```
        /// # let (span, order) = (throughline::Span::current(), ("ada", 7));
        /// span.set_attribute_fmt("order", format_args!("{order:?}"));
        /// ```
        pub fn set_attribute_fmt(
            &self,
            key: impl Into<Cow<'static, str>>,
            value: fmt::Arguments<'_>,
        ) -> &Self {
            self.record(|details, limits| details.push_formatted(key.into(), value, limits));
            self
        }

        /// Records that something happened now.
        ///
        /// ```
        /// # let span = throughline::Span::current();
        /// span.add_event("retry", &[("attempt", 2.into()), ("after", "timeout".into())]);
        /// ```
        pub fn add_event(
            &self,
            name: impl Into<Cow<'static, str>>,
            attributes: &[(&'static str, Value<'_>)],
        ) -> &Self {
            let ticks = self.ticks();
            self.record(|details, limits| details.push_event(name.into(), ticks, attributes, limits));
            self
        }

        /// Points to another span, of this trace or another: the request a batch job works on, say.
        pub fn add_link(&self, context: &SpanContext, attributes: &[(&'static str, Value<'_>)]) -> &Self {
            self.record(|details, limits| details.push_link(context, attributes, limits));
            self
        }

        /// Changes the name, for a better one that is known only later. Cut at 1 KiB.
        pub fn set_name(&self, name: impl Into<Cow<'static, str>>) -> &Self {
            self.record(|details, limits| details.set_name(name.into(), limits));
            self
        }

        /// Says whether the work succeeded. `Ok` is final; `Unset` changes nothing
        /// [OpenTelemetry trace API, set status].
        pub fn set_status(&self, status: Status) -> &Self {
            self.record(|details, limits| details.set_status_within(status, limits));
            self
        }

        /// Records an error: an `exception` event, `error.type`, and the status.
        ///
        /// The type is the error's Rust type, the message its `Display`.
        pub fn record_error<E: Error + ?Sized>(&self, error: &E) -> &Self {
            self.record_error_fmt(std::any::type_name::<E>(), format_args!("{error}"))
        }

        /// As [`record_error`](Self::record_error), for what is no [`Error`]: its class, of low
        /// cardinality, and its message.
        pub fn record_error_fmt(&self, error_type: &str, message: fmt::Arguments<'_>) -> &Self {
            let ticks = self.ticks();
            self.record(|details, limits| details.push_error(error_type, message, ticks, limits));
            self
        }
    };
}
pub(super) use recording_methods;

impl Span {
    /// Starts a span: a child of the thread's current span; else the first of a new trace of the
    /// thread's or the process's default tracer; else nothing.
    #[inline]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        // A literal's name goes in registers, which a `Cow` does not.
        match name.into() {
            Cow::Borrowed(name) => local::start_named(name),
            owned => local::start_default(owned),
        }
    }

    /// As [`new`](Self::new), with options.
    pub fn builder(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
        SpanBuilder::new(local::ambient_engine(), name.into())
    }

    /// A span that records nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    #[inline(always)]
    pub(super) const fn live(live: Box<Live>) -> Self {
        Self(Some(live))
    }

    /// Starts a child of this span now, current or not.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        match self.identity() {
            Some((shared, span_id)) => {
                local::start_child_of(shared, span_id, name.into(), SpanKind::Internal, None)
            }
            None => Self::none(),
        }
    }

    /// Ends the span now. The same as dropping it.
    pub fn end(self) {
        drop(self);
    }

    /// Ends the span as work that was given up before its end.
    pub fn cancel(self) {
        self.end_as(Outcome::Cancelled);
    }

    pub(crate) fn end_as(mut self, outcome: Outcome) {
        if let Some(live) = self.0.take() {
            local::finish(live, outcome);
        }
    }

    /// Makes this the thread's current span until the guard is dropped.
    ///
    /// The guard must not be held across an `.await`: it would stay current for whatever the thread
    /// does next. It is not `Send`, so a future that does it cannot be spawned on a thread pool; use
    /// [`Instrument`](super::Instrument) for futures.
    pub fn enter(&self) -> Entered<'_> {
        Entered::new(self)
    }

    /// Makes this the thread's current span until the guard is dropped, which ends the span.
    #[inline]
    pub fn entered(self) -> EnteredSpan {
        EnteredSpan::new(self)
    }

    /// Runs `body` with this as the thread's current span.
    pub fn in_scope<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        body()
    }

    recording_methods!();

    fn record(&self, body: impl FnOnce(&mut Details, &Limits)) {
        if let Some(live) = &self.0 {
            live.record(body);
        }
    }

    #[inline]
    fn recorded(&self) -> Option<&Arc<Shared>> {
        self.0.as_ref()?.recorded()
    }

    fn ticks(&self) -> u64 {
        self.recorded().map_or(0, |shared| shared.engine.timeline.ticks())
    }

    /// Will anything that is set on it be exported?
    pub fn is_recording(&self) -> bool {
        self.recorded().is_some()
    }

    /// Its identity, to hand to another process or to link to.
    pub fn context(&self) -> Option<SpanContext> {
        self.handle().map(|handle| handle.context())
    }

    /// A handle for children elsewhere: cheap to clone, `Send` and `Sync`, and never keeps the span
    /// open.
    pub fn handle(&self) -> Option<SpanHandle> {
        self.identity().map(|(shared, span_id)| SpanHandle { shared: shared.clone(), span_id })
    }

    /// The id of the request it belongs to.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.identity().map(|(shared, _)| &shared.request_id)
    }

    /// The baggage of the request it belongs to.
    pub fn baggage(&self) -> Option<&Baggage> {
        self.identity().map(|(shared, _)| &shared.baggage)
    }

    /// The time since it started, by the tracer's clock; zero where nothing is recorded.
    pub fn elapsed(&self) -> Duration {
        let (Some(live), Some(shared)) = (&self.0, self.recorded()) else {
            return Duration::ZERO;
        };
        let timeline = &shared.engine.timeline;
        Duration::from_nanos(timeline.nanos_between(live.start, timeline.ticks()))
    }

    /// The trace's shared state and the span's id, unless it is inert.
    #[inline]
    pub(super) fn identity(&self) -> Option<(&Arc<Shared>, SpanId)> {
        let live = self.0.as_ref()?;
        live.shared.as_ref().map(|shared| (shared, live.span_id))
    }

    #[inline]
    pub(super) fn enter_entry(&self) -> Option<local::Token> {
        let live = self.0.as_ref()?;
        local::enter(live.shared.as_ref()?, live.span_id, true)
    }

    /// Takes over what was recorded on it while it was current.
    #[inline]
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let Some(live) = &self.0 {
            live.absorb(details);
        }
    }

    /// Ends it, and its time as the current span.
    #[inline]
    pub(super) fn leave_and_end(&mut self, token: local::Token) {
        if let Some(live) = self.0.take() {
            local::leave_and_finish(token, live);
        }
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(live) = self.0.take() {
            local::finish_dropped(live);
        }
    }
}

impl Default for Span {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.identity()) {
            (Some(live), Some((shared, span_id))) => f
                .debug_struct("Span")
                .field("name", &live.name)
                .field("trace_id", &shared.trace_id)
                .field("span_id", &span_id)
                .field("recording", &shared.recording)
                .finish_non_exhaustive(),
            _ => f.write_str("Span(none)"),
        }
    }
}
