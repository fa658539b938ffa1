//! A thread's boxes for spans (floor 4): those of ended spans wait for new ones.
//!
//! A box of the trace on top of the thread's stack keeps its reference to the trace, so that another span
//! of it costs no atomic operation. When the trace's first span ends, or another trace comes on top, the
//! boxes let go: a thread that is idle keeps nothing of the past alive but one trace's shared state.

use super::{engine::Shared, live::Live, silent};
use std::sync::Arc;

/// Boxes that wait, of each sort: under 10 KiB in all.
const KEPT: usize = 32;

#[expect(clippy::vec_box, reason = "the boxes are what is kept: a span must not move")]
pub(super) struct Boxes {
    /// All refer to the trace on top of the stack; that one's own id is theirs if it is not recorded.
    attached: Vec<Box<Live>>,
    /// Refer to none.
    vacant: Vec<Box<Live>>,
}

impl Boxes {
    pub(super) const fn new() -> Self {
        Self { attached: Vec::new(), vacant: Vec::new() }
    }

    /// Sees to it that a box refers to the trace on top.
    #[inline(always)]
    pub(super) fn attach_one(&mut self, top: &Arc<Shared>) {
        if self.attached.is_empty() {
            self.attach(top);
        }
    }

    #[inline(never)]
    fn attach(&mut self, top: &Arc<Shared>) {
        let live = self.take_other(top.clone());
        self.keep(live);
    }

    /// A box that refers to the trace on top, if one does.
    #[inline(always)]
    pub(super) fn take_attached(&mut self) -> Option<Box<Live>> {
        self.attached.pop()
    }

    /// A box for a span of the trace on top.
    #[inline(always)]
    pub(super) fn take(&mut self, top: &Arc<Shared>) -> Box<Live> {
        match self.take_attached() {
            Some(live) => live,
            None => self.take_other(top.clone()),
        }
    }

    /// A box for a span of any trace.
    #[inline(never)]
    pub(super) fn take_other(&mut self, shared: Arc<Shared>) -> Box<Live> {
        let mut live = self.vacant.pop().unwrap_or_else(Live::vacant);
        live.span_id = shared.first_span;
        live.silent_trace = if shared.recording { 0 } else { Arc::as_ptr(&shared).addr() };
        live.is_first = false;
        live.shared = Some(shared);
        live
    }

    /// Keeps the box of a span of the trace on top.
    #[inline(always)]
    pub(super) fn keep(&mut self, live: Box<Live>) {
        if self.attached.len() < self.attached.capacity() {
            self.attached.push(live);
        } else {
            self.keep_anyhow(live);
        }
    }

    #[inline(never)]
    fn keep_anyhow(&mut self, live: Box<Live>) {
        if self.attached.capacity() > 0 {
            return self.keep_other(live);
        }
        // What may be kept at most, at once.
        self.attached.reserve_exact(KEPT);
        self.attached.push(live);
    }

    /// Keeps the box of any span.
    #[inline(never)]
    pub(super) fn keep_other(&mut self, mut live: Box<Live>) {
        live.shared = None;
        self.keep_vacant(live);
    }

    fn keep_vacant(&mut self, live: Box<Live>) {
        if self.vacant.len() < KEPT {
            self.vacant.push(live);
        }
    }

    /// Lets go of the trace on top, which is no more the one on top.
    #[inline]
    pub(super) fn detach(&mut self) {
        if !self.attached.is_empty() || silent::has_spare() {
            self.detach_all();
        }
    }

    #[inline(never)]
    fn detach_all(&mut self) {
        while let Some(mut live) = self.attached.pop().or_else(silent::take_spare) {
            live.shared = None;
            self.keep_vacant(live);
        }
    }
}
