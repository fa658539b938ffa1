//! The thread of one exporter behind a spool (floor 3): what comes live first, then what has waited on disk,
//! then what earlier processes left. Nothing is given up that may still be delivered.

use super::{
    flights::{Flight, Outcome, Setback},
    line::Held,
    next::Work,
    reader::Reader,
    shelf::Wanted,
    store::Store,
};
use crate::{
    diagnostics::Diagnostic,
    export::{
        DropReason, Pause, RetryPolicy, Settled,
        attempt::{Attempt, PANIC_PAUSE, Sender},
    },
    record::{Batch, Resource},
};
use std::{io, sync::Arc, time::Duration};

pub(super) struct Courier {
    pub(super) store: Arc<Store>,
    /// Which of the spool's exporters this is.
    pub(super) line: usize,
    pub(super) sender: Sender,
    pub(super) resource: Arc<Resource>,
    pub(super) retry: RetryPolicy,
    pub(super) reader: Reader,
    /// Attempts that have failed one after the other.
    pub(super) failed: u32,
}

impl Courier {
    /// Runs until the shutdown, on the exporter's own thread.
    pub(super) fn run(mut self) {
        loop {
            match self.store.next(self.line) {
                Work::Live(flight) => {
                    self.reader.forget();
                    // Of a chunk of which a part is settled, the last spans are left.
                    let tail = |held: &Held| (held.chunk.clone(), held.settled());
                    let batch = Batch::from_tails(self.resource.clone(), flight.held.iter().map(tail));
                    self.deliver(batch, flight);
                }
                Work::Read(wanted) => self.read(&wanted),
                Work::Flush(completion, deadline) => self.sender.flush(&completion, deadline),
                Work::Shutdown(completion, deadline) => {
                    self.store.leave(Some(self.line));
                    self.sender.shutdown(&completion, deadline);
                    break;
                }
                Work::Stop => {
                    self.store.leave(Some(self.line));
                    break;
                }
            }
        }
        self.sender.end();
    }

    fn read(&mut self, wanted: &Wanted) {
        let loaded = match self.reader.read(wanted) {
            Ok(loaded) => loaded,
            Err(error) => {
                self.reader.forget();
                let is_gone = error.kind() == io::ErrorKind::NotFound;
                return self.store.not_read(self.line, wanted, is_gone);
            }
        };
        let flight = self.store.take_off(self.line, wanted, &loaded);
        self.deliver(Batch::new(wanted.resource.clone(), loaded.spans), flight);
    }

    fn deliver(&mut self, mut batch: Batch, mut flight: Flight) {
        let Some(filtered) = self.sender.filter(&mut batch) else {
            self.note(Diagnostic::ExporterPanicked);
            return self.set_back(&flight, None, true);
        };
        let filtered = filtered as u64;
        let spans = batch.len();
        if batch.is_empty() {
            return self.settle(&flight, 0, filtered, DropReason::Rejected);
        }
        let (attempt, took) = self.sender.attempt(&batch);
        self.store.measure(self.line, took);
        let rejected = match attempt {
            Attempt::Delivered => 0,
            Attempt::Partial(rejected) => rejected,
            Attempt::Permanent => spans,
            Attempt::Panicked => {
                self.note(Diagnostic::ExporterPanicked);
                return self.set_back(&flight, None, true);
            }
            Attempt::Retry { after, settled } => {
                self.note(Diagnostic::ExportDelayed);
                if settled.spans() > 0 {
                    self.settle_first(&mut batch, &mut flight, settled);
                }
                return self.set_back(&flight, after, false);
            }
        };
        if attempt != Attempt::Delivered {
            self.note(Diagnostic::ExportFailed);
        }
        self.failed = 0;
        self.settle(&flight, (spans - rejected) as u64, filtered, DropReason::Rejected);
    }

    /// Finishes the first spans of a flight, and those that the filter or damage has left out among them.
    fn settle_first(&mut self, batch: &mut Batch, flight: &mut Flight, settled: Settled) {
        if settled.rejected > 0 {
            self.note(Diagnostic::ExportFailed);
        }
        let filtered = batch.take_off(settled.spans()) as u64;
        let first = flight.take_first(settled.spans() as u64 + filtered);
        self.settle(&first, settled.delivered as u64, filtered, DropReason::Rejected);
        self.failed = 0;
    }

    fn settle(&self, flight: &Flight, delivered: u64, filtered: u64, reason: DropReason) {
        self.store.settle(self.line, flight, Outcome { delivered, filtered, reason });
    }

    fn set_back(&mut self, flight: &Flight, asked: Option<Duration>, is_at_fault: bool) {
        self.failed = self.failed.saturating_add(1);
        let (delay, is_asked) = match self.retry.pause(self.failed, asked) {
            Pause::Asked(delay) => (delay, true),
            Pause::Own(delay) if is_at_fault => (delay.min(PANIC_PAUSE), false),
            Pause::Own(delay) => (delay, false),
        };
        let most_strikes = self.retry.max_attempts.max(1);
        self.store.set_back(self.line, flight, Setback { delay, is_asked, is_at_fault, most_strikes });
    }

    fn note(&self, diagnostic: Diagnostic) {
        self.store.diagnostics.note(diagnostic);
    }
}
