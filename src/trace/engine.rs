//! What all threads of one tracer share (floor 4).

use super::{
    config::Config,
    ended::{Ended, OfTrace, Trace},
    lane::{Depot, LaneCounters, LaneReceiver, Totals},
    message::{Message, Ticket, Waiting},
};
use crate::{
    clock::{Timeline, after},
    context::Baggage,
    diagnostics::{Diagnostic, Diagnostics},
    export::{Completed, Completion, DropReason, ExporterStats, Inlet, Report, RuleStats, Stats},
    ids::IdSource,
    record::{Chunk, Limits, Recycler, Resource},
    redact::Rules,
    sampling::{
        Sampler,
        tail::{TailCounters, TailStats},
    },
    sync::{AtomicBool, Mutex, Ordering, lock},
};
use std::{
    ops::Deref,
    sync::{Arc, atomic, mpsc},
    time::{Duration, Instant},
};

/// Is everything switched off at compile time?
pub(super) const OFF: bool = cfg!(throughline_off);

/// Tracers that have not been shut down. While there is none, a span costs one load.
static LIVE: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
static NEXT_ID: atomic::AtomicU64 = atomic::AtomicU64::new(1);

#[inline]
pub(super) fn any_tracer_is_live() -> bool {
    !OFF && LIVE.load(Ordering::Relaxed) > 0
}

/// What is constant through one trace's time in this process: shared by its spans, not copied.
pub(super) struct Shared {
    pub(super) engine: Arc<Engine>,
    pub(super) trace: Trace,
    /// Has anything been recorded on its spans as the current ones, on any thread?
    is_recorded_through_entries: AtomicBool,
}

impl Shared {
    pub(super) fn new(engine: &Arc<Engine>, trace: Trace) -> Self {
        Self { engine: engine.clone(), trace, is_recorded_through_entries: AtomicBool::new(false) }
    }

    /// Something is recorded on a span of it as the current one.
    pub(super) fn record_through_entries(&self) {
        // Looked at first: a store would take the line from the other threads.
        if !self.is_recorded_through_entries() {
            self.is_recorded_through_entries.store(true, Ordering::Relaxed);
        }
    }

    /// Has anything been recorded on a span of it as the current one? What one thread does so, it sees itself.
    #[inline(always)]
    pub(super) fn is_recorded_through_entries(&self) -> bool {
        self.is_recorded_through_entries.load(Ordering::Relaxed)
    }

    /// Makes room for another trace in the place of this one. An engine that stays is not referred to anew.
    #[inline(always)]
    pub(super) fn vacate(&mut self, engine: &Arc<Engine>) -> &mut Trace {
        if !Arc::ptr_eq(&self.engine, engine) {
            self.engine = engine.clone();
        }
        *self.is_recorded_through_entries.get_mut() = false;
        &mut self.trace
    }

    /// The same trace, whose spans from here on carry this baggage; nothing else of it is another.
    pub(super) fn with_baggage(&self, baggage: Baggage) -> Self {
        let trace = Trace {
            trace_state: self.trace_state.clone(),
            request_id: self.request_id.clone(),
            baggage,
            ..self.trace
        };
        Self::new(&self.engine, trace)
    }
}

impl Deref for Shared {
    type Target = Trace;

    #[inline(always)]
    fn deref(&self) -> &Trace {
        &self.trace
    }
}

/// The lanes' counters: of those in use, and the sum of those whose threads have ended.
#[derive(Default)]
struct Ledger {
    lanes: Vec<Arc<LaneCounters>>,
    retired: Totals,
}

/// What has left the lanes. Held while spans go from there into the queues, so that whoever reads the
/// books finds each in one place.
#[derive(Default)]
struct Intake {
    handed_on: u64,
    /// Not kept by the tail sampler.
    left_out: u64,
    /// The collector takes nothing more.
    is_over: bool,
}

/// What the engine shares with the exporters' side.
pub(super) struct Parts {
    pub(super) resource: Arc<Resource>,
    pub(super) redaction: Arc<Rules>,
    pub(super) diagnostics: Arc<Diagnostics>,
    pub(super) inlets: Vec<Arc<dyn Inlet>>,
    pub(super) tail: Option<Arc<TailCounters>>,
}

