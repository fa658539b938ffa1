//! One thread's state (floor 4): its stack of current spans, its lanes, its spare boxes and buffers.
//!
//! Everything here is owned by one thread, so nothing here is atomic. User code never runs while the
//! state is borrowed, but for an id generator's, and whatever comes at a moment when the state cannot
//! be had (inside a destructor of the thread's own, say) does without it rather than panic.

use super::{
    boxes::Boxes,
    engine::{Engine, Shared, any_tracer_is_live},
    lanes::Lanes,
    live::Live,
    silent,
    stack::Stack,
};
use crate::{
    ids::{SpanId, ThreadRng, TraceId, mint_trace_id},
    record::{Details, FreeList, Recycler},
};
use std::{cell::RefCell, mem::ManuallyDrop, sync::Arc};

thread_local! {
    /// Without a destructor of its own, whose state would have to be asked for at each access: when the
    /// thread ends, `CLEANUP` empties it.
    static LOCAL: ManuallyDrop<RefCell<Local>> = const { ManuallyDrop::new(RefCell::new(Local::new())) };
    static CLEANUP: Cleanup = const { Cleanup };
}

pub(super) struct Local {
    pub(super) stack: Stack,
    pub(super) boxes: Boxes,
    pub(super) lanes: Lanes,
    pub(super) buffers: FreeList,
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

    /// The thread's last trace, which nobody else may refer to any more, for its place.
    #[inline(always)]
    pub(super) fn take_last_trace(&mut self) -> Option<Arc<Shared>> {
        let last = self.stack.take_last_trace();
        if last.is_some() {
            self.boxes.detach();
        }
        last
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

    /// Starts a child of the current span, but for the time, if nothing stands in the way of doing so at once.
    #[inline(always)]
    pub(super) fn begin_usual_child(&mut self, name: &'static str) -> Option<Box<Live>> {
        let Self { stack, boxes, lanes, rng, .. } = self;
        let shared = stack.trace().filter(|shared| shared.recording)?;
        boxes.attach_one(shared);
        let parent = stack.top()?;
        let engine = &shared.engine;
        let (rng, lane) = (rng.as_mut()?, lanes.first_of(engine)?);
        if self.suppressed > 0 || engine.ids.0.is_some() || name.len() > engine.limits.name_bytes {
            return None;
        }
        let mut live = boxes.take_attached()?;
        live.span_id = rng.span_id();
        live.name = Some(name);
        live.begin(Some(parent));
        lane.count_start();
        Some(live)
    }

    /// Starts a child of the current span, but for its name and the time; of this tracer's only, if one is named.
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

    /// Starts a child of a span that need not be current, but for its name and the time.
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
    pub(super) fn begin_first(&mut self, shared: Arc<Shared>, parent: Option<SpanId>) -> Box<Live> {
        clean_up_later();
        let engine = &shared.engine;
        let (start, recording) = (shared.first_start, shared.recording);
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
        let mut live = self.boxes.take_other(shared);
        if recording {
            live.begin(parent);
            live.begin_at(start);
        }
        live.parent_is_remote = parent.is_some();
        live.is_first = true;
        live.silent_trace = 0;
        live
    }

    /// Keeps the box of a span that has ended.
    #[inline(never)]
    pub(super) fn keep(&mut self, live: Box<Live>) {
        clean_up_later();
        let is_of_top = live.shared.as_ref().is_some_and(|shared| self.stack.is_of(shared));
        if is_of_top && !live.is_first {
            return self.boxes.keep(live);
        }
        if is_of_top {
            self.boxes.detach();
            self.stack.shrink();
        }
        self.boxes.keep_other(live);
    }
}

/// Makes a box a span that begins, but for its name and the time.
#[inline(always)]
fn begin(lanes: &mut Lanes, live: &mut Live, shared: &Shared, parent: SpanId) {
    live.begin(Some(parent));
    if let Some(lane) = lanes.of(&shared.engine) {
        lane.count_start();
    }
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
#[inline]
pub(super) fn take_buffer(recycler: &Recycler) -> Box<Details> {
    match with(|local| local.buffers.take_own()).flatten() {
        Some(buffer) => buffer,
        None => take_any_buffer(recycler),
    }
}

#[inline(never)]
fn take_any_buffer(recycler: &Recycler) -> Box<Details> {
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
