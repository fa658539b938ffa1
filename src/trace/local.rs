//! One thread's state (floor 4): which span is current, the thread's lanes, its spare buffers.
//!
//! Everything here is owned by one thread, so nothing here is atomic. User code never runs while the
//! state is borrowed, but for an id generator's, and whatever comes at a moment when the state cannot
//! be had (inside a destructor of the thread's own, say) does without it rather than panic.

use super::{
    boxes::Boxes,
    engine::{Engine, Shared, any_tracer_is_live},
    lane::Lane,
    lanes::Lanes,
    live::{Live, OfTrace},
    stack::Stack,
};
use crate::{
    ids::{SpanId, ThreadRng},
    record::{Details, FreeList, Limits, Outcome, Recycler, SpanKind},
};
use std::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
    sync::Arc,
    thread,
};

pub(super) use super::stack::Token;

thread_local! {
    /// Without a destructor of its own, whose state would have to be asked for at each access: when the
    /// thread ends, `CLEANUP` empties it.
    static LOCAL: ManuallyDrop<RefCell<Local>> = const { ManuallyDrop::new(RefCell::new(Local::new())) };
    static CLEANUP: Cleanup = const { Cleanup };
    /// May anything lie in the stack that was recorded through `Span::current`? Outside of `LOCAL`,
    /// because asking this is all that most recording needs of the thread.
    static IN_STACK: Cell<bool> = const { Cell::new(false) };
    /// Is the current trace one that is not recorded, or was it when something was entered last? Outside of
    /// `LOCAL` for the same reason.
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

pub(super) struct Local {
    stack: Stack,
    boxes: Boxes,
    lanes: Lanes,
    buffers: FreeList,
    rng: Option<ThreadRng>,
    /// How many hold that no spans are started here: each guard, and a tracer whose thread this is.
    suppressed: u32,
}

impl Local {
    const fn new() -> Self {
        Self {
            stack: Stack::new(),
            boxes: Boxes::new(),
            lanes: Lanes::new(),
            buffers: FreeList::new(),
            rng: None,
            suppressed: 0,
        }
    }

    pub(super) fn rng(&mut self) -> &mut ThreadRng {
        self.rng.get_or_insert_with(ThreadRng::new)
    }

    /// The state of a new trace: in the place of the thread's last one, if nobody else refers to that
    /// any more.
    pub(super) fn share_new(&mut self, shared: Shared) -> Arc<Shared> {
        if let Some(mut place) = self.stack.take_last_trace() {
            self.boxes.detach();
            if let Some(old) = Arc::get_mut(&mut place) {
                *old = shared;
                return place;
            }
        }
        Arc::new(shared)
    }

    /// This thread's lane to `engine`.
    #[inline(always)]
    pub(super) fn lane(&mut self, engine: &Engine) -> Option<&mut Lane> {
        self.lanes.of(engine)
    }

    pub(super) fn span_id(&mut self, engine: &Engine) -> SpanId {
        new_span_id(&mut self.rng, engine)
    }

    /// Are no spans started on this thread now?
    #[inline(always)]
    pub(super) const fn is_suppressed(&self) -> bool {
        self.suppressed > 0
    }

    /// Starts a child of the current span, but for its name; of this tracer's only, if one is named.
    #[inline(always)]
    pub(super) fn begin_child_of_top(&mut self, engine_id: Option<u64>) -> Option<Box<Live>> {
        if self.is_suppressed() {
            return None;
        }
        let Self { stack, boxes, lanes, rng, .. } = self;
        let parent = stack.top()?;
        let shared = stack.trace()?;
        if engine_id.is_some_and(|engine_id| shared.engine.id != engine_id) {
            return None;
        }
        let mut live = boxes.take(shared);
        if shared.recording {
            live.span_id = new_span_id(rng, &shared.engine);
            begin(lanes, &mut live, shared, Some(parent), None);
        }
        Some(live)
    }

    /// Starts a child of the current span, if that is not recorded.
    #[inline(always)]
    fn begin_silent(&mut self) -> Option<Box<Live>> {
        self.stack.top()?;
        let shared = self.stack.trace().filter(|shared| !shared.recording)?;
        Some(self.boxes.take(shared))
    }

    /// Starts a child of a span that need not be current, but for its name.
    pub(super) fn begin_child(&mut self, shared: &Arc<Shared>, parent: SpanId) -> Box<Live> {
        clean_up_later();
        let Self { stack, boxes, lanes, rng, .. } = self;
        let is_of_top = stack.is_of(shared);
        let mut live = if is_of_top { boxes.take(shared) } else { boxes.take_other(shared.clone()) };
        live.is_first = false;
        if shared.recording {
            live.span_id = new_span_id(rng, &shared.engine);
            begin(lanes, &mut live, shared, Some(parent), None);
        }
        live
    }

    /// Starts the first span of a trace, but for its name.
    pub(super) fn begin_first(
        &mut self,
        shared: Arc<Shared>,
        parent: Option<SpanId>,
        start: u64,
    ) -> Box<Live> {
        clean_up_later();
        let mut live = self.boxes.take_other(shared.clone());
        if shared.recording {
            begin(&mut self.lanes, &mut live, &shared, parent, Some(start));
        }
        live.parent_is_remote = parent.is_some();
        live.is_first = true;
        live
    }

    /// Ends a span that is not recorded, and its time as the current one, where nothing else is to be done:
    /// all of it, or nothing.
    #[inline(always)]
    pub(super) fn leave_silent(&mut self, token: Option<Token>, place: &mut Option<Box<Live>>) {
        let is_plain = place.as_ref().is_some_and(|live| {
            !live.is_first && live.shared.as_ref().is_some_and(|shared| self.stack.is_of(shared))
        });
        if is_plain && self.boxes.has_room() && token.is_none_or(|token| self.stack.leave_top(token)) {
            self.boxes.keep_in_room(place);
        }
    }

    /// Ends a span that is recorded: hands it to its collector, and keeps its box.
    #[inline(always)]
    pub(super) fn finish(&mut self, place: &mut Option<Box<Live>>, outcome: impl FnOnce(&Live) -> Outcome) {
        let Some(live) = place.as_deref_mut() else {
            return;
        };
        let Some(shared) = &live.shared else {
            return;
        };
        if let Some(lane) = self.lanes.of(&shared.engine) {
            let end = shared.engine.timeline.ticks();
            let of_trace = OfTrace::new(shared);
            let outcome = outcome(live);
            let large_bytes = live.settle(outcome);
            let depot = || live.shared.as_ref().map(|shared| &shared.engine.depot);
            if lane.admit(large_bytes, depot) {
                lane.put(live.take_record(of_trace, end, outcome));
            } else {
                live.vacate();
            }
        }
        if let Some(live) = place.take() {
            self.keep(live);
        }
    }

    /// Keeps the box of a span that has ended.
    #[inline(always)]
    pub(super) fn keep(&mut self, live: Box<Live>) {
        let is_of_top = live.shared.as_ref().is_some_and(|shared| self.stack.is_of(shared));
        if is_of_top && !live.is_first {
            if let Err(live) = self.boxes.keep(live) {
                self.boxes.keep_other(live);
            }
        } else {
            self.keep_other(live, is_of_top);
        }
    }

    #[inline(never)]
    fn keep_other(&mut self, live: Box<Live>, is_of_top: bool) {
        clean_up_later();
        if live.is_first && is_of_top {
            self.boxes.detach();
            self.stack.shrink();
        }
        self.boxes.keep_other(live);
    }

    /// Makes a span current. `is_owned` says that a guard will fetch what is recorded meanwhile.
    #[inline(always)]
    fn enter(&mut self, shared: &Arc<Shared>, span_id: SpanId, is_owned: bool) -> Option<Token> {
        if self.stack.is_of(shared) && !self.stack.is_empty() {
            self.stack.push(span_id, is_owned)
        } else {
            self.enter_trace(shared, span_id, is_owned)
        }
    }

    #[inline(never)]
    fn enter_trace(&mut self, shared: &Arc<Shared>, span_id: SpanId, is_owned: bool) -> Option<Token> {
        clean_up_later();
        SILENT.set(!shared.recording);
        if self.stack.is_of(shared) {
            return self.stack.push(span_id, is_owned);
        }
        self.boxes.detach();
        self.stack.push_trace(shared, span_id, is_owned)
    }

    /// What is to be done when another trace has come on top.
    fn other_trace(&mut self) {
        SILENT.set(self.stack.trace().is_some_and(|shared| !shared.recording));
        self.boxes.detach();
    }

    /// Makes a span current whose trace is not recorded and is current already: it is only counted.
    #[inline(always)]
    fn enter_again(&mut self, live: &Live) -> Option<Token> {
        let shared = live.shared.as_ref()?;
        if self.stack.is_of(shared) { self.stack.enter_again() } else { None }
    }

    /// Ends what `enter` began; returns what was recorded meanwhile.
    #[inline(always)]
    pub(super) fn exit(&mut self, token: Token) -> Option<Box<Details>> {
        if self.stack.leave_top(token) { None } else { self.exit_below(token) }
    }

    #[inline(never)]
    fn exit_below(&mut self, token: Token) -> Option<Box<Details>> {
        let (details, other_trace) = self.stack.leave(token);
        if other_trace {
            self.other_trace();
        }
        details
    }

    /// As `exit`, and cuts off whatever was entered meanwhile and not left.
    pub(super) fn exit_scope(&mut self, token: Token) -> Option<Box<Details>> {
        if self.stack.cut_above(token) {
            self.other_trace();
        }
        self.exit(token)
    }
}

/// Makes a box a span that has begun: now, unless its start has been read.
#[inline(always)]
fn begin(lanes: &mut Lanes, live: &mut Live, shared: &Shared, parent: Option<SpanId>, start: Option<u64>) {
    live.parent = parent;
    live.parent_is_remote = false;
    live.kind = SpanKind::Internal;
    live.is_first = false;
    live.began_in_panic = thread::panicking();
    if let Some(lane) = lanes.of(&shared.engine) {
        lane.count_start();
    }
    live.start = start.unwrap_or_else(|| shared.engine.timeline.ticks());
}

#[inline(always)]
fn new_span_id(rng: &mut Option<ThreadRng>, engine: &Engine) -> SpanId {
    match &engine.ids.0 {
        None => rng.get_or_insert_with(ThreadRng::new).span_id(),
        Some(custom) => custom.span_id(),
    }
}

/// Runs `body` on this thread's state; `None` where that cannot be had.
#[inline(always)]
pub(super) fn with<R>(body: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| body(&mut local))).ok().flatten()
}

