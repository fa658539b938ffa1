//! One thread's state (floor 4): which span is current, the thread's lanes, its spare buffers.
//!
//! Everything here is owned by one thread, so nothing here is atomic. User code never runs while the
//! state is borrowed, but for an id generator's, and whatever comes at a moment when the state cannot
//! be had (inside a destructor of the thread's own, say) does without it rather than panic.
//!
//! The stack holds an entry for each entered span. A guard that is dropped before those entered after
//! it leaves its entry behind as not live, and the entry goes with the last one above it: whatever
//! the order, when all guards are gone, nothing is current. Where a future or a body is polled, the
//! stack is cut back to its height before the poll, so a guard that a task kept across an await
//! cannot make its span current in another task.

use super::{
    default,
    engine::{Engine, Shared, any_tracer_is_live},
    lane::Lane,
    span::{Active, Span},
    tracer::Tracer,
};
use crate::{
    context::{Context, SpanContext, TraceFlags},
    ids::{RequestId, SpanId, ThreadRng, mint_trace_id},
    record::{Details, FreeList, Limits, Outcome, Recycler, SpanKind},
    sampling::SamplingParameters,
    value::Attribute,
};
use std::{borrow::Cow, cell::RefCell, sync::Arc};

/// References to one trace's shared state that the thread keeps for the next span of that trace, so
/// that starting one costs no atomic operation. As many as spans are usually nested.
const SPARE_REFERENCES: usize = 16;

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local::new()) };
}

struct Local {
    stack: Vec<Entry>,
    next_serial: u64,
    /// All to the same trace.
    spare: Vec<Arc<Shared>>,
    /// The one used last comes first.
    lanes: Vec<Lane>,
    buffers: FreeList,
    rng: Option<ThreadRng>,
    defaults: Vec<(u64, Tracer)>,
}

/// A span that has been entered.
struct Entry {
    serial: u64,
    shared: Arc<Shared>,
    span_id: SpanId,
    live: bool,
    /// Does a guard wait for what is recorded through [`CurrentSpan`](super::CurrentSpan)?
    owned: bool,
    details: Option<Box<Details>>,
}

/// Where an entry stands in its thread's stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    index: usize,
    serial: u64,
}

impl Local {
    const fn new() -> Self {
        Self {
            stack: Vec::new(),
            next_serial: 1,
            spare: Vec::new(),
            lanes: Vec::new(),
            buffers: FreeList::new(),
            rng: None,
            defaults: Vec::new(),
        }
    }

    fn serial(&mut self) -> u64 {
        let serial = self.next_serial;
        self.next_serial += 1;
        serial
    }

    fn rng(&mut self) -> &mut ThreadRng {
        self.rng.get_or_insert_with(ThreadRng::new)
    }

    /// Another reference to `shared`, without an atomic operation if there is a spare one.
    #[inline]
    fn share(&mut self, shared: &Arc<Shared>) -> Arc<Shared> {
        match self.spare.last() {
            Some(spare) if Arc::ptr_eq(spare, shared) => self.spare.pop().unwrap_or_else(|| shared.clone()),
            _ => shared.clone(),
        }
    }

    /// As `share`, of the entry on top.
    #[inline]
    fn share_top(&mut self) -> Option<(Arc<Shared>, SpanId)> {
        let top = self.stack.last()?;
        let shared = match self.spare.last() {
            Some(spare) if Arc::ptr_eq(spare, &top.shared) => self.spare.pop()?,
            _ => top.shared.clone(),
        };
        Some((shared, top.span_id))
    }

    /// Keeps a reference for the next span of its trace.
    #[inline]
    fn keep(&mut self, shared: Arc<Shared>) {
        match self.spare.last() {
            Some(known) if !Arc::ptr_eq(known, &shared) => self.spare.clear(),
            _ if self.spare.len() >= SPARE_REFERENCES => return,
            _ => {}
        }
        self.spare.push(shared);
    }

    /// This thread's lane to `engine`.
    #[inline]
    fn lane(&mut self, engine: &Arc<Engine>) -> Option<&mut Lane> {
        if self.lanes.first().is_none_or(|lane| lane.engine_id() != engine.id) {
            self.bring_lane_first(engine);
        }
        self.lanes.first_mut()
    }