pub(crate) struct Engine {
    pub(super) id: u64,
    pub(super) timeline: Timeline,
    pub(super) ids: IdSource,
    pub(super) sampler: Box<dyn Sampler>,
    /// Does the sampler look at attributes?
    pub(super) samples_by_attributes: bool,
    tail: Option<Arc<TailCounters>>,
    pub(super) limits: Limits,
    pub(super) resource: Arc<Resource>,
    pub(super) redaction: Arc<Rules>,
    pub(super) recycler: Arc<Recycler>,
    pub(super) depot: Depot,
    pub(super) inlets: Vec<Arc<dyn Inlet>>,
    pub(super) diagnostics: Arc<Diagnostics>,
    /// Where it was built: its threads are in no process that was forked off.
    process: u32,
    inbox: mpsc::Sender<Message>,
    intake: Mutex<Intake>,
    ledger: Mutex<Ledger>,
    /// The shutdown, once one has begun. Held while anything is sent that the collector has to wait for,
    /// so that no flush comes behind the shutdown.
    shutdown: Mutex<Option<Waiting>>,
}

impl Engine {
    pub(super) fn new(config: Config, parts: Parts, inbox: mpsc::Sender<Message>) -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            timeline: Timeline::new(config.clock),
            ids: config.ids,
            samples_by_attributes: config.sampler.wants_attributes(),
            sampler: config.sampler,
            tail: parts.tail,
            limits: config.limits,
            resource: parts.resource,
            redaction: parts.redaction,
            recycler: Arc::new(Recycler::new()),
            depot: Depot::new(config.buffer_spans, config.buffer_bytes),
            inlets: parts.inlets,
            diagnostics: parts.diagnostics,
            process: std::process::id(),
            inbox,
            intake: Mutex::new(Default::default()),
            ledger: Mutex::new(Default::default()),
            shutdown: Mutex::new(Default::default()),
        }
    }

    /// An engine that records nothing and has no threads: as one that has been shut down.
    pub(super) fn passive(config: Config, parts: Parts) -> Self {
        let (inbox, _nobody) = mpsc::channel();
        let mut engine = Self::new(config, parts, inbox);
        engine.cancel();
        let done = Waiting { completion: Arc::new(Completion::new(0)), deadline: Instant::now() };
        engine.shutdown = Mutex::new(Some(done));
        engine
    }

    // For the threads that start and end spans.

    /// Tells the collector of a new lane. If it is gone, what goes into the lane is lost, but counted.
    pub(super) fn announce(&self, lane: LaneReceiver) {
        if self.is_forked() {
            return;
        }
        lock(&self.ledger).lanes.push(lane.counters().clone());
        let _gone = self.inbox.send(Message::Lane(lane));
    }

    /// Takes a span from a thread that is too far gone to have a lane.
    pub(super) fn push_stray(&self, ended: Ended, trace: OfTrace) {
        if self.is_forked() {
            return;
        }
        let mut ledger = lock(&self.ledger);
        ledger.retired.ended += 1;
        drop(ledger);
        // A collector that is gone leaves the span counted as ended after the shutdown.
        let _gone = self.inbox.send(Message::Stray(Box::new((ended, trace))));
    }

    pub(super) const fn has_tail_sampler(&self) -> bool {
        self.tail.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.depot.is_closed()
    }

    /// Undoes the start of an engine whose threads could not all be started.
    pub(super) fn cancel(&self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
        self.depot.close();
        self.give_up();
    }

    // For the handles.

    /// Begins a flush. With a shutdown under way or done, that is the one to wait for.
    pub(super) fn flush(&self, within: Duration) -> Waiting {
        let waiting = self.ask_for_flush(within);
        self.depot.bell.ring();
        waiting
    }

    /// As [`flush`](Self::flush), but for waking the collector: somebody else collects.
    pub(super) fn ask_for_flush(&self, within: Duration) -> Waiting {
        let shutdown = lock(&self.shutdown);
        if let Some(shutdown) = &*shutdown {
            return self.join(shutdown, within);
        }
        let waiting = self.waiting(within);
        // The message expires the completion if nobody is left to read it.
        let _gone = self.inbox.send(Message::Flush(Ticket::new(waiting.clone())));
        waiting
    }

    /// Begins the shutdown, or joins the one that is under way or done.
    pub(super) fn shutdown(&self, within: Duration) -> Waiting {
        let mut shutdown = lock(&self.shutdown);
        if let Some(shutdown) = &*shutdown {
            return self.join(shutdown, within);
        }
        let waiting = self.waiting(within);
        *shutdown = Some(waiting.clone());
        LIVE.fetch_sub(1, Ordering::Relaxed);
        let _gone = self.inbox.send(Message::Shutdown(Ticket::new(waiting.clone())));
        self.depot.bell.ring();
        waiting
    }

    /// Nobody waits for this any more. A shutdown goes on all the same; a flush does until the next one, which does what
    /// it was to do.
    pub(super) fn desert(&self, waiting: &Waiting) {
        let is_shutdown = |shutdown: &Waiting| Arc::ptr_eq(&shutdown.completion, &waiting.completion);
        if !self.is_forked() && !lock(&self.shutdown).as_ref().is_some_and(is_shutdown) {
            waiting.completion.desert();
        }
    }

    /// Waits for the shutdown, for a time of one's own.
    fn join(&self, shutdown: &Waiting, within: Duration) -> Waiting {
        let completion = shutdown.completion.clone();
        let waiting = Waiting { completion, deadline: after(Instant::now(), within) };
        // A collector that is gone has settled the completion.
        let _gone = self.inbox.send(Message::Watch(waiting.clone()));
        waiting
    }

    /// Something to wait for: every exporter, and the collector itself.
    fn waiting(&self, within: Duration) -> Waiting {
        Waiting {
            completion: Arc::new(Completion::new(self.exporters() + 1)),
            deadline: after(Instant::now(), within),
        }
    }

    /// Closes the books if the shutdown's time is over. The collector does so at the same time; whoever
    /// comes first.
    pub(super) fn give_up_if_overdue(&self) {
        let is_overdue = |shutdown: &Waiting| Instant::now() >= shutdown.deadline;
        if self.is_closed() && lock(&self.shutdown).as_ref().is_some_and(is_overdue) {
            self.give_up();
        }
    }

    /// What is not delivered by now is lost.
    pub(super) fn give_up(&self) {
        for inlet in &self.inlets {
            inlet.abandon();
        }
    }

    fn exporters(&self) -> usize {
        self.inlets.iter().map(|inlet| inlet.exporters()).sum()
    }

    /// Is this a process that was forked off from the one with the tracer's threads? Nothing here is
    /// waited for or locked in it: a lock that was held at the fork stays so.
    pub(super) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    pub(super) fn report(&self, completed: Completed) -> Report {
        let Completed { timed_out, failed } = completed;
        Report { stats: self.stats(), timed_out, flush_failed: failed, forked: false }
    }

    /// The sum of all lanes' counters.
    pub(super) fn totals(&self) -> Totals {
        let ledger = lock(&self.ledger);
        let mut totals = ledger.retired;
        ledger.lanes.iter().for_each(|counters| totals.add(counters));
        totals
    }

    pub(super) fn stats(&self) -> Stats {
        let intake = lock(&self.intake);
        let totals = self.totals();
        let mut stats = Stats {
            ended: totals.ended,
            open: totals.started.saturating_sub(totals.ended),
            sampled_out: totals.sampled_out,
            sampled_out_spans: intake.left_out,
            exporters: self.exporter_stats(),
            redacted: self.redaction.tallies().map(RuleStats::from_tally).collect(),
            ..Stats::default()
        };
        stats.dropped.add(DropReason::BufferFull, totals.refused);
        let underway = totals.ended.saturating_sub(totals.refused + intake.handed_on + intake.left_out);
        if intake.is_over {
            stats.dropped.add(DropReason::AfterShutdown, underway);
        } else {
            stats.buffered = underway;
        }
        stats
    }

    fn exporter_stats(&self) -> Vec<ExporterStats> {
        let mut stats: Vec<_> = self.inlets.iter().flat_map(|inlet| inlet.stats()).collect();
        stats.sort_by_key(|(place, _)| *place);
        stats.into_iter().map(|(_, stats)| stats).collect()
    }

    /// What the tail sampler did, if there is one.
    pub(super) fn tail_stats(&self) -> Option<TailStats> {
        self.tail.as_ref().map(|tail| tail.read())
    }

    // For the collector.

    /// Puts a chunk into every queue. `more` is to come at once.
    pub(super) fn hand_on(&self, chunk: &Arc<Chunk>, more: bool) {
        let mut intake = lock(&self.intake);
        for inlet in &self.inlets {
            if !inlet.push(chunk, more) {
                self.diagnostics.note(Diagnostic::SpansDropped);
            }
        }
        intake.handed_on += chunk.len() as u64;
    }

    /// Counts spans that the tail sampler did not keep.
    pub(super) fn leave_out(&self, spans: usize) {
        lock(&self.intake).left_out += spans as u64;
    }

    /// Says that what has not been handed on by now never will be.
    pub(super) fn end_intake(&self) {
        lock(&self.intake).is_over = true;
    }

    /// Frees the memory that waited for more spans. A thread that is idle may keep the engine itself.
    pub(super) fn free_spares(&self) {
        self.depot.free_spare_blocks();
        self.recycler.close();
    }

    /// The lane's thread has ended: only its sums stay.
    pub(super) fn retire_lane(&self, counters: &Arc<LaneCounters>) {
        let mut ledger = lock(&self.ledger);
        ledger.retired.add(counters);
        ledger.lanes.retain(|known| !Arc::ptr_eq(known, counters));
    }
}
