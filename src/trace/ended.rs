//! What a thread hands over of a span that has ended (floor 4): what is the span's own, in one cache line.
//!
//! What all spans of a trace have in common goes ahead of them, once, as long as they follow one another. The
//! collector puts both together and resolves the times.

use crate::{
    clock::Resolver,
    context::{Baggage, TraceFlags, TraceState},
    ids::{RequestId, SpanId, TraceId},
    record::{Details, KnownKeys, Outcome, SpanKind, SpanRecord, Weight},
};
use std::{borrow::Cow, cell::Cell, num::NonZeroU64};

/// A span's own part.
pub(super) struct Ended {
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// In ticks.
    pub(super) start: u64,
    /// In ticks.
    pub(super) end: u64,
    /// Unless the details have another.
    pub(super) name: &'static str,
    pub(super) details: Cell<Option<Box<Details>>>,
    /// To look into the cell would be to write into a line that the other thread will want back.
    pub(super) has_details: bool,
    pub(super) kind: SpanKind,
    pub(super) outcome: Outcome,
    pub(super) parent_is_remote: bool,
}

const _: () = assert!(size_of::<Ended>() == 64);

/// A trace as it is in this process.
pub(super) struct Trace {
    /// Tells it from all others.
    pub(super) serial: NonZeroU64,
    pub(super) trace_id: TraceId,
    /// The trace's first span in this process.
    pub(super) first_span: SpanId,
    /// When that started, in ticks.
    pub(super) first_start: u64,
    pub(super) flags: TraceFlags,
    pub(super) weight: Weight,
    pub(super) recording: bool,
    pub(super) trace_state: TraceState,
    pub(super) request_id: RequestId,
    pub(super) baggage: Baggage,
}

/// What a span's record has of its trace.
pub(super) struct OfTrace {
    pub(super) trace_id: TraceId,
    pub(super) first_span: SpanId,
    pub(super) trace_state: TraceState,
    pub(super) flags: TraceFlags,
    pub(super) weight: Weight,
}

impl Trace {
    /// One that is yet to be filled in, in its place: put together elsewhere and moved, it would wait for the stores of
    /// all its fields.
    pub(super) fn blank() -> Self {
        Self {
            serial: NonZeroU64::MIN,
            trace_id: TraceId::MIN,
            first_span: SpanId::MIN,
            first_start: 0,
            flags: TraceFlags::default(),
            weight: Weight::ONE,
            recording: false,
            trace_state: TraceState::EMPTY,
            request_id: RequestId::from_trace_id(TraceId::MIN),
            baggage: Baggage::EMPTY,
        }
    }

    /// What its spans' records have of it.
    #[inline(always)]
    pub(super) fn for_records(&self) -> OfTrace {
        let Self { trace_id, first_span, flags, weight, .. } = *self;
        OfTrace { trace_id, first_span, flags, weight, trace_state: self.trace_state.clone() }
    }
}

impl Ended {
    /// Is there nothing in it that is to be settled, or that could be a secret?
    #[inline(always)]
    pub(super) const fn is_bare(&self, trace: &OfTrace) -> bool {
        !self.has_details && trace.trace_state.is_empty()
    }

    /// The record, if it is bare; if not, [`complete`](Self::complete) has to make it one.
    #[inline(always)]
    pub(super) fn bare_record(&self, trace: &OfTrace, times: &Resolver) -> SpanRecord {
        let start = times.resolve(self.start);
        SpanRecord {
            trace_id: trace.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent,
            start,
            end: times.resolve(self.end).max(start),
            name: Cow::Borrowed(self.name),
            details: None,
            trace_state: TraceState::EMPTY,
            kind: self.kind,
            outcome: self.outcome,
            flags: trace.flags,
            parent_is_remote: self.parent_is_remote,
            weight: trace.weight,
            local_root: Some(trace.first_span),
        }
    }

    /// Gives a record what makes the difference to a bare one; `with_details` sees the details as they were
    /// handed over. Once.
    #[inline(always)]
    pub(super) fn complete(
        &self,
        record: &mut SpanRecord,
        trace: &OfTrace,
        times: &Resolver,
        known: &mut KnownKeys,
        with_details: impl FnOnce(&Details),
    ) {
        record.trace_state = trace.trace_state.clone();
        record.details = self.details.take();
        if let Some(details) = &mut record.details {
            with_details(details);
            if let Some(name) = details.name.take() {
                record.name = name;
            }
            details.resolve_times(times);
            details.settle(known);
        }
    }
}
