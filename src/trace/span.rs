//! The span (floor 4).

use super::{
    engine::Shared, entered, finish, held::Held, live::Live, local, recording::recording_methods, start,
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
pub struct Span(Held);

impl Span {
    /// A span that records nothing.
    pub const fn none() -> Self {
        Self(Held::NONE)
    }

    /// What `start` has started.
    #[inline(always)]
    pub(super) fn start(start: impl FnOnce() -> Option<Box<Live>>) -> Self {
        Self(Held::start(start))
    }

    #[inline(always)]
    pub(super) fn live(&self) -> Option<&Live> {
        self.0.get()
    }

    /// Starts a child of this span now, current or not.
    #[inline]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        match self.identity() {
            Some((shared, span_id)) => {
                Self::start(|| start::child_of(shared, span_id, name.into(), SpanKind::Internal, None))
            }
            None => Self::none(),
        }
    }

    /// Ends the span now. The same as dropping it.
    #[inline]
    pub fn end(self) {
        drop(self);
    }

    /// Ends the span as work that was given up before its end.
    #[inline]
    pub fn cancel(self) {
        self.end_as(Outcome::Cancelled);
    }

    #[inline]
    pub(crate) fn end_as(mut self, outcome: Outcome) {
        if let Some(live) = self.0.take() {
            finish::ended(None, live, Some(outcome));
        }
    }

    /// Ends the span as work that is dropped before its end: by a panic that began after it, else given
    /// up.
    pub(crate) fn end_unfinished(mut self) {
        if let Some(live) = self.0.take() {
            let outcome = match finish::outcome_of_drop(&live) {
                Outcome::Completed => Outcome::Cancelled,
                panicked => panicked,
            };
            finish::ended(None, live, Some(outcome));
        }
    }

    recording_methods!();

    /// Records what is usual, and runs no user code; false if nothing has been recorded, though it is to be. Where
    /// `body` calls nothing, nothing is called here: it is what most attributes take.
    #[inline(always)]
    fn try_record(&self, body: impl FnOnce(&mut Details, &Limits) -> bool) -> bool {
        let Some((live, shared)) = self.recorded() else {
            return true;
        };
        if shared.is_recorded_through_entries() {
            return false;
        }
        let Some(mut details) = live.details.take() else {
            return false;
        };
        let is_recorded = body(&mut details, &shared.engine.limits);
        // Nobody has put anything into its place meanwhile.
        std::mem::forget(live.details.replace(Some(details)));
        is_recorded
    }

    /// Records what runs no user code.
    #[inline(always)]
    pub(super) fn record_plain(&self, body: impl FnOnce(&mut Details, &Limits)) {
        let Some((live, shared)) = self.recorded() else {
            return;
        };
        let engine = &shared.engine;
        let mut details = Self::take_details(live, shared);
        body(&mut details, &engine.limits);
        // Nobody has put anything into its place meanwhile.
        std::mem::forget(live.details.replace(Some(details)));
    }

    #[inline(always)]
    fn take_details(live: &Live, shared: &Arc<Shared>) -> Box<Details> {
        if shared.is_recorded_through_entries() {
            Self::take_recorded(live, shared);
        }
        live.details.take().unwrap_or_else(|| Self::new_details(shared))
    }

    /// Takes over what has been recorded on the span through its entries.
    #[inline(never)]
    fn take_recorded(live: &Live, shared: &Arc<Shared>) {
        while let Some(earlier) = entered::take_recorded(shared, live.span_id) {
            live.absorb(Some(earlier));
        }
    }

    #[inline(never)]
    fn new_details(shared: &Shared) -> Box<Details> {
        let engine = &shared.engine;
        let mut details = local::take_buffer(&engine.recycler);
        details.open(&engine.limits);
        details
    }

    fn record(&self, body: impl FnOnce(&mut Details, &Limits)) {
        let Some((live, shared)) = self.recorded() else {
            return;
        };
        let engine = &shared.engine;
        let details = Self::take_details(live, shared);
        // Formatting a value runs user code, which may panic.
        let mut lent = Lent { details: Some(details), place: &live.details, limits: &engine.limits };
        if let Some(details) = &mut lent.details {
            body(details, &engine.limits);
        }
    }

    /// Is there nothing to record on?
    #[inline(always)]
    fn is_inert(&self) -> bool {
        self.live().is_none()
    }

    #[inline]
    fn recorded(&self) -> Option<(&Live, &Arc<Shared>)> {
        let live = self.live()?;
        Some((live, live.recorded()?))
    }

    fn ticks(&self) -> u64 {
        self.recorded().map_or(0, |(_, shared)| shared.engine.timeline.ticks())
    }

    /// Will anything that is set on it be exported?
    #[inline]
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
        let Some((live, (shared, _))) = self.live().zip(self.identity()) else {
            return Duration::ZERO;
        };
        let start = if shared.recording { live.start } else { shared.first_start };
        let timeline = &shared.engine.timeline;
        Duration::from_nanos(timeline.nanos_between(start, timeline.ticks()))
    }

    /// The trace's shared state and the span's id, unless it is inert.
    #[inline]
    pub(super) fn identity(&self) -> Option<(&Arc<Shared>, SpanId)> {
        let live = self.live()?;
        Some((live.shared.as_ref()?, live.span_id))
    }

    #[inline]
    pub(super) fn enter_entry(&self) -> Option<entered::Token> {
        self.live().and_then(entered::enter)
    }

    /// Takes over what was recorded on it while it was current.
    #[inline]
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let Some(live) = self.live() {
            live.absorb(details);
        }
    }

    /// Ends it, and its time as the current span.
    #[inline]
    pub(super) fn leave_and_end(mut self, token: Option<entered::Token>) {
        if let Some(live) = self.0.take() {
            finish::ended(token, live, None);
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
        if let Some(live) = self.0.take() {
            finish::ended(None, live, None);
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
        match (self.live(), self.identity()) {
            (Some(live), Some((shared, span_id))) if shared.recording => f
                .debug_struct("Span")
                .field("name", &secrets::clean(&live.shown_name()))
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
