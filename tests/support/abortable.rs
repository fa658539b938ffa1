//! An exporter that hangs until it is aborted.

use super::Gate;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};
use throughline::{
    Batch,
    export::{AbortHandle, ExportError, Exporter},
};

pub struct Abortable {
    gate: Gate,
    aborts: Arc<AtomicUsize>,
    panics: bool,
    /// Tells of the drop by going away.
    _alive: mpsc::Sender<()>,
}

impl Abortable {
    /// With how often it has been aborted, and what ends when it is dropped. If it `panics`, then in the handle.
    pub fn new(panics: bool) -> (Self, Arc<AtomicUsize>, mpsc::Receiver<()>) {
        let (aborts, (alive, is_over)) = (Arc::default(), mpsc::channel());
        (Self { gate: Gate::closed(), aborts: Arc::clone(&aborts), panics, _alive: alive }, aborts, is_over)
    }
}

impl Exporter for Abortable {
    fn name(&self) -> &str {
        "abortable"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        self.gate.pass();
        Err(ExportError::retry("aborted"))
    }

    fn abort_handle(&self) -> Option<AbortHandle> {
        let (gate, aborts, panics) = (self.gate.clone(), self.aborts.clone(), self.panics);
        Some(AbortHandle::new(move || {
            aborts.fetch_add(1, Ordering::SeqCst);
            gate.open();
            assert!(!panics, "in the handle");
        }))
    }
}