/// Empties the thread's state when the thread ends.
struct Cleanup;

impl Drop for Cleanup {
    fn drop(&mut self) {
        let left = LOCAL.with(|local| {
            let mut local = local.try_borrow_mut().ok()?;
            let left = std::mem::replace(&mut *local, Local::new());
            // For good: nothing would empty it again.
            std::mem::forget(local);
            Some(left)
        });
        drop(left);
    }
}

/// Has the state emptied when the thread ends. To be called before anything is kept in it.
pub(super) fn clean_up_later() {
    // A thread whose state has been emptied keeps nothing more in it.
    let _too_late = CLEANUP.try_with(|_| ());
}

/// Starts a child of the current span if that is not recorded: no more is needed for it.
#[inline(always)]
pub(super) fn begin_silent() -> Option<Box<Live>> {
    if SILENT.get() { begin_known_silent() } else { None }
}

#[inline(never)]
fn begin_known_silent() -> Option<Box<Live>> {
    with(Local::begin_silent).flatten()
}

/// The current span's engine.
pub(super) fn current_engine() -> Option<Arc<Engine>> {
    if !any_tracer_is_live() {
        return None;
    }
    with(|local| {
        local.stack.top()?;
        local.stack.trace().map(|shared| shared.engine.clone())
    })
    .flatten()
}

