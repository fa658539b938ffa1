//! An exporter that is a closure.

use throughline::{
    Batch,
    export::{ExportError, Exporter},
};

pub struct Script<F>(pub F);

impl<F: FnMut(&Batch) -> Result<(), ExportError> + Send> Exporter for Script<F> {
    fn name(&self) -> &str {
        "script"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        (self.0)(batch)
    }
}
