//! One thread's state (floor 4): which span is current, the thread's lanes, its spare buffers.
//!
//! Everything here is owned by one thread, so nothing here is atomic. User code never runs while the
//! state is borrowed, but for an id generator's, and whatever comes at a moment when the state cannot
//! be had (inside a destructor of the thread's own, say) does without it rather than panic.

use super::{
    engine::{Engine, Shared, any_tracer_is_live},
    lane::Lane,
    live::{Inner, Live},
    stack::Stack,
};
use crate::{
    ids::{SpanId, ThreadRng},
    record::{Details, FreeList, Limits, Outcome, Recycler, SpanKind},
};
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    thread,
};

/// References to one trace's shared state that the thread keeps for the next span of that trace, so
/// that starting one costs no atomic operation. As many as spans are usually nested.
const SPARE_REFERENCES: usize = 16;

/// Boxes of ended spans that the thread keeps for new ones: under 10 KiB.
const SPARE_BOXES: usize = 64;

pub(super) use super::stack::Token;

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local::new()) };
    /// May anything lie in the stack that was recorded through `Span::current`? Outside of `LOCAL`,
    /// because asking this is all that most recording needs of the thread.
    static IN_STACK: Cell<bool> = const { Cell::new(false) };
}

pub(super) struct Local {
    stack: Stack,
    /// All to the same trace.
    spare: Vec<Arc<Shared>>,
    /// Boxes of ended spans, for new ones.
    #[expect(clippy::vec_box, reason = "the boxes are what is kept: a span must not move")]
    boxes: Vec<Box<Live>>,
    /// The one used last comes first.
    lanes: Vec<Lane>,
    buffers: FreeList,
    rng: Option<ThreadRng>,
    /// Does the thread belong to a tracer, whose own work is not to be traced?
    pub(super) is_ours: bool,
}

impl Local {
    const fn new() -> Self {
        Self {
            stack: Stack::new(),
            spare: Vec::new(),
            boxes: Vec::new(),
            lanes: Vec::new(),
            buffers: FreeList::new(),
            rng: None,
            is_ours: false,
        }
    }

    pub(super) fn rng(&mut self) -> &mut ThreadRng {
        self.rng.get_or_insert_with(ThreadRng::new)
    }

    /// Another reference to `shared`, without an atomic operation if there is a spare one.
    #[inline(always)]
    pub(super) fn share(&mut self, shared: &Arc<Shared>) -> Arc<Shared> {
        match self.spare.last() {
            Some(spare) if Arc::ptr_eq(spare, shared) => self.spare.pop().unwrap_or_else(|| shared.clone()),
            _ => shared.clone(),
        }
    }

    /// As `share`, of the entry on top; of this tracer's only, if one is named.
    #[inline(always)]
    pub(super) fn share_top(&mut self, engine_id: Option<u64>) -> Option<(Arc<Shared>, SpanId)> {
        let (shared, span_id) = self.stack.top()?;
        if engine_id.is_some_and(|engine_id| shared.engine.id != engine_id) {
            return None;
        }
        let shared = match self.spare.last() {
            Some(spare) if Arc::ptr_eq(spare, shared) => self.spare.pop()?,
            _ => shared.clone(),
        };
        Some((shared, span_id))
    }

    /// Keeps a reference for the next span of its trace.
    #[inline(always)]
    pub(super) fn keep(&mut self, shared: Arc<Shared>) {
        match self.spare.last() {
            Some(known) if !Arc::ptr_eq(known, &shared) => self.spare.clear(),
            _ if self.spare.len() >= SPARE_REFERENCES => return,
            _ => {}
        }
        self.spare.push(shared);
    }

    /// The state of a new trace: in the place of the thread's last one, if nobody else refers to that
    /// any more.
    pub(super) fn share_new(&mut self, shared: Shared) -> Arc<Shared> {
        let last = self.spare.pop();
        self.spare.clear();
        if let Some(mut place) = last
            && let Some(old) = Arc::get_mut(&mut place)
        {
            *old = shared;
            return place;
        }
        Arc::new(shared)
    }