/// An empty attribute buffer.
pub(super) fn take_buffer(recycler: &Recycler) -> Box<Details> {
    clean_up_later();
    with(|local| local.buffers.take(recycler)).unwrap_or_default()
}

/// Starts no spans on this thread from here on, until as many calls of [`allow`] as of this: an exporter whose own
/// client is traced would make spans for ever. False if the thread is ending.
pub(super) fn suppress() -> bool {
    with(|local| local.suppressed = local.suppressed.saturating_add(1)).is_some()
}

pub(super) fn allow() {
    // A thread that ends starts no spans any more.
    let _done = with(|local| local.suppressed = local.suppressed.saturating_sub(1));
}

// The stack.

/// Makes a span current without a guard that would fetch what is recorded on it.
pub(super) fn enter_handle(shared: &Arc<Shared>, span_id: SpanId) -> Option<Token> {
    with(|local| local.enter(shared, span_id, false)).flatten()
}

/// Makes a span current until its token is given to [`exit`].
#[inline]
pub(super) fn enter(live: &Live) -> Option<Token> {
    if live.recorded().is_some() { enter_recorded(live) } else { enter_silent(live) }
}

#[inline(never)]
fn enter_recorded(live: &Live) -> Option<Token> {
    with(|local| local.enter(live.shared.as_ref()?, live.span_id, true)).flatten()
}

