//! The thread of one exporter (floor 3): take a batch, send it, settle what became of it.

use super::{
    Completion, Decision, DropReason, ExportError, Exporter, RetryPolicy,
    queue::{Queue, Work},
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    record::{Batch, Resource},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) struct Worker {
    pub(crate) exporter: Box<dyn Exporter>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl Worker {
    /// Runs until the shutdown, on the exporter's own thread.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.next() {
                Work::Export(chunks) => {
                    let batch = Batch::from_chunks(self.resource.clone(), chunks);
                    self.deliver(&batch);
                }
                Work::Flush(completion, deadline) => self.finish(&completion, deadline, Exporter::flush),
                Work::Shutdown(completion, deadline) => {
                    self.finish(&completion, deadline, Exporter::shutdown);
                    break;
                }
                Work::Stop => break,
            }
        }
        // A panic in the exporter's destructor must not reach the host either.
        let _panicked = catch_unwind(AssertUnwindSafe(move || drop(self.exporter)));
    }

    fn deliver(&mut self, batch: &Batch) {
        let spans = batch.len();
        let mut failed = 0;
        loop {
            let attempt = catch_unwind(AssertUnwindSafe(|| self.exporter.export(batch)));
            let error = match attempt {
                Ok(Ok(())) => return self.queue.settle(spans, DropReason::Rejected),
                Ok(Err(error)) => error,
                Err(_panic) => return self.lose(0, DropReason::ExporterPanicked),
            };
            match error.decision() {
                Decision::Permanent => return self.lose(0, DropReason::Rejected),
                Decision::Partial { rejected } => {
                    return self.lose(spans.saturating_sub(rejected), DropReason::Rejected);
                }
                Decision::Retry { after } => {
                    failed += 1;
                    let Some(delay) = self.retry.delay(failed, after) else {
                        return self.lose(0, DropReason::RetriesExhausted);
                    };
                    if !self.queue.wait_for_retry(delay) {
                        return self.lose(0, DropReason::ShutdownDeadline);
                    }
                }
            }
        }
    }

    /// Settles a batch of which all but `delivered` spans are lost.
    fn lose(&self, delivered: usize, reason: DropReason) {
        self.diagnostics.note(match reason {
            DropReason::ExporterPanicked => Diagnostic::ExporterPanicked,
            _ => Diagnostic::ExportFailed,
        });
        self.queue.settle(delivered, reason);
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
}
