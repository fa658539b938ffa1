//! Where every peer's null exporter hands its spans: they are counted, and nothing else is done to them.
//!
//! Before the measurement, one trace is looked at, so that the table can say what its spans carry.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The process's one sink.
pub static SINK: Sink =
    Sink { delivered: AtomicU64::new(0), looking: AtomicBool::new(false), seen: Mutex::new(Vec::new()) };

pub struct Sink {
    delivered: AtomicU64,
    looking: AtomicBool,
    seen: Mutex<Vec<Seen>>,
}

/// What a span carries.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub name: String,
    pub attributes: Vec<String>,
    /// The names of the events, and how many attributes each has.
    pub events: Vec<(String, usize)>,
    /// Does it say whether it is a server's or a client's?
    pub has_kind: bool,
}

/// `name (kind): attributes; event (its attributes)`.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.has_kind { " (with its kind)" } else { "" };
        write!(f, "{}{kind}: {} attributes", self.name, self.attributes.len())?;
        if !self.attributes.is_empty() {
            write!(f, ": {}", self.attributes.join(", "))?;
        }
        self.events
            .iter()
            .try_for_each(|(name, attributes)| write!(f, "; event {name} with {attributes} attributes"))
    }
}

impl Sink {
    /// Takes a batch of `count` spans; `describe` is called only when somebody looks.
    pub fn take<S: Iterator<Item = Seen>>(&self, count: usize, describe: impl FnOnce() -> S) {
        self.delivered.fetch_add(count as u64, Ordering::Relaxed);
        if self.looking.load(Ordering::Relaxed) {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(describe());
        }
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Looks at the spans that come while `body` runs.
    pub fn look(&self, body: impl FnOnce()) -> Vec<Seen> {
        self.looking.store(true, Ordering::Relaxed);
        body();
        self.looking.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
