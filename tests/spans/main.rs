//! Spans, by the public API: where they hang, what they record, and that each ends exactly once however
//! it ends.
#![cfg(feature = "testing")]

mod endings;
mod futures;
mod interleavings;
mod limits;
mod recording;
mod trees;

use throughline::{Span, SpanId};

/// The span that is current on this thread.
fn current() -> Option<SpanId> {
    Span::current().context().map(|context| context.span_id())
}

fn id(span: &Span) -> Option<SpanId> {
    span.context().map(|context| context.span_id())
}