#[inline(never)]
fn enter_silent(live: &Live) -> Option<Token> {
    match with(|local| local.enter_again(live)).flatten() {
        None => enter_scope(live),
        entered => entered,
    }
}

/// Makes a span current until its token is given to [`exit_scope`], or to [`exit`].
#[inline(never)]
pub(super) fn enter_scope(live: &Live) -> Option<Token> {
    with(|local| {
        let shared = live.shared.as_ref()?;
        local.enter(shared, live.span_id, shared.recording)
    })
    .flatten()
}

/// Ends what `enter` began; returns what was recorded meanwhile.
#[inline]
pub(super) fn exit(token: Token) -> Option<Box<Details>> {
    with(|local| local.exit(token)).flatten()
}

/// As `exit`, and cuts off whatever was entered meanwhile and not left.
pub(super) fn exit_scope(token: Token) -> Option<Box<Details>> {
    with(|local| local.exit_scope(token)).flatten()
}

/// The entry on top, its trace and its span.
pub(super) fn current() -> Option<(Token, Arc<Shared>, SpanId)> {
    with(|local| {
        let token = local.stack.top_token()?;
        Some((token, local.stack.trace()?.clone(), local.stack.top()?))
    })
    .flatten()
}

/// Lends the details recorded on an entry. False if the entry is gone or nobody would fetch them.
pub(super) fn with_entry_details(
    token: Token,
    shared: &Shared,
    body: impl FnOnce(&mut Details, &Limits),
) -> bool {
    let taken = with(|local| local.stack.owned_details(token).map(Option::take));
    let Some(Some(taken)) = taken else {
        return false;
    };
    let engine = &shared.engine;
    let details = taken.unwrap_or_else(|| take_buffer(&engine.recycler));
    // Not borrowed: formatting a value runs user code, which may record as well, and may panic.
    let mut lent = Lent { details: Some(details), token, limits: &engine.limits };
    if let Some(details) = &mut lent.details {
        body(details, &engine.limits);
    }
    true
}

/// Details that go back to their entry, whatever happens.
struct Lent<'a> {
    details: Option<Box<Details>>,
    token: Token,
    limits: &'a Limits,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        with(|local| {
            if let (Some(place), Some(mut details)) =
                (local.stack.owned_details(self.token), self.details.take())
            {
                if let Some(meanwhile) = place.take() {
                    details.append(meanwhile, self.limits);
                }
                *place = Some(details);
                IN_STACK.set(true);
            }
        });
    }
}

/// Takes what has been recorded on a span through its entries, so that what is recorded on it directly
/// comes behind. Call it until there is nothing left.
#[inline]
pub(super) fn take_recorded(shared: &Arc<Shared>, span_id: SpanId) -> Option<Box<Details>> {
    if IN_STACK.get() { take_recorded_from_stack(shared, span_id) } else { None }
}

#[cold]
fn take_recorded_from_stack(shared: &Arc<Shared>, span_id: SpanId) -> Option<Box<Details>> {
    with(|local| {
        let taken = local.stack.take_details(shared, span_id);
        IN_STACK.set(local.stack.has_details());
        taken
    })
    .flatten()
}
