//! The tracer: a handle on one engine (floor 4).

use super::{
    config::Exchanges,
    engine::{Engine, OFF},
    gatherer::Gathering,
    message::Waiting,
    span::Span,
    span_builder::SpanBuilder,
    start,
};
use crate::{
    diagnostics::Diagnostic,
    export::{Completed, Report, Seat, Stats},
    propagation::Propagator,
    record::{Resource, SpanKind},
    sampling::tail::TailStats,
};
use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

/// Makes spans and sends them to its exporters.
///
/// A tracer is a value: a process may have several, and they never see one another's spans. Clones are
/// handles on the same tracer. When the last handle is dropped, what is left is delivered within
/// [`drop_within`](super::TracerBuilder::drop_within); better is to call [`shutdown`](Self::shutdown), which
/// says what became of it.
///
/// ```
/// use std::time::Duration;
/// use throughline::{Tracer, exporters::Memory};
///
/// let memory = Memory::new();
/// let tracer = Tracer::builder("orders").exporter(memory.clone()).build()?;
/// {
///     let order = tracer.span("order").entered();
///     order.set_attribute("order.id", 7);
///     let _stock = throughline::Span::new("reserve stock").entered();
/// }
/// let report = tracer.shutdown(Duration::from_secs(5));
/// assert!(report.is_complete());
/// assert_eq!(memory.spans().len(), 2);
/// # Ok::<(), throughline::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Tracer {
    handle: Arc<Handle>,
    resource: Arc<Resource>,
}

struct Handle {
    engine: Arc<Engine>,
    gathering: Weak<Gathering>,
    drop_within: Duration,
    exchanges: Exchanges,
}

impl Tracer {
    pub(super) fn new(
        engine: Arc<Engine>,
        gathering: Weak<Gathering>,
        drop_within: Duration,
        exchanges: Exchanges,
    ) -> Self {
        let resource = engine.resource.clone();
        Self { handle: Arc::new(Handle { engine, gathering, drop_within, exchanges }), resource }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.handle.engine
    }

    #[cfg_attr(not(any(feature = "client", feature = "server")), expect(dead_code))]
    pub(super) fn exchanges(&self) -> &Exchanges {
        &self.handle.exchanges
    }

    /// Starts a span now: a child of the thread's current span if that is this tracer's, else the
    /// first of a new trace.
    #[inline]
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> Span {
        Span::start(|| start::span(self.engine(), None, name.into(), SpanKind::Internal, None))
    }

    /// As [`span`](Self::span), with options.
    pub fn span_builder(&self, name: impl Into<Cow<'static, str>>) -> SpanBuilder {
        SpanBuilder::new(Some(self.engine().clone()).filter(|_| !OFF), name.into())
    }

    /// How often this has been noticed.
    pub fn diagnostic_count(&self, diagnostic: Diagnostic) -> u64 {
        self.engine().diagnostics.count(diagnostic)
    }

    /// Who the spans belong to.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// The formats in which requests carry their context, for carriers that no layer reads and writes: a
    /// message queue's, say. See [`TracerBuilder::propagator`](super::TracerBuilder::propagator).
    ///
    /// ```
    /// # use throughline::{Context, SpanKind, Tracer, propagation::Propagator};
    /// # let tracer = Tracer::builder("orders").environment(|_| None).build()?;
    /// # let headers = vec![("traceparent".to_owned(), Vec::new())];
    /// let mut context = Context::default();
    /// let _refused = tracer.propagator().extract(&headers, &mut context);
    /// let span = tracer.span_builder("take order").kind(SpanKind::Consumer).remote(context).start();
    /// # drop(span);
    /// # Ok::<(), throughline::BuildError>(())
    /// ```
    pub fn propagator(&self) -> &dyn Propagator {
        &self.handle.exchanges.formats
    }

    /// The books up to now. Quick, and exact once a flush has returned.
    ///
    /// A process that was forked off has none: they are empty there.
    pub fn stats(&self) -> Stats {
        if self.engine().is_forked() {
            return Stats::default();
        }
        self.engine().stats()
    }

