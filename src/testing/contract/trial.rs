//! One case's run (floor 6): what has been handed over, and whether it arrived.

use super::{
    driver::{Call, Driver},
    samples::Samples,
};
use crate::{
    export::Exporter,
    ids::SpanId,
    record::{Batch, Resource, SpanRecord},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Reads the ids of all spans that have arrived.
pub(super) type Delivered<'a> = Box<dyn FnMut() -> Vec<SpanId> + 'a>;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) arrival: Duration,
    pub(super) flush: Duration,
    pub(super) call: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { arrival: Duration::from_secs(1), flush: Duration::from_secs(1), call: Duration::from_secs(10) }
    }
}

/// What a machine with other things to do may add to a time that is measured.
const SLACK: Duration = Duration::from_millis(250);

pub(super) struct Trial<'a> {
    driver: Driver,
    delivered: Delivered<'a>,
    patience: Patience,
    resource: Arc<Resource>,
    pub(super) samples: Samples,
    exported: Vec<SpanId>,
}

impl<'a> Trial<'a> {
    pub(super) fn start(
        exporter: Box<dyn Exporter>,
        delivered: Delivered<'a>,
        patience: Patience,
    ) -> Result<Self, String> {
        let driver = Driver::start(exporter, patience.call)?;
        let resource = Resource::new("contract").with_attribute("service.version", "1.0");
        let (resource, samples) = (Arc::new(resource), Samples::new());
        Ok(Self { driver, delivered, patience, resource, samples, exported: Vec::new() })
    }

    pub(super) fn name(&self) -> Result<String, String> {
        self.driver.call(Call::Name).map(|answer| answer.text)
    }

    pub(super) fn export(&mut self, spans: Vec<SpanRecord>) -> Result<(), String> {
        self.exported.extend(spans.iter().map(SpanRecord::span_id));
        self.driver.call(Call::Export(Batch::new(self.resource.clone(), spans)))?;
        Ok(())
    }

    /// Delivers a batch to a backend that is away now and then, as the pipeline does: after each failure comes what is
    /// not settled, and in between, as behind a spool, another batch, if there is one. True if it failed at all.
    pub(super) fn export_stuttering(
        &mut self,
        spans: Vec<SpanRecord>,
        mut between: Vec<SpanRecord>,
    ) -> Result<bool, String> {
        /// No backend that is made to fail for a test does so more often in a row.
        const MOST_ATTEMPTS: usize = 1_000;
        self.exported.extend(spans.iter().chain(&between).map(SpanRecord::span_id));
        let mut left = spans;
        let mut has_failed = false;
        for _ in 0..MOST_ATTEMPTS {
            let batch = Batch::new(self.resource.clone(), left.clone());
            match self.driver.attempt(batch)? {
                None => left.clear(),
                Some(settled) if settled > left.len() => {
                    return Err(format!("of a batch of {} spans {settled} were settled", left.len()));
                }
                Some(settled) => {
                    has_failed = true;
                    left.drain(..settled);
                }
            }
            // The other one comes first, until it is through.
            if !between.is_empty() {
                std::mem::swap(&mut left, &mut between);
            }
            if left.is_empty() {
                return Ok(has_failed);
            }
        }
        Err(format!("after {MOST_ATTEMPTS} attempts a batch has not come through"))
    }

    pub(super) fn flush(&self) -> Result<(), String> {
        self.in_time("flush", Call::Flush(self.patience.flush))
    }

    pub(super) fn flush_at_once(&self) -> Result<(), String> {
        self.driver.call(Call::Flush(Duration::ZERO))?;
        Ok(())
    }

    pub(super) fn shutdown(&self) -> Result<(), String> {
        self.in_time("shutdown", Call::Shutdown(self.patience.flush))
    }

    pub(super) fn drop_exporter(&self) -> Result<(), String> {
        self.driver.call(Call::Drop)?;
        Ok(())
    }

    /// Everything that was handed over is there, once.
    pub(super) fn expect_all_delivered(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + self.patience.arrival;
        loop {
            let difference = difference(&self.exported, &(self.delivered)());
            match difference {
                None => return Ok(()),
                Some(what) if Instant::now() >= deadline => return Err(what),
                Some(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// As [`finish`](Self::finish), where a flush may fail for a while.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + self.patience.call;
        while let Err(error) = self.flush() {
            if Instant::now() >= deadline {
                return Err(error);
            }
        }
        self.expect_all_delivered()?;
        self.drop_exporter()?;
        self.expect_all_delivered()
    }

    /// The end of most cases, as the pipeline brings it about.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.flush()?;
        self.expect_all_delivered()?;
        self.shutdown()?;
        self.drop_exporter()?;
        self.expect_all_delivered()
    }

    fn in_time(&self, what: &str, call: Call) -> Result<(), String> {
        let (within, took) = (self.patience.flush, self.driver.call(call)?.took);
        if took > within + SLACK {
            return Err(format!("{what} was given {within:?} and took {took:?}"));
        }
        Ok(())
    }
}

/// How what arrived differs from what was sent.
fn difference(sent: &[SpanId], arrived: &[SpanId]) -> Option<String> {
    let mut counts: BTreeMap<SpanId, (usize, usize)> = BTreeMap::new();
    sent.iter().for_each(|id| counts.entry(*id).or_default().0 += 1);
    arrived.iter().for_each(|id| counts.entry(*id).or_default().1 += 1);
    let lost = counts.values().filter(|(sent, arrived)| arrived < sent).count();
    let strange = counts.values().filter(|(sent, _)| *sent == 0).count();
    let repeated = counts.values().filter(|(sent, arrived)| *sent > 0 && arrived > sent).count();
    let first = counts.iter().find(|(_, (sent, arrived))| sent != arrived).map(|(id, _)| id)?;
    Some(format!(
        "of {} spans {lost} did not arrive, {repeated} arrived more than once, and {strange} arrived that were \
         never sent; {first} is the first of them",
        sent.len()
    ))
}
