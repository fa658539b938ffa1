//! The thread of one exporter (floor 3): take a batch, send it, settle what became of it.

use super::{
    DropReason, Pause, RetryPolicy, Settled,
    attempt::{Attempt, PANIC_PAUSE, Sender},
    queue::{Queue, Work},
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    record::{Batch, Resource},
};
use std::{sync::Arc, time::Duration};

pub(crate) struct Worker {
    pub(crate) sender: Sender,
    pub(crate) queue: Arc<Queue>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) retry: RetryPolicy,
    pub(crate) diagnostics: Arc<Diagnostics>,
    /// Calls that have panicked one after the other.
    pub(crate) panics: u32,
}

impl Worker {
    /// Runs until the shutdown, on the exporter's own thread.
    pub(crate) fn run(mut self) {
        loop {
            match self.queue.next() {
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
        self.deliver(batch);
    }

    fn deliver(&mut self, mut batch: Batch) {
        let mut failed = 0;
        loop {
            let spans = batch.len();
            let (attempt, took) = self.sender.attempt(&batch);
            self.queue.measure(took);
            if attempt == Attempt::Panicked {
                return self.panicked();
            }
            self.panics = 0;
            match attempt {
                Attempt::Delivered => return self.queue.settle(spans, DropReason::Rejected),
                Attempt::Partial(rejected) => return self.lose(spans - rejected, DropReason::Rejected),
                Attempt::Permanent | Attempt::Panicked => return self.lose(0, DropReason::Rejected),
                Attempt::Retry { after, settled } => {
                    if settled.spans() > 0 {
                        // What is left is another batch, tried once.
                        failed = 0;
                        self.settle_first(&mut batch, settled);
                    }
                    failed += 1;
                    if !self.may_try_again(&batch, failed, after) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits before what is left of a batch is tried again; false if it will not be.
    fn may_try_again(&self, batch: &Batch, failed: u32, asked: Option<Duration>) -> bool {
        let pause = self.retry.pause(failed, asked);
        if matches!(pause, Pause::Asked(_)) {
            // Of the exporter as a whole, so that neither the next batch nor a shutdown's last attempt comes earlier.
            self.queue.hold_off(pause);
        }
        if batch.is_empty() {
            self.queue.settle(0, DropReason::Rejected);
        } else if failed >= self.retry.max_attempts {
            self.lose(0, DropReason::RetriesExhausted);
        } else if !self.queue.wait_for_retry(pause) {
            self.lose(0, DropReason::ShutdownDeadline);
        } else {
            return true;
        }
        false
    }

    fn settle_first(&self, batch: &mut Batch, settled: Settled) {
        if settled.rejected > 0 {
            self.diagnostics.note(Diagnostic::ExportFailed);
        }
        self.queue.settle_first(settled.delivered, settled.rejected);
        batch.take_off(settled.spans());
    }

    /// The batch is lost. One panic may be its fault; after several in a row the exporter is left alone for a while.
    fn panicked(&mut self) {
        if self.panics > 0
            && let Pause::Own(delay) = self.retry.pause(self.panics, None)
        {
            self.queue.hold_off(Pause::Own(delay.min(PANIC_PAUSE)));
        }
        self.panics = self.panics.saturating_add(1);
        self.lose(0, DropReason::ExporterPanicked);
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
