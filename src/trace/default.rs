//! The process's default tracer, and a thread's (floor 4).

use super::{engine::Engine, local, tracer::Tracer};
use std::{
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

static DEFAULT: OnceLock<Tracer> = OnceLock::new();

/// The process has a default tracer already; it cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process has a default tracer already: set it once, where the process starts")]
pub struct DefaultAlreadySet;

impl Tracer {
    /// Makes this the tracer of all spans that are started without one, in the whole process, for
    /// good.
    ///
    /// It is never dropped, so what is left at the end of the process is delivered only by an explicit
    /// [`shutdown`](Self::shutdown). A library must not call this; that is the application's choice.
    ///
    /// # Errors
    ///
    /// [`DefaultAlreadySet`] if there is one.
    pub fn set_default(&self) -> Result<(), DefaultAlreadySet> {
        DEFAULT.set(self.clone()).map_err(|_| DefaultAlreadySet)
    }

    /// Makes this the tracer of all spans that are started without one on this thread, until the guard
    /// is dropped. It goes before the process's default; a test can so have a tracer of its own.
    pub fn set_thread_default(&self) -> DefaultGuard {
        DefaultGuard { serial: local::push_default(self.clone()), _not_send: PhantomData }
    }
}

/// Keeps a tracer the thread's default. See [`Tracer::set_thread_default`].
#[derive(Debug)]
#[must_use = "the default ends when the guard is dropped"]
pub struct DefaultGuard {
    serial: u64,
    _not_send: PhantomData<*const ()>,
}

impl Drop for DefaultGuard {
    fn drop(&mut self) {
        local::remove_default(self.serial);
    }
}

pub(super) fn of_process() -> Option<&'static Arc<Engine>> {
    DEFAULT.get().and_then(Tracer::engine)
}
