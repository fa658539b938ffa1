//! A tracer to be measured, which loses nothing meanwhile.

use crate::workloads::ours::Null;
use std::{cell::Cell, time::Duration};
use throughline::{Tracer, sampling::Sampler};

/// Operations that are timed together.
pub const SAMPLE: u32 = 256;
pub const SAMPLES: u32 = 400;

const WITHIN: Duration = Duration::from_secs(10);

pub struct Recorder {
    pub tracer: Tracer,
    operations: Cell<u32>,
}

impl Recorder {
    pub fn new() -> Self {
        let tracer = Tracer::builder("micro").exporter(Null).build().expect("a tracer");
        Self { tracer, operations: Cell::new(0) }
    }

    pub fn sampling(sampler: impl Sampler + 'static) -> Self {
        let tracer = Tracer::builder("micro").exporter(Null).sampler(sampler).build().expect("a tracer");
        Self { tracer, operations: Cell::new(0) }
    }

    /// Called before each operation of a sample, all of which are timed only then: once for many samples
    /// waits for what has been recorded.
    pub fn catch_up(&self) {
        self.operations.set(self.operations.get() + 1);
        if self.operations.get().is_multiple_of(8 * SAMPLE) {
            assert!(self.tracer.flush(WITHIN).is_complete(), "a lost span is a wrong measurement");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        assert!(self.tracer.shutdown(WITHIN).is_complete(), "a lost span is a wrong measurement");
    }
}
