//! One thread's state (floor 4): which span is current, the thread's lanes, its spare buffers.
//!
//! Everything here is owned by one thread, so nothing here is atomic. User code never runs while the
//! state is borrowed, but for an id generator's, and whatever comes at a moment when the state cannot
//! be had (inside a destructor of the thread's own, say) does without it rather than panic.

use super::{
    boxes::Boxes,
    ended::Trace,
    engine::{Engine, Shared, any_tracer_is_live},
    lanes::Lanes,
    live::Live,
    silent,
    stack::Stack,
};
use crate::{
    ids::{SpanId, ThreadRng, TraceId, mint_trace_id},
    record::{Details, FreeList, Limits, Outcome, Recycler},
};
use std::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
    sync::Arc,
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
    #[inline(always)]
    fn share(&mut self, engine: &Arc<Engine>, trace: Trace) -> Arc<Shared> {
        if let Some(mut place) = self.stack.take_last_trace() {
            self.boxes.detach();
            if let Some(old) = Arc::get_mut(&mut place) {
                old.renew(engine, trace);
                return place;
            }
        }
        Arc::new(Shared::new(engine, trace))
    }

    pub(super) fn trace_id(&mut self, engine: &Engine, unix_millis: u64) -> TraceId {
        match &engine.ids.0 {
            None => mint_trace_id(unix_millis, self.rng()),
            Some(custom) => custom.trace_id(unix_millis),
        }
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
            begin(lanes, &mut live, shared, parent);
        }
        Some(live)
    }

    /// Starts a child of the current span, if that is not recorded.
    #[inline(always)]
    fn begin_silent(&mut self) -> Option<Box<Live>> {
        let shared = self.stack.trace().filter(|_| silent::is_on_top())?;
        Some(self.boxes.take(shared))
    }

    /// Starts a child of a span that need not be current, but for its name.
    pub(super) fn begin_child(&mut self, shared: &Arc<Shared>, parent: SpanId) -> Box<Live> {
        clean_up_later();
        let Self { stack, boxes, lanes, rng, .. } = self;
        let is_of_top = stack.is_of(shared);
        let mut live = if is_of_top { boxes.take(shared) } else { boxes.take_other(shared.clone()) };
        if shared.recording {
            live.span_id = new_span_id(rng, &shared.engine);
            begin(lanes, &mut live, shared, parent);
        }
        live
    }

    /// Starts the first span of a trace, but for its name.
    #[inline(always)]
    pub(super) fn begin_first(
        &mut self,
        engine: &Arc<Engine>,
        trace: Trace,
        parent: Option<SpanId>,
    ) -> Box<Live> {
        clean_up_later();
        let (start, recording) = (trace.first_start, trace.recording);
        // A tracer that is off decides nothing.
        if (recording || !engine.is_closed())
            && let Some(lane) = self.lanes.of(engine)
        {
            if recording {
                lane.count_start();
            } else {
                lane.count_sampled_out();
            }
        }
        let shared = self.share(engine, trace);
        let mut live = self.boxes.take_other(shared);
        if recording {
            live.begin(parent);
            live.start = start;
        }
        live.parent_is_remote = parent.is_some();
        live.is_first = true;
        live.silent_trace = 0;
        live
    }

    /// Ends a span: hands it to its collector, if it is recorded, and keeps its box.
    #[inline(always)]
    pub(super) fn finish(&mut self, place: &mut Option<Box<Live>>, outcome: impl FnOnce(&Live) -> Outcome) {
        let Some(mut live) = place.take() else {
            return;
        };
        // Taken out, and put back below, to be looked at once.
        let Some(shared) = live.shared.take() else {
            return;
        };
        let engine = &shared.engine;
        if shared.recording
            && let Some(lane) = self.lanes.of(engine)
        {
            let end = engine.timeline.ticks();
            let outcome = outcome(&live);
            let large_bytes = live.settle(engine, outcome, &mut self.buffers);
            if lane.admit(&shared.trace, large_bytes, &engine.depot) {
                lane.put(live.take_ended(end, outcome));
            } else {
                live.vacate();
            }
        }
        let is_of_top = self.stack.is_of(&shared);
        live.shared = Some(shared);
        self.keep_of(live, is_of_top);
    }

    /// Keeps the box of a span that has ended.
    pub(super) fn keep(&mut self, live: Box<Live>) {
        let is_of_top = live.shared.as_ref().is_some_and(|shared| self.stack.is_of(shared));
        self.keep_of(live, is_of_top);
    }

    #[inline(always)]
    fn keep_of(&mut self, live: Box<Live>, is_of_top: bool) {
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
        if shared.recording && self.stack.is_of(shared) {
            self.stack.push(span_id, is_owned)
        } else {
            self.enter_any(shared, span_id, is_owned)
        }
    }

    #[inline(never)]
    fn enter_any(&mut self, shared: &Arc<Shared>, span_id: SpanId, is_owned: bool) -> Option<Token> {
        clean_up_later();
        self.change_stack(|stack| {
            if stack.is_of(shared) {
                (stack.push(span_id, is_owned), false)
            } else {
                (stack.push_trace(shared, span_id, is_owned), true)
            }
        })
    }

    /// Ends what `enter` began; returns what was recorded meanwhile.
    #[inline(always)]
    pub(super) fn exit(&mut self, token: Token) -> Option<Box<Details>> {
        if !silent::is_on_top() && self.stack.leave_top(token) { None } else { self.exit_any(token) }
    }

    #[inline(never)]
    fn exit_any(&mut self, token: Token) -> Option<Box<Details>> {
        self.change_stack(|stack| stack.leave(token))
    }

    /// Changes the stack in any way; `change` says whether another trace has come on top by that.
    fn change_stack<R>(&mut self, change: impl FnOnce(&mut Stack) -> (R, bool)) -> R {
        if let Some(again) = silent::put_back() {
            self.stack.set_again(again);
        }
        let (result, other_trace) = change(&mut self.stack);
        if other_trace {
            self.boxes.detach();
        }
        if let (Some(token), Some(shared)) = (self.stack.top_token(), self.stack.trace())
            && !shared.recording
        {
            silent::set(Arc::as_ptr(shared).addr(), token, self.stack.again());
        }
        result
    }

    /// As `exit`, and cuts off whatever was entered meanwhile and not left.
    #[inline(always)]
    pub(super) fn exit_scope(&mut self, token: Token) -> Option<Box<Details>> {
        let is_left = !silent::is_on_top() && self.stack.leave_top(token);
        if is_left { None } else { self.exit_scope_anyhow(token) }
    }

    #[inline(never)]
    fn exit_scope_anyhow(&mut self, token: Token) -> Option<Box<Details>> {
        self.change_stack(|stack| ((), stack.cut_above(token)));
        self.exit(token)
    }
}

/// Makes a box a span that begins now.
#[inline(always)]
fn begin(lanes: &mut Lanes, live: &mut Live, shared: &Shared, parent: SpanId) {
    live.begin(Some(parent));
    if let Some(lane) = lanes.of(&shared.engine) {
        lane.count_start();
    }
    live.start = shared.engine.timeline.ticks();
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
            silent::put_back();
            Some((left, silent::take_spare()))
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
    if !silent::is_on_top() {
        return None;
    }
    match silent::take_spare() {
        None => begin_silent_anyhow(),
        begun => begun,
    }
}

#[inline(never)]
fn begin_silent_anyhow() -> Option<Box<Live>> {
    with(Local::begin_silent).flatten()
}

/// Keeps the box of a span that was not recorded.
#[inline(never)]
pub(super) fn keep(live: Box<Live>) {
    with(|local| local.keep(live));
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
    match silent::enter(live) {
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
    if silent::exit(token) {
        return None;
    }
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
