//! A tracer of a test's own (floor 6).

use super::describe::{self, Described};
use crate::{
    exporters::Memory,
    record::SpanRecord,
    trace::{DefaultGuard, Tracer, TracerBuilder},
};
use std::{ops::Deref, time::Duration};

/// How long a test waits for its spans before it gives up: far more than a busy machine needs.
const FLUSH_WITHIN: Duration = Duration::from_secs(30);

/// A tracer that keeps its spans in memory and is the thread's default as long as it lives.
///
/// It does not look at the process's environment. It can be used as the [`Tracer`] it holds. Code that runs
/// on another thread starts spans of it through a [`SpanHandle`](crate::SpanHandle), an
/// [`instrument`](crate::Instrument::instrument)ed future, or a clone of [`tracer`](Self::tracer).
#[derive(Debug)]
pub struct TestTracer {
    // First, so that it goes before the tracer.
    _default: DefaultGuard,
    tracer: Tracer,
    memory: Memory,
}

impl TestTracer {
    /// A tracer of the service `test`.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// As [`new`](Self::new), with settings of one's own: a [`ManualClock`](super::ManualClock), a sampler,
    /// limits.
    ///
    /// # Panics
    ///
    /// If the tracer cannot be built.
    #[track_caller]
    pub fn with(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        let memory = Memory::new();
        let builder = Tracer::builder("test").environment(|_| None).exporter(memory.clone());
        let tracer = match configure(builder).build() {
            Ok(tracer) => tracer,
            Err(error) => panic!("the test's tracer cannot be built: {error}"),
        };
        Self { _default: tracer.set_thread_default(), tracer, memory }
    }

    /// The tracer, to be cloned and handed to what is tested.
    pub const fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// All spans that have ended, each thread's in the order in which they ended.
    ///
    /// # Panics
    ///
    /// If they cannot be had within 30 s.
    #[track_caller]
    pub fn spans(&self) -> Vec<SpanRecord> {
        let report = self.tracer.flush(FLUSH_WITHIN);
        assert!(!report.timed_out, "the test's spans did not arrive: {report}");
        self.memory.spans()
    }

    /// The one ended span of this name.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[track_caller]
    pub fn span_named(&self, name: &str) -> SpanRecord {
        let spans = self.spans();
        let mut named = spans.iter().filter(|span| span.name() == name);
        match (named.next(), named.count()) {
            (Some(span), 0) => span.clone(),
            (None, _) => panic!("no span {name:?} has ended; those that have:\n{}", describe::tree(&spans)),
            (Some(first), others) => {
                panic!("{} spans {name:?} have ended, the first of them\n{}", others + 1, Described(first))
            }
        }
    }

    /// The names of all spans that have ended, one on a line, children two spaces further in than their
    /// parents and in the order of their starts.
    ///
    /// # Panics
    ///
    /// As [`spans`](Self::spans).
    #[track_caller]
    pub fn tree(&self) -> String {
        describe::tree(&self.spans())
    }
}

impl Default for TestTracer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestTracer {
    type Target = Tracer;

    fn deref(&self) -> &Tracer {
        &self.tracer
    }
}
