//! The error of an export, which carries the decision (floor 3).

use crate::secrets;
use std::{borrow::Cow, error::Error, fmt, time::Duration};

/// What becomes of a batch that was not delivered whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The same spans may succeed later: not before `after`, if the backend named a time. Until then the exporter
    /// is given no others either.
    Retry {
        /// The delay the backend asked for.
        after: Option<Duration>,
    },
    /// They never will: they are dropped and counted.
    Permanent,
    /// The backend kept all but `rejected` spans, for good: those are counted, nothing is sent again.
    Partial {
        /// Spans the backend refused.
        rejected: usize,
    },
}

/// The part of a batch that is done with, although the export has failed: its first spans, in the order in
/// which the batch has them.
///
/// Default: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Spans of that part that have been delivered.
    pub delivered: usize,
    /// Spans of that part that the backend refused for good. Which ones does not matter.
    pub rejected: usize,
}

impl Settled {
    /// How many spans the part has.
    pub const fn spans(&self) -> usize {
        self.delivered.saturating_add(self.rejected)
    }

    /// No more than there are.
    pub(crate) fn within(self, spans: usize) -> Self {
        let delivered = self.delivered.min(spans);
        Self { delivered, rejected: self.rejected.min(spans - delivered) }
    }
}

/// Why an export failed, and what to do about it.
///
/// Where an exporter sends a batch in several parts and one of them fails, it says how far it has come
/// ([`with_settled`](Self::with_settled)). The message is for a person: it names the cause and no secret. It must not quote what a backend
/// answered. Secrets that a text shows by their names or shapes, such as a password in a URL, are left out
/// of what is printed of it even so.
///
/// ```
/// use std::time::Duration;
/// use throughline::export::{Decision, ExportError};
///
/// let busy = ExportError::retry("the collector is busy (429)").after(Duration::from_secs(3));
/// assert_eq!(busy.decision(), Decision::Retry { after: Some(Duration::from_secs(3)) });
/// ```
pub struct ExportError {
    decision: Decision,
    settled: Settled,
    message: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ExportError {
    /// A failure that may pass.
    pub fn retry(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Decision::Retry { after: None }, message)
    }

    /// A failure that stays.
    pub fn permanent(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Decision::Permanent, message)
    }

    /// A success but for `rejected` spans.
    pub fn partial(rejected: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Decision::Partial { rejected }, message)
    }

    fn new(decision: Decision, message: impl Into<Cow<'static, str>>) -> Self {
        Self { decision, settled: Settled::default(), message: message.into(), source: None }
    }

    /// The same failure, to be tried again no sooner than this. Changes nothing but a retry.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        if let Decision::Retry { after } = &mut self.decision {
            *after = Some(delay);
        }
        self
    }

    /// The same failure, after the first `delivered + rejected` spans of the batch have been done with: so many
    /// of them were delivered, and the backend refused the others for good. What is beyond the batch's length
    /// does not count.
    ///
    /// They are counted at once. After a [`Retry`](Decision::Retry) only the spans behind them come again, in a batch
    /// of their own, next or after others: the exporter has nothing to remember. With a
    /// [`Permanent`](Decision::Permanent) error the spans behind them are dropped. A
    /// [`Partial`](Decision::Partial) one is about the whole batch: this changes nothing in it.
    ///
    /// ```
    /// use throughline::{Batch, SpanRecord, export::ExportError};
    ///
    /// fn export(batch: &Batch, send: impl Fn(&SpanRecord) -> std::io::Result<()>) -> Result<(), ExportError> {
    ///     for (sent, span) in batch.spans().enumerate() {
    ///         send(span).map_err(|error| ExportError::from(error).with_settled(sent, 0))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub const fn with_settled(mut self, delivered: usize, rejected: usize) -> Self {
        self.settled = Settled { delivered, rejected };
        self
    }

    /// The same failure with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What to do about it.
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// The part of the batch that is done with all the same.
    pub const fn settled(&self) -> Settled {
        self.settled
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&secrets::clean(&self.message))
    }
}

/// With its causes in words.
impl fmt::Debug for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut causes = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            causes.push(secrets::clean(&cause.to_string()).into_owned());
            next = cause.source();
        }
        f.debug_struct("ExportError")
            .field("decision", &self.decision)
            .field("settled", &self.settled)
            .field("message", &secrets::clean(&self.message))
            .field("causes", &causes)
            .finish()
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// An I/O failure may pass, unless the system says that it will not.
impl From<std::io::Error> for ExportError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{BrokenPipe, InvalidInput, NotFound, PermissionDenied, Unsupported};
        let error_is_final =
            matches!(error.kind(), BrokenPipe | InvalidInput | NotFound | PermissionDenied | Unsupported);
        let failure = if error_is_final { Self::permanent } else { Self::retry };
        failure("writing failed").with_source(error)
    }
}
