//! What the pipeline expects of every exporter, as checks an author runs (floor 6).

mod cases;
mod driver;
mod samples;
mod trial;

use crate::{export::Exporter, ids::SpanId};
use std::{fmt, time::Duration};
use trial::{Delivered, Patience, Trial};

/// Checks an exporter against the contract of [`Exporter`].
///
/// The kit is given a way to make the exporter together with a reader of what has been delivered: the ids
/// of all spans that have reached the far end of it, each as often as it is there. Where a backend stores
/// no ids, the reader can take them from the spans' names: `sample-` and the id's 16 hex digits come first
/// in each (but for one case, `an empty name`, which such an exporter has to leave
/// [out](Self::without)).
///
/// Each case has an exporter of its own, on a thread of its own, called as the pipeline calls it. A case
/// fails by a wrong answer, a panic, a span that is lost or comes twice, or a call that takes too long;
/// the failure names the case. The backend is expected to be well: an error is a failure. What happens when it is not
/// is checked with a second one, which is made to [fail](Self::failing).
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use throughline::{Batch, SpanId, export::{ExportError, Exporter}, testing::ExporterContract};
///
/// struct Ids(Arc<Mutex<Vec<SpanId>>>);
///
/// impl Exporter for Ids {
///     fn name(&self) -> &str {
///         "ids"
///     }
///
///     fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
///         let mut ids = self.0.lock().map_err(|_| ExportError::permanent("the list is lost"))?;
///         ids.extend(batch.spans().map(|span| span.span_id()));
///         Ok(())
///     }
/// }
///
/// ExporterContract::new(|| {
///     let ids = Arc::new(Mutex::new(Vec::new()));
///     (Ids(ids.clone()), move || ids.lock().map(|ids| ids.clone()).unwrap_or_default())
/// })
/// .check();
/// ```
pub struct ExporterContract<'a> {
    make: Make<'a>,
    make_failing: Option<Make<'a>>,
    patience: Patience,
    left_out: Vec<String>,
}

/// Makes an exporter and the reader of its far end.
type Make<'a> = Box<dyn Fn() -> (Box<dyn Exporter>, Delivered<'a>) + 'a>;

/// A case of the contract that an exporter does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContractFailure {
    /// The case, such as `NaN and the infinities`.
    pub case: &'static str,
    /// What went wrong.
    pub what: String,
}

