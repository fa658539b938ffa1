//! An exporter and what it is given (floor 3): all spans or some, past a spool or not.

use super::{Exporter, attempt::Filter, inlet::Shelter};
use crate::record::SpanRecord;
use std::{borrow::Cow, fmt, sync::Arc};

/// An exporter with what is set for it alone. An exporter by itself turns into one that is given all.
///
/// ```
/// use std::time::Duration;
/// use throughline::{Tracer, exporters::Memory, export::Delivery};
///
/// let (all, slow) = (Memory::new(), Memory::new());
/// let only_slow = Delivery::to(slow.clone()).filter(|span| span.duration() > Duration::from_secs(1));
/// let tracer = Tracer::builder("orders").exporter(all.clone()).exporter(only_slow).build()?;
///
/// tracer.span("quick").end();
/// let report = tracer.shutdown(Duration::from_secs(5));
/// assert!(report.is_complete());
/// assert_eq!((all.spans().len(), slow.spans().len()), (1, 0));
/// assert_eq!(report.stats.exporters[1].filtered, 1);
/// # Ok::<(), throughline::BuildError>(())
/// ```
#[must_use = "a delivery does nothing until it is given to a tracer's builder"]
pub struct Delivery {
    pub(crate) exporter: Box<dyn Exporter>,
    name: Option<Cow<'static, str>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) shelter: Option<Arc<dyn Shelter>>,
}

impl Delivery {
    /// To this exporter, everything.
    pub fn to(exporter: impl Exporter + 'static) -> Self {
        Self { exporter: Box::new(exporter), name: None, filter: None, shelter: None }
    }

    /// A name for where this goes, such as `audit`, by which it is found in
    /// [`ExporterStats::name`](super::ExporterStats::name). Default: the exporter's own.
    ///
    /// Behind a spool, it is how a later process knows what has been delivered there and what has not: it stays
    /// the same for as long as spans may be left, and of several that share a directory each needs its own.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.exporter.name())
    }

    /// Only spans for which this is true; of several filters, all have to agree. The others are counted in
    /// [`ExporterStats::filtered`](super::ExporterStats::filtered).
    ///
    /// Called on the exporter's own thread, with finished spans: what it costs, other exporters do not
    /// notice. A filter that panics costs the batch at hand, as an exporter does; behind a spool, that is tried again.
    pub fn filter(mut self, mut is_wanted: impl FnMut(&SpanRecord) -> bool + Send + 'static) -> Self {
        self.filter = Some(match self.filter.take() {
            None => Box::new(is_wanted),
            Some(mut earlier) => Box::new(move |span| earlier(span) && is_wanted(span)),
        });
        self
    }
}

impl<E: Exporter + 'static> From<E> for Delivery {
    fn from(exporter: E) -> Self {
        Self::to(exporter)
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("name", &self.name())
            .field("exporter", &self.exporter.name())
            .finish_non_exhaustive()
    }
}
