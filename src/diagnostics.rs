//! What the library has to say about itself (floor 0): counted always, said rarely.
//!
//! Constant texts only: nothing that came in a header, an attribute or an answer is ever repeated here.

use std::{
    array, fmt,
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Something the operator should know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Diagnostic {
    /// A layer met a request that the same kind of layer had seen before it: the inner one stood back.
    RepeatedLayer,
    /// A header was malformed or too long, and was ignored.
    RejectedHeader,
    /// An exporter could not deliver spans, which are lost.
    ExportFailed,
    /// An exporter panicked; its batch is lost.
    ExporterPanicked,
    /// A queue or a buffer was full; spans are lost.
    SpansDropped,
    /// A backend does not take spans at the moment; they wait in the spool.
    ExportDelayed,
    /// The spool's directory does not take spans, which are kept in memory only, or a file in it cannot be read.
    SpoolUnavailable,
    /// A file of the spool was damaged, or vanished; the spans in it are lost.
    SpoolDamaged,
}

const KINDS: [Diagnostic; 8] = [
    Diagnostic::RepeatedLayer,
    Diagnostic::RejectedHeader,
    Diagnostic::ExportFailed,
    Diagnostic::ExporterPanicked,
    Diagnostic::SpansDropped,
    Diagnostic::ExportDelayed,
    Diagnostic::SpoolUnavailable,
    Diagnostic::SpoolDamaged,
];

impl Diagnostic {
    /// What it means and what to do, in one constant sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::RepeatedLayer => {
                "a request passed the same kind of layer twice; the inner one did nothing: remove one of them"
            }
            Self::RejectedHeader => "a malformed trace or request-id header was ignored",
            Self::ExportFailed => {
                "an exporter could not deliver spans; see the tracer's stats for the reason"
            }
            Self::ExporterPanicked => "an exporter panicked and lost its batch; it goes on with the next",
            Self::SpansDropped => {
                "spans were dropped because a bound was reached; see the tracer's stats for which"
            }
            Self::ExportDelayed => "a backend does not take spans; they wait in the spool",
            Self::SpoolUnavailable => {
                "the spool cannot be written or read: spans are in memory only, or wait; see its directory's rights and room"
            }
            Self::SpoolDamaged => "a file of the spool was damaged or taken away; the spans in it are lost",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Receives diagnostics.
pub(crate) type Listener = Box<dyn Fn(Diagnostic) + Send + Sync>;

/// Counts, for all threads.
pub(crate) struct Diagnostics([AtomicU64; KINDS.len()]);

impl Diagnostics {
    pub(crate) fn new() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn note(&self, diagnostic: Diagnostic) {
        if let Some(count) = self.0.get(diagnostic as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self, diagnostic: Diagnostic) -> u64 {
        self.0.get(diagnostic as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// Decides what of all that has been counted is said: each kind at most once in [`PAUSE`].
#[derive(Default)]
pub(crate) struct Speaker {
    said: [Option<(Instant, u64)>; KINDS.len()],
}

const PAUSE: Duration = Duration::from_secs(30);

impl Speaker {
    /// Says what is new, where `say` is able to.
    pub(crate) fn speak(
        &mut self,
        diagnostics: &Diagnostics,
        now: Instant,
        mut say: impl FnMut(Diagnostic) -> bool,
    ) {
        for (kind, said) in KINDS.into_iter().zip(&mut self.said) {
            let count = diagnostics.count(kind);
            let is_news = match *said {
                None => count > 0,
                Some((when, before)) => count > before && now.duration_since(when) >= PAUSE,
            };
            if is_news && say(kind) {
                *said = Some((now, count));
            }
        }
    }
}

/// A host whose standard error is closed is not to notice.
pub(crate) fn say_on_stderr(diagnostic: Diagnostic) {
    let _closed = writeln!(std::io::stderr(), "throughline: {diagnostic}");
}
