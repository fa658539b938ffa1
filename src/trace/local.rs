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
    record::{Details, FreeList, Limits, Recycler, SpanKind, SpanRecord},
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

/// The identity a new span has been given.
struct Begun {
    shared: Arc<Shared>,
    parent: Option<SpanId>,
    span_id: SpanId,
    start: u64,
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
    fn share(&mut self, shared: &Arc<Shared>) -> Arc<Shared> {
        match self.spare.pop() {
            Some(spare) if Arc::ptr_eq(&spare, shared) => spare,
            Some(other) => {
                self.spare.push(other);
                shared.clone()
            }
            None => shared.clone(),
        }
    }

    fn keep(&mut self, shared: Arc<Shared>) {
        match self.spare.last() {
            Some(known) if !Arc::ptr_eq(known, &shared) => self.spare.clear(),
            Some(_) if self.spare.len() >= SPARE_REFERENCES => return,
            _ => {}
        }
        self.spare.push(shared);
    }

    /// This thread's lane to `engine`.
    fn lane(&mut self, engine: &Arc<Engine>) -> Option<&mut Lane> {
        if self.lanes.first().is_none_or(|lane| lane.engine_id() != engine.id) {
            match self.lanes.iter().position(|lane| lane.engine_id() == engine.id) {
                Some(known) => self.lanes.swap(0, known),
                None => {
                    self.lanes.retain(|lane| !lane.is_abandoned());
                    self.lanes.insert(0, Lane::open(engine));
                }
            }
        }
        self.lanes.first_mut()
    }

    fn begin(&mut self, shared: Arc<Shared>, parent: Option<SpanId>, start: Option<u64>) -> Begun {
        let engine = &shared.engine;
        let span_id = match &engine.ids.0 {
            None => self.rng().span_id(),
            Some(custom) => custom.span_id(),
        };
        if shared.recording
            && let Some(lane) = self.lane(engine)
        {
            lane.count_start();
        }
        let start = match start {
            None if shared.recording => engine.timeline.ticks(),
            known => known.unwrap_or(0),
        };
        Begun { shared, parent, span_id, start }
    }

    fn begin_child(&mut self, of: Option<u64>) -> Option<Begun> {
        let top = self.stack.last()?;
        if of.is_some_and(|engine_id| top.shared.engine.id != engine_id) {
            return None;
        }
        let (parent, shared) = (top.span_id, Arc::as_ptr(&top.shared));
        let shared = match self.spare.pop() {
            Some(spare) if Arc::as_ptr(&spare) == shared => spare,
            other => {
                self.spare.extend(other);
                self.stack.last()?.shared.clone()
            }
        };
        Some(self.begin(shared, Some(parent), None))
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        self.stack.get_mut(token.index).filter(|entry| entry.serial == token.serial)
    }

    fn pop(&mut self) {
        if let Some(entry) = self.stack.pop() {
            self.keep(entry.shared);
        }
    }
}

fn with<R>(body: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| body(&mut local))).ok().flatten()
}

// Starting spans.

/// Starts a span of whatever tracer is at hand.
#[inline]
pub(super) fn start_default(name: Cow<'static, str>) -> Span {
    if !any_tracer_is_live() {
        return Span::none();
    }
    match with(|local| local.begin_child(None)) {
        Some(Some(begun)) => child(begun, name, SpanKind::Internal, None),
        Some(None) => match default_engine() {
            Some(engine) => start_root(&engine, None, name, SpanKind::Internal, None),
            None => Span::none(),
        },
        None => Span::none(),
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
    match with(|local| local.begin_child(Some(engine.id))) {
        Some(Some(begun)) => child(begun, name, kind, details),
        Some(None) => start_root(engine, otherwise, name, kind, details),
        None => Span::none(),
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
        local.begin(shared, Some(parent), None)
    });
    begun.map_or_else(Span::none, |begun| child(begun, name, kind, details))
}

fn child(begun: Begun, name: Cow<'static, str>, kind: SpanKind, details: Option<Box<Details>>) -> Span {
    let Begun { shared, parent, span_id, start } = begun;
    Span::active(Active::new(shared, span_id, parent, false, start, name, kind, details))
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
    let Some(shared) = new_trace(engine, context.unwrap_or_default(), ticks, &name, kind, details.as_deref())
    else {
        return Span::none();
    };
    let (shared, parent) = shared;
    let recording = shared.recording;
    let begun = with(|local| {
        let begun = local.begin(Arc::new(shared), parent, Some(ticks));
        if !recording && let Some(lane) = local.lane(engine) {
            lane.count_sampled_out();
        }
        begun
    });
    let Some(Begun { shared, parent, span_id, start }) = begun else {
        return Span::none();
    };
    let details = if recording { details } else { None };
    let is_remote = parent.is_some();
    Span::active(Active::new(shared, span_id, parent, is_remote, start, name, kind, details))
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

/// Hands an ended span to its collector.
pub(super) fn finish(shared: Arc<Shared>, record: SpanRecord) {
    let mut record = Some(record);
    let mut shared = Some(shared);
    let _on_this_thread = with(|local| {
        if let (Some(record), Some(shared)) = (record.take(), shared.take()) {
            if let Some(lane) = local.lane(&shared.engine) {
                lane.push(record, &shared.engine);
            }
            local.keep(shared);
        }
    });
    if let (Some(record), Some(shared)) = (record, shared) {
        shared.engine.push_stray(record);
    }
}

/// Keeps the reference of a span that was not recorded.
pub(super) fn forget(shared: Arc<Shared>) {
    let mut shared = Some(shared);
    let _on_this_thread = with(|local| {
        if let Some(shared) = shared.take() {
            local.keep(shared);
        }
    });
}

/// An empty attribute buffer.
pub(super) fn take_buffer(recycler: &Recycler) -> Box<Details> {
    with(|local| local.buffers.take(recycler)).unwrap_or_default()
}

// The stack.

/// Makes a span current. `owned` says that a guard will fetch what is recorded meanwhile.
pub(super) fn enter(shared: &Arc<Shared>, span_id: SpanId, owned: bool) -> Option<Token> {
    with(|local| {
        let shared = local.share(shared);
        let serial = local.serial();
        let index = local.stack.len();
        local.stack.push(Entry { serial, shared, span_id, live: true, owned, details: None });
        Token { index, serial }
    })
}

/// Ends what `enter` began; returns what was recorded meanwhile.
pub(super) fn exit(token: Token) -> Option<Box<Details>> {
    with(|local| {
        let entry = local.entry(token)?;
        entry.live = false;
        let details = entry.details.take();
        while local.stack.last().is_some_and(|top| !top.live) {
            local.pop();
        }
        details
    })
    .flatten()
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
        while local.stack.last().is_some_and(|top| !top.live) {
            local.pop();
        }
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
