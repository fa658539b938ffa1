//! The thread of one exporter (floor 3): take a batch, send it, settle what became of it. While it has nothing
//! to send, it collects for whoever flushes.

use super::{
    DropReason, RetryPolicy,
    attempt::{Attempt, Sender},
    inlet::Collecting,
    queue::{Queue, Work},
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    record::{Batch, Resource},
};
use std::sync::{Arc, Weak};

pub(crate) struct Worker {
    pub(crate) sender: Sender,
    pub(crate) queue: Arc<Queue>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) collecting: Collecting,
}

impl Worker {
    /// Runs until the shutdown, on the exporter's own thread.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.next() {
                Work::Collect => self.collect(),
                Work::Export(chunks) => self.choose(Batch::from_chunks(self.resource.clone(), chunks)),
                Work::Flush(completion, deadline) => self.sender.flush(&completion, deadline),
                Work::Shutdown(completion, deadline) => {
                    self.sender.shutdown(&completion, deadline);
                    break;
                }
                Work::Stop => break,
            }
        }
        self.sender.end();
    }

    fn collect(&self) {
        // Without a collector, nobody waits for it any more.
        if let Some(collecting) = self.collecting.get().and_then(Weak::upgrade) {
            collecting.collect();
        }
    }

    fn choose(&mut self, mut batch: Batch) {
        let Some(left_out) = self.sender.filter(&mut batch) else {
            return self.lose(0, DropReason::ExporterPanicked);
        };
        if left_out > 0 {
            self.queue.leave_out(left_out);
        }
        if batch.is_empty() {
            return self.queue.settle(0, DropReason::Rejected);
        }
        self.deliver(&batch);
    }

    fn deliver(&mut self, batch: &Batch) {
        let spans = batch.len();
        let mut failed = 0;
        loop {
            let (attempt, took) = self.sender.attempt(batch);
            self.queue.measure(took);
            match attempt {
                Attempt::Delivered => return self.queue.settle(spans, DropReason::Rejected),
                Attempt::Permanent => return self.lose(0, DropReason::Rejected),
                Attempt::Partial(rejected) => {
                    return self.lose(spans.saturating_sub(rejected), DropReason::Rejected);
                }
                Attempt::Panicked => return self.lose(0, DropReason::ExporterPanicked),
                Attempt::Retry(asked) => {
                    failed += 1;
                    let Some(pause) = self.retry.delay(failed, asked) else {
                        return self.lose(0, DropReason::RetriesExhausted);
                    };
                    if !self.queue.wait_for_retry(pause) {
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
}
