//! Time that stands still until it is told to move on (floor 6).

use crate::clock::{Clock, TimeSource};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A clock that a test moves by hand. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use throughline::testing::{ManualClock, TestTracer};
///
/// let clock = ManualClock::new();
/// let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
/// let span = test.span("slow");
/// clock.advance(Duration::from_secs(3));
/// span.end();
/// assert_eq!(test.span_named("slow").duration(), Duration::from_secs(3));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// 2025-01-01 00:00 UTC, where a new clock stands, in Unix nanoseconds.
    pub const START: u64 = 1_735_689_600_000_000_000;

    /// A clock that stands at [`START`](Self::START).
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Self::START)))
    }

    /// The time it shows, in Unix nanoseconds.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Puts it to a time, in Unix nanoseconds; an earlier one as well, which no good clock does.
    pub fn set(&self, unix_nanos: u64) {
        self.0.store(unix_nanos, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeSource for ManualClock {
    fn unix_nanos(&self) -> u64 {
        self.now()
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self::custom(Arc::new(clock))
    }
}
