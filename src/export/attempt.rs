//! Calling an exporter (floor 3): whatever it does, the thread goes on, and knows what became of the batch.

use super::{AbortHandle, Completion, Decision, ExportError, Exporter, Settled};
use crate::{
    panics::caught,
    record::{Batch, SpanRecord},
};
use std::time::{Duration, Instant};

/// The longest an exporter that panicked is left alone.
pub(crate) const PANIC_PAUSE: Duration = Duration::from_secs(1);

/// Says of a span whether an exporter is to have it.
pub(crate) type Filter = Box<dyn FnMut(&SpanRecord) -> bool + Send>;

/// How one attempt to deliver a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Delivered,
    /// All but so many were delivered, and those never will be.
    Partial(usize),
    Permanent,
    /// All but the part that is settled may be tried again.
    Retry {
        after: Option<Duration>,
        settled: Settled,
    },
    Panicked,
}

impl Attempt {
    /// What an error means for a batch of so many spans.
    fn failed(error: &ExportError, spans: usize) -> Self {
        let settled = error.settled().within(spans);
        match error.decision() {
            Decision::Permanent if settled.delivered > 0 => Self::Partial(spans - settled.delivered),
            Decision::Permanent => Self::Permanent,
            Decision::Partial { rejected } => Self::Partial(rejected.min(spans)),
            Decision::Retry { after } => Self::Retry { after, settled },
        }
    }
}

/// An exporter on its own thread.
pub(crate) struct Sender {
    exporter: Box<dyn Exporter>,
    filter: Option<Filter>,
}

impl Sender {
    pub(crate) fn new(exporter: Box<dyn Exporter>, filter: Option<Filter>) -> Self {
        Self { exporter, filter }
    }

    /// For whoever gives the exporter up.
    pub(crate) fn abort_handle(&self) -> Option<AbortHandle> {
        self.exporter.abort_handle()
    }

    /// Leaves out what the exporter is not to have; how many spans, or `None` if the filter panicked.
    pub(crate) fn filter(&mut self, batch: &mut Batch) -> Option<usize> {
        let Some(filter) = &mut self.filter else {
            return Some(0);
        };
        caught(|| batch.retain(filter))
    }

    /// One call, and how long it took.
    pub(crate) fn attempt(&mut self, batch: &Batch) -> (Attempt, Duration) {
        let started = Instant::now();
        let spans = batch.len();
        let mut attempt = Attempt::Panicked;
        // An error, whose source is the exporter's own, is dropped in there. If that panics, what it says still counts.
        let _panicked = caught(|| match self.exporter.export(batch) {
            Ok(()) => attempt = Attempt::Delivered,
            Err(error) => attempt = Attempt::failed(&error, spans),
        });
        (attempt, started.elapsed())
    }

    pub(crate) fn flush(&mut self, completion: &Completion, deadline: Instant) {
        self.finish(completion, deadline, Exporter::flush);
    }

    pub(crate) fn shutdown(&mut self, completion: &Completion, deadline: Instant) {
        self.finish(completion, deadline, Exporter::shutdown);
    }

    fn finish(
        &mut self,
        completion: &Completion,
        deadline: Instant,
        finish: impl FnOnce(&mut Box<dyn Exporter>, Duration) -> Result<(), ExportError>,
    ) {
        let within = deadline.saturating_duration_since(Instant::now());
        let exporter = &mut self.exporter;
        let is_done = caught(|| finish(exporter, within).is_ok());
        completion.arrive(is_done.unwrap_or_default());
    }

    /// Drops the exporter. A panic in its destructor must not reach the host either.
    pub(crate) fn end(self) {
        let _panicked = caught(move || drop(self));
    }
}
