//! Cutting short what an exporter is busy with (floor 3).

use crate::panics::caught;
use std::{fmt, sync::Arc};

/// Ends, from another thread, a call of an exporter that hangs: see
/// [`Exporter::abort_handle`](super::Exporter::abort_handle).
#[derive(Clone)]
pub struct AbortHandle(Arc<dyn Fn() + Send + Sync>);

impl AbortHandle {
    /// `abort` makes the exporter's calls, the one under way included, return as soon as they can. It may be
    /// called more than once and when there is none, and must not block. A panic in it reaches nobody.
    pub fn new(abort: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(abort))
    }

    pub(crate) fn abort(&self) {
        let _panicked = caught(|| (self.0)());
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").finish_non_exhaustive()
    }
}