    /// What the tail sampler did up to now; `None` if the tracer has none.
    pub fn tail_stats(&self) -> Option<TailStats> {
        self.engine().tail_stats()
    }

    /// Delivers every span that has ended before the call; waits for that no longer than `within`.
    ///
    /// A [tail sampler](crate::sampling::tail) decides for that about all traces, with what there is of those
    /// that have not ended.
    ///
    /// Works on any thread, inside async code too, though there it holds the executor's thread up: see
    /// [`flush_async`](Self::flush_async). It needs no runtime and cannot deadlock with one, because
    /// the exporters have threads of their own. What has ended is collected on the calling thread, which has to wait
    /// anyway; where rules, a tail sampler or a clock of your own are called for that, which might wait for this thread,
    /// the tracer's thread does it.
    ///
    /// In a process that was forked off from the tracer's own there are none of its threads: what had
    /// ended before the fork is the parent's to deliver, and the call says at once that its time is over.
    pub fn flush(&self, within: Duration) -> Report {
        let gathering = &self.handle.gathering;
        let start = |engine: &Engine, within| {
            let waiting = engine.ask_for_flush(within);
            // Without a collector there is nothing to wait for.
            if let Some(gathering) = gathering.upgrade() {
                gathering.collect(waiting.deadline);
            }
            waiting
        };
        block_on(self.engine(), start, within)
    }

    /// As [`flush`](Self::flush), without blocking. The flush starts with this call; the future, which
    /// any executor can run, only waits for it.
    pub fn flush_async(&self, within: Duration) -> FlushFuture {
        self.wait_for(Engine::flush, within)
    }

    /// Delivers what has ended, then stops the tracer for all its handles, no later than `within`.
    ///
    /// What is not delivered by then is dropped and counted, as is every span that ends later. A second
    /// call, or a flush, waits for the first as long as it may itself, and takes nothing from its time.
    pub fn shutdown(&self, within: Duration) -> Report {
        block_on(self.engine(), Engine::shutdown, within)
    }

    /// As [`shutdown`](Self::shutdown), without blocking. The shutdown starts with this call.
    pub fn shutdown_async(&self, within: Duration) -> FlushFuture {
        self.wait_for(Engine::shutdown, within)
    }

    fn wait_for(&self, start: fn(&Engine, Duration) -> Waiting, within: Duration) -> FlushFuture {
        let engine = self.engine().clone();
        let waiting = if engine.is_forked() { Waiting::over() } else { start(&engine, within) };
        FlushFuture { engine, waiting, seat: Seat::default() }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("service", &self.resource.service_name()).finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Also where a shutdown has been started and nobody waits for it.
        let _report = block_on(&self.engine, Engine::shutdown, self.drop_within);
    }
}

fn block_on(engine: &Engine, start: impl FnOnce(&Engine, Duration) -> Waiting, within: Duration) -> Report {
    if engine.is_forked() {
        return Report::of_nothing();
    }
    let waiting = start(engine, within);
    let completed = waiting.completion.wait_until(waiting.deadline);
    report(engine, completed)
}

fn report(engine: &Engine, completed: Completed) -> Report {
    if engine.is_forked() {
        return Report::of_nothing();
    }
    if completed.timed_out {
        engine.give_up_if_overdue();
    }
    engine.report(completed)
}

/// Waits for a flush or a shutdown that has been started.
///
/// Needs no timer of the executor's: the tracer's own thread wakes it at the deadline. Dropping it does
/// not stop what was started.
#[must_use = "the report says whether spans were lost"]
pub struct FlushFuture {
    engine: Arc<Engine>,
    waiting: Waiting,
    seat: Seat,
}

impl Future for FlushFuture {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report> {
        let Self { engine, waiting, seat } = &mut *self;
        waiting
            .completion
            .poll_until(waiting.deadline, seat, context)
            .map(|completed| report(engine, completed))
    }
}

impl Drop for FlushFuture {
    fn drop(&mut self) {
        self.engine.desert(&self.waiting);
    }
}

impl fmt::Debug for FlushFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlushFuture").finish_non_exhaustive()
    }
}
