//! The spans that exporters are tried with (floor 6).

use crate::{
    context::{SpanContext, TraceFlags},
    ids::{SpanId, TraceId},
    record::SpanRecord,
};
use std::num::{NonZeroU64, NonZeroU128};

/// Makes spans with ids of their own, each named `sample-` and its id.
pub(super) struct Samples {
    next: NonZeroU64,
}

impl Samples {
    pub(super) const fn new() -> Self {
        // Large enough to be no small number that stands for something else.
        const FIRST: NonZeroU64 = NonZeroU64::new(0xc0de_0000_0000_0001).unwrap();
        Self { next: FIRST }
    }

    /// The identity of a span that no other has.
    pub(super) fn context(&mut self) -> SpanContext {
        let id = self.next;
        self.next = id.saturating_add(1);
        let trace_id = TraceId::from_nonzero(NonZeroU128::from(id));
        SpanContext::new(trace_id, SpanId::from_nonzero(id), TraceFlags::SAMPLED)
    }

    /// An everyday span.
    pub(super) fn span(&mut self) -> SpanRecord {
        self.named("")
    }

    /// A span whose name ends in this.
    pub(super) fn named(&mut self, more: &str) -> SpanRecord {
        let context = self.context();
        named(&context, more)
    }

    pub(super) fn spans(&mut self, count: usize) -> Vec<SpanRecord> {
        (0..count).map(|_| self.span().with_attribute("http.route", "/orders/{id}")).collect()
    }
}

/// The span of a context; its name ends in this.
pub(super) fn named(context: &SpanContext, more: &str) -> SpanRecord {
    /// 2025-01-01 00:00 UTC.
    const START: u64 = 1_735_689_600_000_000_000;
    SpanRecord::new(context, name(context) + more, START, START + 12_345_678)
}

pub(super) fn name(context: &SpanContext) -> String {
    format!("sample-{}", context.span_id())
}
