//! The span (floor 4).

use super::{
    engine::Shared,
    finish,
    live::{Inner, Live},
    local, start,
};
use crate::{
    context::{Baggage, SpanContext},
    ids::{RequestId, SpanId},
    record::{Details, Limits, Outcome, SpanKind, Status},
    secrets,
    value::Value,
};
use std::{borrow::Cow, cell::Cell, error::Error, fmt, sync::Arc, time::Duration};

/// One unit of work: from now until it is dropped or ended.
///
/// The same type serves sync and async code and can move between threads. It is its own only owner: what
/// others hold (a [`SpanHandle`](super::SpanHandle), a [`SpanContext`]) never keeps it open. Without a tracer, or where the
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
pub struct Span(Inner);

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
        /// The type is the error's Rust type, the message its `Display`. Where the type is not known, of a
        /// `dyn Error`, it is `_OTHER`; [`record_error_fmt`](Self::record_error_fmt) takes a better one.
        pub fn record_error<E: Error + ?Sized>(&self, error: &E) -> &Self {
            let class = std::any::type_name::<E>();
            let class = if class.starts_with("dyn ") { crate::semconv::OTHER } else { class };
            self.record_error_fmt(class, format_args!("{error}"))
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
    /// A span that records nothing.
    pub const fn none() -> Self {
        Self(Inner::Inert)
    }

    #[inline(always)]
    pub(super) const fn of(inner: Inner) -> Self {
        Self(inner)
    }

    /// Starts a child of this span now, current or not.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        match self.identity() {
            Some((shared, span_id)) => {
                Self::of(start::child_of(shared, span_id, name.into(), SpanKind::Internal, None))
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
        match self.0.take() {
            Inner::Inert => {}
            Inner::Silent(shared) => finish::silent(shared),
            Inner::Recorded(live) => finish::with_outcome(live, outcome),
        }
    }

    /// Ends the span as work that is dropped before its end: by a panic that began after it, else given
    /// up.
    pub(crate) fn end_unfinished(mut self) {
        match self.0.take() {
            Inner::Recorded(live) => {
                let outcome = match finish::outcome_of_drop(&live) {
                    Outcome::Completed => Outcome::Cancelled,
                    panicked => panicked,
                };
                finish::with_outcome(live, outcome);
            }
            other => self.0 = other,
        }
    }

    recording_methods!();

    fn record(&self, body: impl FnOnce(&mut Details, &Limits)) {
        let Some((live, shared)) = self.recorded() else {
            return;
        };
        while let Some(earlier) = local::take_recorded(shared, live.span_id) {
            live.absorb(Some(earlier));
        }
        let engine = &shared.engine;
        let details = live.details.take().unwrap_or_else(|| local::take_buffer(&engine.recycler));
        // Formatting a value runs user code, which may panic.
        let mut lent = Lent { details: Some(details), place: &live.details, limits: &engine.limits };
        if let Some(details) = &mut lent.details {
            body(details, &engine.limits);
        }
    }

    #[inline]
    fn recorded(&self) -> Option<(&Live, &Arc<Shared>)> {
        match &self.0 {
            Inner::Recorded(live) => live.shared.as_ref().map(|shared| (&**live, shared)),
            _ => None,
        }
    }

    fn ticks(&self) -> u64 {
        self.recorded().map_or(0, |(_, shared)| shared.engine.timeline.ticks())
    }

    /// Will anything that is set on it be exported?
    pub fn is_recording(&self) -> bool {
        self.recorded().is_some()
    }

    /// The id of the request it belongs to.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.identity().map(|(shared, _)| &shared.request_id)
    }

    /// The baggage of the request it belongs to.
    pub fn baggage(&self) -> Option<&Baggage> {
        self.identity().map(|(shared, _)| &shared.baggage)
    }

    /// The time since it started, by the tracer's clock. Where its trace is not recorded, the time since
    /// the first span of that in this process; without a tracer zero.
    pub fn elapsed(&self) -> Duration {
        let (shared, start) = match &self.0 {
            Inner::Inert => return Duration::ZERO,
            Inner::Silent(shared) => (shared, shared.first_start),
            Inner::Recorded(live) => match &live.shared {
                Some(shared) => (shared, live.start),
                None => return Duration::ZERO,
            },
        };
        let timeline = &shared.engine.timeline;
        Duration::from_nanos(timeline.nanos_between(start, timeline.ticks()))
    }

    /// The trace's shared state and the span's id, unless it is inert.
    #[inline]
    pub(super) fn identity(&self) -> Option<(&Arc<Shared>, SpanId)> {
        self.0.identity()
    }

    #[inline]
    pub(super) fn enter_entry(&self) -> Option<local::Token> {
        match &self.0 {
            Inner::Inert => None,
            Inner::Silent(shared) => local::enter(shared, shared.first_span, false),
            Inner::Recorded(live) => local::enter(live.shared.as_ref()?, live.span_id, true),
        }
    }

    /// Takes over what was recorded on it while it was current.
    #[inline]
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let Inner::Recorded(live) = &self.0 {
            live.absorb(details);
        }
    }

    /// Ends it, and its time as the current span.
    #[inline]
    pub(super) fn leave_and_end(&mut self, token: local::Token) {
        match self.0.take() {
            Inner::Recorded(live) => finish::leaving(token, live),
            other => {
                let _nothing_recorded = local::exit(token);
                self.0 = other;
            }
        }
    }
}

/// Details that go back to their place, whatever happens.
struct Lent<'a> {
    details: Option<Box<Details>>,
    place: &'a Cell<Option<Box<Details>>>,
    limits: &'a Limits,
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        // What user code has recorded in the meantime, by being formatted, stands behind it.
        if let (Some(details), Some(meanwhile)) = (&mut self.details, self.place.take()) {
            details.append(meanwhile, self.limits);
        }
        self.place.set(self.details.take());
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        match self.0.take() {
            Inner::Inert => {}
            Inner::Silent(shared) => finish::silent(shared),
            Inner::Recorded(live) => finish::dropped(live),
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
            (Inner::Recorded(live), Some((shared, span_id))) => f
                .debug_struct("Span")
                .field("name", &secrets::clean(&live.name))
                .field("trace_id", &shared.trace_id)
                .field("span_id", &span_id)
                .finish_non_exhaustive(),
            (_, Some((shared, _))) => f
                .debug_struct("Span(not recorded)")
                .field("trace_id", &shared.trace_id)
                .finish_non_exhaustive(),
            _ => f.write_str("Span(none)"),
        }
    }
}