    #[cold]
    fn bring_lane_first(&mut self, engine: &Arc<Engine>) {
        match self.lanes.iter().position(|lane| lane.engine_id() == engine.id) {
            Some(known) => self.lanes.swap(0, known),
            None => {
                self.lanes.retain(|lane| !lane.is_abandoned());
                self.lanes.insert(0, Lane::open(engine));
            }
        }
    }

    /// Gives a span its id and its start.
    #[inline]
    fn begin(&mut self, shared: &Arc<Shared>) -> (SpanId, u64) {
        let engine = &shared.engine;
        let span_id = match &engine.ids.0 {
            None => self.rng().span_id(),
            Some(custom) => custom.span_id(),
        };
        if !shared.recording {
            return (span_id, 0);
        }
        if let Some(lane) = self.lane(engine) {
            lane.count_start();
        }
        (span_id, engine.timeline.ticks())
    }

    /// Hands an ended span to its collector.
    #[inline]
    fn finish(&mut self, active: Active, outcome: Outcome) {
        let shared = if active.shared.recording {
            let (shared, record) = active.into_record(outcome);
            if let Some(lane) = self.lane(&shared.engine) {
                lane.push(record, &shared.engine);
            }
            shared
        } else {
            active.shared
        };
        self.keep(shared);
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        self.stack.get_mut(token.index).filter(|entry| entry.serial == token.serial)
    }

    #[inline]
    fn enter(&mut self, shared: &Arc<Shared>, span_id: SpanId, owned: bool) -> Token {
        let shared = self.share(shared);
        let serial = self.serial();
        let index = self.stack.len();
        self.stack.push(Entry { serial, shared, span_id, live: true, owned, details: None });
        Token { index, serial }
    }

    #[inline]
    fn exit(&mut self, token: Token) -> Option<Box<Details>> {
        let entry = self.entry(token)?;
        entry.live = false;
        let details = entry.details.take();
        self.pop_dead();
        details
    }

    #[inline]
    fn pop_dead(&mut self) {
        while self.stack.last().is_some_and(|top| !top.live) {
            self.pop();
        }
    }

    #[inline]
    fn pop(&mut self) {
        if let Some(entry) = self.stack.pop() {
            self.keep(entry.shared);
        }
    }
}

#[inline]
fn with<R>(body: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| body(&mut local))).ok().flatten()
}

// Starting spans.

/// Starts a span of whatever tracer is at hand.
pub(super) fn start_default(name: Cow<'static, str>) -> Span {
    if !any_tracer_is_live() {
        return Span::none();
    }
    match start_child_of_current(None, name, SpanKind::Internal, None) {
        Ok(span) => span,
        Err(Orphan { name, .. }) => match default_engine() {
            Some(engine) => start_root(&engine, None, name, SpanKind::Internal, None),
            None => Span::none(),
        },
    }
}

/// Starts a span of this tracer.
pub(super) fn start(engine: &Arc<Engine>, name: Cow<'static, str>) -> Span {
    start_with(engine, None, name, SpanKind::Internal, None)
}

