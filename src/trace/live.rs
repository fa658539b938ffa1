//! A span of a live tracer, from its start to its end (floor 4).

use super::{budget::large_bytes, engine::Shared};
use crate::{
    ids::SpanId,
    record::{Details, Outcome, SpanKind, SpanRecord, Status, cut_name},
    semconv,
};
use std::{borrow::Cow, cell::Cell, sync::Arc};

/// What a [`Span`](super::Span) is. Two words, which go in registers.
pub(super) enum Inner {
    /// There is no tracer, or the span has ended.
    Inert,
    /// Of a trace that is not recorded. All its spans here go by the first one's id, so that what is
    /// handed on names a span the caller of this process knows of.
    Silent(Arc<Shared>),
    Recorded(Box<Live>),
}

impl Inner {
    #[inline]
    pub(super) const fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Inert)
    }

    /// The trace's shared state and the span's id, unless it is inert.
    #[inline]
    pub(super) fn identity(&self) -> Option<(&Arc<Shared>, SpanId)> {
        match self {
            Self::Inert => None,
            Self::Silent(shared) => Some((shared, shared.first_span)),
            Self::Recorded(live) => live.shared.as_ref().map(|shared| (shared, live.span_id)),
        }
    }
}

/// A span in one place: what moves is the pointer to it.
///
/// A thread keeps the boxes of ended spans for new ones. Moving the span itself instead, just written as
/// it is, costs several times what all the rest of its start does.
pub(super) struct Live {
    /// A trace that is recorded; `None` only in a box that waits for a span.
    pub(super) shared: Option<Arc<Shared>>,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// In ticks; meaningless where the trace is not recorded.
    pub(super) start: u64,
    pub(super) name: Cow<'static, str>,
    pub(super) details: Cell<Option<Box<Details>>>,
    pub(super) kind: SpanKind,
    pub(super) parent_is_remote: bool,
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
            name: Cow::Borrowed(""),
            details: Cell::new(None),
            kind: SpanKind::Internal,
            parent_is_remote: false,
            began_in_panic: false,
        })
    }

    /// Lets go of what a span that was not handed on still holds.
    #[inline(always)]
    pub(super) fn vacate(&mut self) {
        if let Cow::Owned(_) = self.name {
            self.name = Cow::Borrowed("");
        }
        if self.details.get_mut().is_some() {
            self.details.set(None);
        }
    }

    /// Settles what only some spans have to settle at their end; the bytes by which it is large.
    #[inline(always)]
    pub(super) fn settle(&mut self, shared: &Shared, outcome: Outcome) -> usize {
        let is_plain = self.details.get_mut().is_none();
        if is_plain && outcome != Outcome::Panicked && shared.trace_state.is_empty() {
            return 0;
        }
        self.settle_details(shared, outcome)
    }

    fn settle_details(&mut self, shared: &Shared, outcome: Outcome) -> usize {
        let details = self.details.get_mut().get_or_insert_default();
        if let Some(renamed) = details.name.take() {
            self.name = cut_name(renamed, shared.engine.limits.name_bytes);
        }
        if outcome == Outcome::Panicked {
            details.push_attribute(semconv::ERROR_TYPE.into(), "panic".into(), &shared.engine.limits);
            details.set_status(Status::error("panicked"));
        }
        details.trace_state.clone_from(&shared.trace_state);
        large_bytes(details)
    }

    /// What is exported of it, if it ended at `end`. Once.
    #[inline(always)]
    pub(super) fn take_record(&mut self, shared: &Shared, end: u64, outcome: Outcome) -> SpanRecord {
        SpanRecord {
            trace_id: shared.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent,
            start: self.start,
            end,
            name: std::mem::take(&mut self.name),
            details: self.details.take(),
            kind: self.kind,
            outcome,
            flags: shared.flags,
            parent_is_remote: self.parent_is_remote,
            weight: shared.weight,
            local_root: Some(shared.first_span),
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
