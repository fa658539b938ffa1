//! What `#[instrument]` does to functions, seen through the spans that come out.
//!
//! Each test has a tracer of its own, so that they run side by side.

#![cfg(feature = "macros")]
#![deny(unused, unreachable_code)]

mod arguments;
mod calls;
mod errors;
mod fields;
mod futures;
mod hygiene;
mod options;
mod returned_futures;

use std::time::Duration;
use throughline::{DefaultGuard, SpanRecord, Tracer, exporters::Memory};

/// A tracer that is this thread's default for as long as it lives, and what it recorded.
struct Traced {
    tracer: Tracer,
    memory: Memory,
    _default: DefaultGuard,
}

impl Traced {
    fn new() -> Self {
        let (tracer, memory) = tracer();
        let _default = tracer.set_thread_default();
        Self { tracer, memory, _default }
    }

    /// The spans that have ended, in the order in which they did.
    fn spans(&self) -> Vec<SpanRecord> {
        finished(&self.tracer, &self.memory)
    }

    /// The one span that has ended.
    fn span(&self) -> SpanRecord {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }

    fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| span.name().to_owned()).collect()
    }
}

fn tracer() -> (Tracer, Memory) {
    let memory = Memory::new();
    let tracer = Tracer::builder("test").exporter(memory.clone()).build().expect("a valid tracer");
    (tracer, memory)
}

fn finished(tracer: &Tracer, memory: &Memory) -> Vec<SpanRecord> {
    let report = tracer.flush(Duration::from_secs(5));
    assert!(report.is_complete(), "{report}");
    memory.spans()
}

/// The attributes as `key=value`, in order.
fn attributes(span: &SpanRecord) -> Vec<String> {
    span.attributes().map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect()
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