/// Starts a child of the current span if that is this tracer's, else the first span of a trace, which
/// may have come from elsewhere.
pub(super) fn start_with(
    engine: &Arc<Engine>,
    otherwise: Option<Context>,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Span {
    match start_child_of_current(Some(engine.id), name, kind, details) {
        Ok(span) => span,
        Err(Orphan { name, details }) => start_root(engine, otherwise, name, kind, details),
    }
}

/// What a span without a parent was to be made of.
struct Orphan {
    name: Cow<'static, str>,
    details: Option<Box<Details>>,
}

/// Starts a child of the current span, of any tracer or of this one.
#[inline]
fn start_child_of_current(
    engine_id: Option<u64>,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Result<Span, Orphan> {
    let begun = with(|local| {
        let top = local.stack.last()?;
        if engine_id.is_some_and(|engine_id| top.shared.engine.id != engine_id) {
            return None;
        }
        let (shared, parent) = local.share_top()?;
        let (span_id, start) = local.begin(&shared);
        Some((shared, parent, span_id, start))
    });
    match begun.flatten() {
        Some((shared, parent, span_id, start)) => {
            Ok(Span::active(Active::new(shared, span_id, Some(parent), false, start, name, kind, details)))
        }
        None => Err(Orphan { name, details }),
    }
}

/// Starts a child of a span that need not be current.
pub(super) fn start_child_of(
    shared: &Arc<Shared>,
    parent: SpanId,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Span {
    let begun = with(|local| {
        let shared = local.share(shared);
        let (span_id, start) = local.begin(&shared);
        (shared, span_id, start)
    });
    match begun {
        Some((shared, span_id, start)) => {
            Span::active(Active::new(shared, span_id, Some(parent), false, start, name, kind, details))
        }
        None => Span::none(),
    }
}

/// Starts the first span of a trace in this process, under a caller's or on its own.
pub(super) fn start_root(
    engine: &Arc<Engine>,
    context: Option<Context>,
    name: Cow<'static, str>,
    kind: SpanKind,
    details: Option<Box<Details>>,
) -> Span {
    if engine.is_closed() {
        return Span::none();
    }
    let ticks = engine.timeline.ticks();
    let trace = new_trace(engine, context.unwrap_or_default(), ticks, &name, kind, details.as_deref());
    let Some((shared, parent)) = trace else {
        return Span::none();
    };
    let shared = Arc::new(shared);
    let begun = with(|local| {
        if !shared.recording
            && let Some(lane) = local.lane(engine)
        {
            lane.count_sampled_out();
        }
        local.begin(&shared)
    });
    let Some((span_id, start)) = begun else {
        return Span::none();
    };
    let details = if shared.recording { details } else { None };
    Span::active(Active::new(shared, span_id, parent, parent.is_some(), start, name, kind, details))
}

/// The state that the spans of a trace will share, and the caller's span.
fn new_trace(
    engine: &Arc<Engine>,
    context: Context,
    ticks: u64,
    name: &str,
    kind: SpanKind,
    details: Option<&Details>,
) -> Option<(Shared, Option<SpanId>)> {
    let Context { span: parent, request_id, baggage } = context;
    let unix_millis = engine.timeline.unix_nanos(ticks) / 1_000_000;
    let mint = || match &engine.ids.0 {
        None => with(|local| mint_trace_id(unix_millis, local.rng())),
        Some(custom) => Some(custom.trace_id(unix_millis)),
    };
    let trace_id = match &parent {
        Some(parent) => parent.trace_id(),
        None => mint()?,
    };
    let request_id = match (request_id, &parent) {
        (Some(given), _) => given,
        (None, None) => RequestId::from_trace_id(trace_id),
        (None, Some(_)) => RequestId::from_trace_id(mint()?),
    };
    let recording = should_sample(engine, parent.as_ref(), trace_id, name, kind, details);
    let flags = parent.as_ref().map_or(TraceFlags::RANDOM, SpanContext::flags).with_sampled(recording);
    let trace_state = parent.as_ref().map(|parent| parent.trace_state().clone()).unwrap_or_default();
    let shared =
        Shared { engine: engine.clone(), trace_id, flags, recording, trace_state, request_id, baggage };
    Some((shared, parent.map(|parent| parent.span_id())))
}

fn should_sample(
    engine: &Engine,
    parent: Option<&SpanContext>,
    trace_id: crate::ids::TraceId,
    name: &str,
    kind: SpanKind,
    details: Option<&Details>,
) -> bool {
    let attributes: Vec<Attribute<'_>> = match details {
        Some(details) if engine.sampler.wants_attributes() => details.attributes().collect(),
        _ => Vec::new(),
    };
    let parameters = SamplingParameters { parent, trace_id, name, kind, attributes: &attributes };
    engine.sampler.should_sample(&parameters)
}

/// The engine of a span for which nobody named a tracer.
pub(super) fn ambient_engine() -> Option<Arc<Engine>> {
    if !any_tracer_is_live() {
        return None;
    }
    with(|local| local.stack.last().map(|top| top.shared.engine.clone())).flatten().or_else(default_engine)
}

// Ending spans.

/// Ends a span.
#[inline]
pub(super) fn finish(span: &mut Option<Active>, outcome: Outcome) {
    let _on_this_thread = with(|local| {
        if let Some(active) = span.take() {
            local.finish(active, outcome);
        }
    });
    finish_stray(span, outcome);
}

/// Ends a span and its time as the current one.
#[inline]
pub(super) fn leave_and_finish(token: Token, span: &mut Option<Active>, outcome: Outcome) {
    let _on_this_thread = with(|local| {
        let details = local.exit(token);
        if let Some(active) = span.take() {
            active.absorb(details);
            local.finish(active, outcome);
        }
    });
    finish_stray(span, outcome);
}

/// Ends a span whose thread is too far gone to have a lane.
#[inline]
fn finish_stray(span: &mut Option<Active>, outcome: Outcome) {
    if let Some(active) = span.take().filter(|active| active.shared.recording) {
        let (shared, record) = active.into_record(outcome);
        shared.engine.push_stray(record);
    }
}

/// An empty attribute buffer.
pub(super) fn take_buffer(recycler: &Recycler) -> Box<Details> {
    with(|local| local.buffers.take(recycler)).unwrap_or_default()
}

// The stack.

/// Makes a span current. `owned` says that a guard will fetch what is recorded meanwhile.
#[inline]
pub(super) fn enter(shared: &Arc<Shared>, span_id: SpanId, owned: bool) -> Option<Token> {
    with(|local| local.enter(shared, span_id, owned))
}

/// Ends what `enter` began; returns what was recorded meanwhile.
#[inline]
pub(super) fn exit(token: Token) -> Option<Box<Details>> {
    with(|local| local.exit(token)).flatten()
}

/// As `exit`, and cuts off whatever was entered meanwhile and not left.
pub(super) fn exit_scope(token: Token) -> Option<Box<Details>> {
    with(|local| {
        local.entry(token)?;
        while local.stack.len() > token.index + 1 {
            local.pop();
        }
        let details = local.entry(token)?.details.take();
        local.pop();
        local.pop_dead();
        details
    })
    .flatten()
}

/// The entry on top, its trace and its span.
pub(super) fn current() -> Option<(Token, Arc<Shared>, SpanId)> {
    with(|local| {
        let index = local.stack.len().checked_sub(1)?;
        let top = local.stack.last()?;
        let (serial, span_id) = (top.serial, top.span_id);
        let shared = top.shared.clone();
        Some((Token { index, serial }, shared, span_id))
    })
    .flatten()
}

/// Lends the details recorded on an entry. False if the entry is gone or nobody would fetch them.
pub(super) fn with_entry_details(
    token: Token,
    shared: &Shared,
    body: impl FnOnce(&mut Details, &Limits),
) -> bool {
    let taken = with(|local| {
        let entry = local.entry(token).filter(|entry| entry.owned && entry.live)?;
        Some(entry.details.take())
    });
    let Some(Some(taken)) = taken else {
        return false;
    };
    let engine = &shared.engine;
    let mut details = taken.unwrap_or_else(|| take_buffer(&engine.recycler));
    // Not borrowed: formatting a value runs user code, which may record as well.
    body(&mut details, &engine.limits);
    with(|local| {
        if let Some(entry) = local.entry(token) {
            if let Some(meanwhile) = entry.details.take() {
                details.append(meanwhile, &engine.limits);
            }
            entry.details = Some(details);
        }
    })
    .is_some()
}

// The thread's default tracer.

fn default_engine() -> Option<Arc<Engine>> {
    let of_thread = with(|local| local.defaults.last().map(|(_, tracer)| tracer.engine().cloned()));
    match of_thread.flatten() {
        Some(engine) => engine,
        None => default::of_process().cloned(),
    }
}

pub(super) fn push_default(tracer: Tracer) -> u64 {
    with(|local| {
        let serial = local.serial();
        local.defaults.push((serial, tracer));
        serial
    })
    .unwrap_or_default()
}

pub(super) fn remove_default(serial: u64) {
    let removed = with(|local| {
        let index = local.defaults.iter().position(|(known, _)| *known == serial)?;
        Some(local.defaults.remove(index))
    });
    // Not while the state is borrowed: the last handle's drop shuts the tracer down.
    drop(removed);
}