    /// This thread's lane to `engine`.
    #[inline(always)]
    pub(super) fn lane(&mut self, engine: &Arc<Engine>) -> Option<&mut Lane> {
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
                let (lane, receiver) = Lane::open(engine.id);
                engine.announce(receiver);
                self.lanes.insert(0, lane);
            }
        }
    }

    pub(super) fn span_id(&mut self, engine: &Engine) -> SpanId {
        match &engine.ids.0 {
            None => self.rng().span_id(),
            Some(custom) => custom.span_id(),
        }
    }

    /// Starts a span of a recorded trace, but for its name: now, unless its start has been read.
    #[inline(always)]
    pub(super) fn begin(
        &mut self,
        shared: Arc<Shared>,
        span_id: SpanId,
        parent: Option<SpanId>,
        start: Option<u64>,
    ) -> Box<Live> {
        let mut live = match self.boxes.pop() {
            Some(live) => live,
            None => Live::vacant(),
        };
        live.span_id = span_id;
        live.parent = parent;
        live.parent_is_remote = false;
        live.kind = SpanKind::Internal;
        live.began_in_panic = thread::panicking();
        if let Some(lane) = self.lane(&shared.engine) {
            lane.count_start();
        }
        live.start = start.unwrap_or_else(|| shared.engine.timeline.ticks());
        live.shared = Some(shared);
        live
    }

    /// Starts a child, but for its name.
    #[inline(always)]
    pub(super) fn begin_child(&mut self, shared: Arc<Shared>, parent: SpanId) -> Inner {
        if !shared.recording {
            return Inner::Silent(shared);
        }
        let span_id = self.span_id(&shared.engine);
        Inner::Recorded(self.begin(shared, span_id, Some(parent), None))
    }

    /// Ends a span: hands it to its collector.
    #[inline(always)]
    pub(super) fn finish(&mut self, mut live: Box<Live>, outcome: Outcome) {
        let Some(shared) = live.shared.take() else {
            return;
        };
        if let Some(lane) = self.lane(&shared.engine) {
            let end = shared.engine.timeline.ticks();
            let large_bytes = live.settle(&shared, outcome);
            if lane.admit(large_bytes, &shared.engine.depot) {
                lane.put(live.take_record(&shared, end, outcome));
            }
        }
        self.keep(shared);
        live.vacate();
        if self.boxes.len() < SPARE_BOXES {
            self.boxes.push(live);
        }
    }

    #[inline(always)]
    pub(super) fn enter(&mut self, shared: &Arc<Shared>, span_id: SpanId, owned: bool) -> Token {
        let shared = self.share(shared);
        self.stack.push(shared, span_id, owned)
    }

    #[inline(always)]
    pub(super) fn exit(&mut self, token: Token) -> Option<Box<Details>> {
        let details = self.stack.leave(token)?;
        while let Some(shared) = self.stack.pop_dead() {
            self.keep(shared);
        }
        details
    }

    /// As `exit`, and cuts off whatever was entered meanwhile and not left.
    pub(super) fn exit_scope(&mut self, token: Token) -> Option<Box<Details>> {
        while let Some(shared) = self.stack.pop_above(token) {
            self.keep(shared);
        }
        self.exit(token)
    }
}

/// Runs `body` on this thread's state; `None` where that cannot be had.
#[inline(always)]
pub(super) fn with<R>(body: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|local| local.try_borrow_mut().ok().map(|mut local| body(&mut local))).ok().flatten()
}

/// The current span's engine.
pub(super) fn current_engine() -> Option<Arc<Engine>> {
    if !any_tracer_is_live() {
        return None;
    }
    with(|local| local.stack.top().map(|(shared, _)| shared.engine.clone())).flatten()
}

/// An empty attribute buffer.
pub(super) fn take_buffer(recycler: &Recycler) -> Box<Details> {
    with(|local| local.buffers.take(recycler)).unwrap_or_default()
}

/// Starts no spans on this thread from here on: an exporter whose own client is traced would make spans
/// for ever.
pub(super) fn suppress() {
    // A thread that has only begun has its state.
    let _done = with(|local| local.is_ours = true);
}

// The stack.

/// Makes a span current. `owned` says that a guard will fetch what is recorded meanwhile.
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
    with(|local| local.exit_scope(token)).flatten()
}

/// The entry on top, its trace and its span.
pub(super) fn current() -> Option<(Token, Arc<Shared>, SpanId)> {
    with(|local| {
        let token = local.stack.top_token()?;
        let (shared, span_id) = local.share_top(None)?;
        Some((token, shared, span_id))
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