impl<'a> ExporterContract<'a> {
    /// A check of what `make` makes: an exporter with a far end of its own, and a reader of the ids that
    /// have arrived there.
    ///
    /// Nothing is read before a flush or a shutdown has promised that it is there.
    pub fn new<E, R>(make: impl Fn() -> (E, R) + 'a) -> Self
    where
        E: Exporter + 'static,
        R: FnMut() -> Vec<SpanId> + 'a,
    {
        Self { make: boxed(make), make_failing: None, patience: Patience::default(), left_out: Vec::new() }
    }

    /// Checks also what the exporter makes of a backend that is away now and then, in the middle of a batch, too: that
    /// what it says to be [settled](crate::export::ExportError::with_settled) is there once, and the rest is tried again,
    /// at once or after another batch.
    ///
    /// As [`new`](Self::new), but the far end is made to fail in ways that may pass, again and again and less than
    /// 1,000 times in a row.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use throughline::{Batch, SpanId, export::{ExportError, Exporter}, testing::ExporterContract};
    ///
    /// /// Is away for every third span.
    /// #[derive(Clone, Default)]
    /// struct Backend(Arc<Mutex<(u32, Vec<SpanId>)>>);
    ///
    /// impl Backend {
    ///     fn take(&self, span: SpanId, may_fail: bool) -> Result<(), ExportError> {
    ///         let mut state = self.0.lock().map_err(|_| ExportError::permanent("the list is lost"))?;
    ///         state.0 += 1;
    ///         if may_fail && state.0 % 3 == 0 {
    ///             return Err(ExportError::retry("away"));
    ///         }
    ///         state.1.push(span);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// struct OneByOne(Backend, bool);
    ///
    /// impl Exporter for OneByOne {
    ///     fn name(&self) -> &str {
    ///         "one by one"
    ///     }
    ///
    ///     fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
    ///         for (sent, span) in batch.spans().enumerate() {
    ///             self.0.take(span.span_id(), self.1).map_err(|error| error.with_settled(sent, 0))?;
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let make = |may_fail| {
    ///     let backend = Backend::default();
    ///     let taken = backend.clone();
    ///     (OneByOne(backend, may_fail), move || taken.0.lock().map(|state| state.1.clone()).unwrap_or_default())
    /// };
    /// ExporterContract::new(|| make(false)).failing(|| make(true)).check();
    /// ```
    #[must_use]
    pub fn failing<E, R>(mut self, make: impl Fn() -> (E, R) + 'a) -> Self
    where
        E: Exporter + 'static,
        R: FnMut() -> Vec<SpanId> + 'a,
    {
        self.make_failing = Some(boxed(make));
        self
    }

    /// How long after a flush or a shutdown what was sent may take to be seen by the reader, where the far
    /// end is another thread, a socket or a server. Default 1 s.
    #[must_use]
    pub fn arrives_within(mut self, within: Duration) -> Self {
        self.patience.arrival = within;
        self
    }

    /// The time a flush and a shutdown are given; they must not take longer. Default 1 s.
    #[must_use]
    pub fn flush_within(mut self, within: Duration) -> Self {
        self.patience.flush = within;
        self
    }

    /// How long any call may take before it counts as hung. Default 10 s.
    #[must_use]
    pub fn hung_after(mut self, after: Duration) -> Self {
        self.patience.call = after;
        self
    }

    /// Leaves a case out, by its name: one that a backend cannot keep.
    ///
    /// # Panics
    ///
    /// If no case is called so.
    #[must_use]
    #[track_caller]
    pub fn without(mut self, case: &str) -> Self {
        let mut all = cases::CASES.iter().chain(cases::FAILING_CASES);
        assert!(all.any(|(known, _)| *known == case), "the contract has no case {case:?}");
        self.left_out.push(case.to_owned());
        self
    }

    /// Runs all cases.
    ///
    /// # Panics
    ///
    /// If one fails: the message lists all that do, and why.
    #[track_caller]
    pub fn check(self) {
        let failures = self.failures();
        let list: String = failures.iter().map(|failure| format!("\n  {failure}")).collect();
        assert!(failures.is_empty(), "the exporter does not keep the contract:{list}");
    }

    /// Runs all cases; those that fail.
    pub fn failures(self) -> Vec<ContractFailure> {
        let usual = cases::CASES.iter().map(|case| (&self.make, case));
        let failing = self.make_failing.iter();
        let failing = failing.flat_map(|make| cases::FAILING_CASES.iter().map(move |case| (make, case)));
        let is_run = |(_, (case, _)): &(&Make<'a>, &(&'static str, cases::Case))| {
            !self.left_out.iter().any(|left_out| left_out == case)
        };
        let run = |(make, (case, run)): (&Make<'a>, &(&'static str, cases::Case))| {
            let (exporter, delivered) = make();
            let result =
                Trial::start(exporter, delivered, self.patience).and_then(|mut trial| run(&mut trial));
            result.err().map(|what| ContractFailure { case, what })
        };
        usual.chain(failing).filter(is_run).filter_map(run).collect()
    }
}

fn boxed<'a, E, R>(make: impl Fn() -> (E, R) + 'a) -> Make<'a>
where
    E: Exporter + 'static,
    R: FnMut() -> Vec<SpanId> + 'a,
{
    Box::new(move || {
        let (exporter, delivered) = make();
        (Box::new(exporter), Box::new(delivered))
    })
}

impl fmt::Display for ContractFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.what)
    }
}

impl fmt::Debug for ExporterContract<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExporterContract")
            .field("patience", &self.patience)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}
