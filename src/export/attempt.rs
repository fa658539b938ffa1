//! Calling an exporter (floor 3): whatever it does, the thread goes on, and knows what became of the batch.

use super::{AbortHandle, Completion, Decision, ExportError, Exporter};
use crate::record::{Batch, SpanRecord};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// Says of a span whether an exporter is to have it.
pub(crate) type Filter = Box<dyn FnMut(&SpanRecord) -> bool + Send>;

/// How one attempt to deliver a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Delivered,
    /// All but so many were delivered, and those never will be.
    Partial(usize),
    Permanent,
    Retry(Option<Duration>),
    Panicked,
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
        catch_unwind(AssertUnwindSafe(|| batch.retain(filter))).ok()
    }

    /// One call, and how long it took.
    pub(crate) fn attempt(&mut self, batch: &Batch) -> (Attempt, Duration) {
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.exporter.export(batch)));
        let took = started.elapsed();
        let attempt = match result {
            Ok(Ok(())) => Attempt::Delivered,
            Ok(Err(error)) => match error.decision() {
                Decision::Permanent => Attempt::Permanent,
                Decision::Partial { rejected } => Attempt::Partial(rejected),
                Decision::Retry { after } => Attempt::Retry(after),
            },
            Err(_panic) => Attempt::Panicked,
        };
        (attempt, took)
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
        let result = catch_unwind(AssertUnwindSafe(|| finish(exporter, within)));
        completion.arrive(matches!(result, Ok(Ok(()))));
    }

    /// Drops the exporter. A panic in its destructor must not reach the host either.
    pub(crate) fn end(self) {
        let _panicked = catch_unwind(AssertUnwindSafe(move || drop(self)));
    }
}
