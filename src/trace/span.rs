//! The span (floor 4).

use super::{
    current::SpanHandle,
    engine::Shared,
    local,
    scope::{Entered, EnteredSpan},
    span_builder::SpanBuilder,
};
use crate::{
    context::{Baggage, SpanContext},
    ids::{RequestId, SpanId},
    record::{Details, Limits, Outcome, SpanKind, SpanRecord, Status, cut_name},
    semconv,
    value::Value,
};
use std::{borrow::Cow, cell::Cell, error::Error, fmt, sync::Arc, thread, time::Duration};

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
pub struct Span(pub(super) Option<Active>);

/// A span of a live tracer.
pub(super) struct Active {
    pub(super) shared: Arc<Shared>,
    pub(super) span_id: SpanId,
    parent: Option<SpanId>,
    /// In ticks; where the trace is not recorded, known only of its first span here.
    pub(super) start: u64,
    name: Cow<'static, str>,
    details: Cell<Option<Box<Details>>>,
    kind: SpanKind,
    parent_is_remote: bool,
    /// A span started during a panic, by a destructor, is not a victim of it.
    began_in_panic: bool,
}

impl Active {
    #[expect(clippy::too_many_arguments, reason = "the fields of a span, each named where it is made")]
    pub(super) fn new(
        shared: Arc<Shared>,
        span_id: SpanId,
        parent: Option<SpanId>,
        parent_is_remote: bool,
        start: u64,
        name: Cow<'static, str>,
        kind: SpanKind,
        details: Option<Box<Details>>,
    ) -> Self {
        let details = Cell::new(details);
        let began_in_panic = thread::panicking();
        Self { shared, span_id, parent, start, name, details, kind, parent_is_remote, began_in_panic }
    }

    fn with_details(&self, body: impl FnOnce(&mut Details, &Limits)) {
        if !self.shared.recording {
            return;
        }
        let engine = &self.shared.engine;
        let mut details = self.details.take().unwrap_or_else(|| local::take_buffer(&engine.recycler));
        body(&mut details, &engine.limits);
        self.put_back(details);
    }

    /// Puts details back, behind what user code has recorded in the meantime.
    fn put_back(&self, mut details: Box<Details>) {
        if let Some(meanwhile) = self.details.take() {
            details.append(meanwhile, &self.shared.engine.limits);
        }
        self.details.set(Some(details));
    }

    fn finish(self, outcome: Outcome) {
        let Self { shared, span_id, parent, start, name, details, kind, parent_is_remote, .. } = self;
        if !shared.recording {
            return local::forget(shared);
        }
        let end = shared.engine.timeline.ticks();
        let mut details = details.into_inner();
        let name = match details.as_mut().and_then(|details| details.name.take()) {
            Some(renamed) => renamed,
            None => name,
        };
        let mut record = SpanRecord {
            trace_id: shared.trace_id,
            span_id,
            parent_span_id: parent,
            start,
            end,
            name: cut_name(name, shared.engine.limits.name_bytes),
            details,
            kind,
            outcome,
            flags: shared.flags,
            parent_is_remote,
        };
        if outcome == Outcome::Panicked {
            let details = record.details_mut();
            details.push_attribute(semconv::ERROR_TYPE.into(), "panic".into(), &shared.engine.limits);
            details.set_status(Status::error("panicked"));
        }
        if !shared.trace_state.is_empty() {
            record.details_mut().trace_state = shared.trace_state.clone();
        }
        local::finish(shared, record);
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
            self.record(|details, _| details.name = Some(name.into()));
            self
        }

        /// Says whether the work succeeded. `Ok` is final; `Unset` changes nothing
        /// [OpenTelemetry trace API, set status].
        pub fn set_status(&self, status: Status) -> &Self {
            self.record(|details, _| details.set_status(status));
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
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        local::start_default(name.into())
    }

    /// As [`new`](Self::new), with options.
    pub fn builder(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
        SpanBuilder::new(local::ambient_engine(), name.into())
    }

    /// A span that records nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) const fn active(active: Active) -> Self {
        Self(Some(active))
    }

    /// Starts a child of this span now, current or not.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        match &self.0 {
            Some(active) => {
                let name = name.into();
                local::start_child_of(&active.shared, active.span_id, name, SpanKind::Internal, None)
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
        if let Some(active) = self.0.take() {
            active.finish(outcome);
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
        if let Some(active) = &self.0 {
            active.with_details(body);
        }
    }

    fn ticks(&self) -> u64 {
        match &self.0 {
            Some(active) if active.shared.recording => active.shared.engine.timeline.ticks(),
            _ => 0,
        }
    }

    /// Will anything that is set on it be exported?
    pub fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(|active| active.shared.recording)
    }

    /// Its identity, to hand to another process or to link to.
    pub fn context(&self) -> Option<SpanContext> {
        self.handle().map(|handle| handle.context())
    }

    /// A handle for children elsewhere: cheap to clone, `Send` and `Sync`, and never keeps the span
    /// open.
    pub fn handle(&self) -> Option<SpanHandle> {
        let active = self.0.as_ref()?;
        Some(SpanHandle { shared: active.shared.clone(), span_id: active.span_id })
    }

    /// The id of the request it belongs to.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.as_ref().map(|active| &active.shared.request_id)
    }

    /// The baggage of the request it belongs to.
    pub fn baggage(&self) -> Option<&Baggage> {
        self.0.as_ref().map(|active| &active.shared.baggage)
    }

    /// The time since it started, by the tracer's clock; zero where nothing is recorded.
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Some(active) if active.shared.recording => {
                let timeline = &active.shared.engine.timeline;
                Duration::from_nanos(timeline.nanos_between(active.start, timeline.ticks()))
            }
            _ => Duration::ZERO,
        }
    }

    pub(super) fn enter_entry(&self) -> Option<local::Token> {
        let active = self.0.as_ref()?;
        local::enter(&active.shared, active.span_id, true)
    }

    /// Takes over what was recorded on it while it was current.
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let (Some(active), Some(later)) = (&self.0, details) {
            let merged = match active.details.take() {
                None => later,
                Some(mut earlier) => {
                    earlier.append(later, &active.shared.engine.limits);
                    earlier
                }
            };
            active.details.set(Some(merged));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(active) = self.0.take() {
            let panicked = thread::panicking() && !active.began_in_panic;
            active.finish(if panicked { Outcome::Panicked } else { Outcome::Completed });
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
        match &self.0 {
            Some(active) => f
                .debug_struct("Span")
                .field("name", &active.name)
                .field("trace_id", &active.shared.trace_id)
                .field("span_id", &active.span_id)
                .field("recording", &active.shared.recording)
                .finish_non_exhaustive(),
            None => f.write_str("Span(none)"),
        }
    }
}
