//! Handing finished spans to a backend (floor 3): the contract and the machinery behind it.
//!
//! An exporter encodes and sends; everything else is the pipeline's: each exporter has a thread and a
//! bounded queue of its own, retries happen there, and so does counting. What an exporter owes is in
//! [`Exporter`]; `throughline::testing` checks it.

mod abort;
mod assembly;
mod attempt;
mod completion;
mod delivery;
mod error;
mod inlet;
mod queue;
mod retry;
#[cfg(feature = "spool")]
mod spool;
mod stats;
mod worker;

pub use abort::AbortHandle;
pub use assembly::SameName;
pub(crate) use assembly::{Assembly, assemble};
pub(crate) use completion::{Completed, Completion, Seat, wake_all};
pub use delivery::Delivery;
pub use error::{Decision, ExportError, Settled};
pub(crate) use inlet::{Inlet, Terms};
pub(crate) use queue::{Queue, QueueLimits};
pub(crate) use retry::Pause;
pub use retry::RetryPolicy;
#[cfg(feature = "spool")]
pub use spool::{Fsync, Spool};
#[cfg(all(fuzzing, feature = "spool"))]
#[doc(hidden)]
pub use spool::{read_any, write_damage_read};
pub use stats::{DropReason, Dropped, ExporterStats, Latency, Recovered, Report, RuleStats, Stats};

use crate::record::Batch;
use std::time::Duration;

/// Sends finished spans somewhere.
///
/// Object-safe and free of any async runtime. The pipeline calls it from one thread that is the
/// exporter's own, so it may block, and it need not be `Sync`. It never needs to retry, to queue or
/// to count: it says in its [`ExportError`] what should happen, and the pipeline does it.
///
/// Where it sends a batch in several parts, an error says which of them are settled
/// ([`ExportError::with_settled`]); only the others come again.
///
/// A panic costs the batch at hand, counted, and nothing else: the next call comes all the same, after a pause of up to
/// a second if several calls in a row panic.
///
/// No spans are started on the thread that calls it, so a client that is traced makes no spans there. Work on threads or
/// tasks of the exporter's own is not the pipeline's to know: there it has to be said, by
/// [`suppress_instrumentation`](crate::suppress_instrumentation) or
/// [`Instrument::suppress_instrumentation`](crate::Instrument::suppress_instrumentation), or each span that is sent makes
/// more, without end.
///
/// ```
/// use throughline::{Batch, export::{ExportError, Exporter}};
///
/// struct Count(usize);
///
/// impl Exporter for Count {
///     fn name(&self) -> &str {
///         "count"
///     }
///
///     fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
///         self.0 += batch.len();
///         Ok(())
///     }
/// }
/// ```
pub trait Exporter: Send {
    /// A short constant name for reports, such as `console`. [`Delivery::named`] says where to it goes, if there are
    /// several.
    fn name(&self) -> &str;

    /// Sends one batch. `Ok` means that every span of it has been delivered, as far as the backend
    /// tells.
    ///
    /// # Errors
    ///
    /// An [`ExportError`] whose decision says what becomes of the batch.
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError>;

    /// Sends on whatever `export` left in buffers of the exporter's own. Called when the application
    /// flushes; `within` is the time it is still willing to wait, which may be none.
    ///
    /// # Errors
    ///
    /// If something could not be sent: the flush then reports itself as incomplete.
    fn flush(&mut self, within: Duration) -> Result<(), ExportError> {
        let _ = within;
        Ok(())
    }

    /// Says goodbye; nothing is called afterwards but `drop`.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    fn shutdown(&mut self, within: Duration) -> Result<(), ExportError> {
        self.flush(within)
    }

    /// How a call that hangs is cut short. Asked for once, when the tracer is built; used once the tracer has
    /// been shut down, at its deadline at the latest. No call of `export` begins afterwards.
    ///
    /// Without one, the default, `Tracer::shutdown` returns in time all the same, but the exporter's thread,
    /// and what it holds, live on until the call returns by itself. An exporter that wraps another hands on that
    /// one's.
    fn abort_handle(&self) -> Option<AbortHandle> {
        None
    }
}

impl<E: Exporter + ?Sized> Exporter for Box<E> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        (**self).export(batch)
    }

    fn flush(&mut self, within: Duration) -> Result<(), ExportError> {
        (**self).flush(within)
    }

    fn shutdown(&mut self, within: Duration) -> Result<(), ExportError> {
        (**self).shutdown(within)
    }

    fn abort_handle(&self) -> Option<AbortHandle> {
        (**self).abort_handle()
    }
}
