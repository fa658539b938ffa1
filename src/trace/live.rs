//! A span of a live tracer, from its start to its end (floor 4).

use super::{
    budget::large_bytes,
    ended::Ended,
    engine::{Engine, Shared},
};
use crate::{
    ids::SpanId,
    record::{Details, FreeList, Outcome, SpanKind, Status},
    semconv,
};
use std::{borrow::Cow, cell::Cell, sync::Arc, thread};

/// A span in one place: what moves is the pointer to it.
///
/// A thread keeps the boxes of ended spans for new ones. Moving the span itself instead, just written as
/// it is, costs several times what all the rest of its start does.
///
/// Of a trace that is not recorded nothing counts but `shared` and `span_id`. All its spans here go by the
/// first one's id, so that what is handed on names a span the caller of this process knows of.
///
/// The order of the fields is another than in a record, so that no two neighbours there are neighbours
/// here: they would be copied by one load that spans two stores of just before, which stalls.
#[repr(C)]
pub(super) struct Live {
    /// `None` if it is no literal: the details have it.
    pub(super) name: Option<&'static str>,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// `None` only in a box that waits for a span.
    pub(super) shared: Option<Arc<Shared>>,
    /// In ticks.
    pub(super) start: u64,
    pub(super) details: Cell<Option<Box<Details>>>,
    /// Where its trace's state is, if nothing counts of the span but that: it is not recorded, and not the first
    /// in this process. Else zero. Only to be compared.
    pub(super) silent_trace: usize,
    pub(super) kind: SpanKind,
    pub(super) parent_is_remote: bool,
    /// Is it the first of its trace in this process?
    pub(super) is_first: bool,
    /// A span started during a panic, by a destructor, is not a victim of it.
    pub(super) began_in_panic: bool,
}

impl Live {
    /// A box for a span.
    #[cold]
    pub(super) fn vacant() -> Box<Self> {
        Box::new(Self {
            shared: None,
            span_id: SpanId::MIN,
            parent: None,
            start: 0,
            name: None,
            details: Cell::new(None),
            kind: SpanKind::Internal,
            parent_is_remote: false,
            silent_trace: 0,
            is_first: false,
            began_in_panic: false,
        })
    }

    /// Its trace, if that is recorded.
    #[inline(always)]
    pub(super) fn recorded(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref().filter(|shared| shared.recording)
    }

    /// Makes the box a span that begins, but for its id, its name and the time.
    #[inline(always)]
    pub(super) fn begin(&mut self, parent: Option<SpanId>) {
        self.parent = parent;
        self.parent_is_remote = false;
        self.kind = SpanKind::Internal;
    }

    /// What comes last of the start of any but a trace's first span.
    #[inline(always)]
    pub(super) fn begin_now(&mut self) {
        if let Some(shared) = &self.shared {
            self.begin_at(shared.engine.timeline.ticks());
        }
    }

    #[inline(always)]
    pub(super) fn begin_at(&mut self, ticks: u64) {
        self.start = ticks;
        self.began_in_panic = thread::panicking();
    }

    /// Its name, to be shown.
    pub(super) fn shown_name(&self) -> Cow<'static, str> {
        let details = self.details.take();
        let name = details.as_ref().and_then(|details| details.name.clone());
        self.details.set(details);
        name.unwrap_or(Cow::Borrowed(self.name.unwrap_or_default()))
    }

    /// The bytes by which it is large.
    #[inline(always)]
    pub(super) fn large_bytes(&self) -> usize {
        let details = self.details.take();
        let bytes = details.as_deref().map_or(0, large_bytes);
        std::mem::forget(self.details.replace(details));
        bytes
    }

    /// Records that it has panicked.
    #[cold]
    pub(super) fn record_panic(&self, engine: &Engine, buffers: &mut FreeList) {
        let mut details = self.details.take().unwrap_or_else(|| buffers.take(&engine.recycler));
        details.push_attribute(semconv::ERROR_TYPE.into(), "panic".into(), &engine.limits);
        details.set_status(Status::error("panicked"));
        self.details.set(Some(details));
    }

    /// What is handed over of it, if it ended at `end`. Once.
    #[inline(always)]
    pub(super) fn take_ended(&self, end: u64, outcome: Outcome) -> Ended {
        let details = self.details.take();
        Ended {
            span_id: self.span_id,
            parent: self.parent,
            start: self.start,
            end,
            name: self.name.unwrap_or_default(),
            has_details: details.is_some(),
            details: Cell::new(details),
            kind: self.kind,
            outcome,
            parent_is_remote: self.parent_is_remote,
        }
    }

    /// Takes over what was recorded on it while it was current.
    #[inline]
    pub(super) fn absorb(&self, details: Option<Box<Details>>) {
        if let Some(later) = details {
            self.append(later);
        }
    }

    fn append(&self, later: Box<Details>) {
        let Some(shared) = &self.shared else {
            return;
        };
        let merged = match self.details.take() {
            None => later,
            Some(mut earlier) => {
                earlier.append(later, &shared.engine.limits);
                earlier
            }
        };
        self.details.set(Some(merged));
    }
}
