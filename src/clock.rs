//! Time (floor 0): one monotonic counter, anchored to UTC.
//!
//! A span reads raw ticks, which costs a counter read and nothing else; the collector turns them
//! into UTC Unix nanoseconds through a [`Timeline`]. Both ends of a span go through one anchor, so
//! a span never ends before it starts, whatever the wall clock does meanwhile.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Tells the time, in UTC Unix nanoseconds: implement it to make a test's time its own.
///
/// Must not go backwards, and is called on the thread that starts or ends a span.
pub trait TimeSource: Send + Sync {
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    fn unix_nanos(&self) -> u64;
}

/// Where a tracer's time comes from.
///
/// The default reads the processor's time stamp counter where that is reliable (about 10 ns), else
/// the system's monotonic clock (about 25 ns).
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use throughline::{Clock, TimeSource};
///
/// struct Ticking(AtomicU64);
///
/// impl TimeSource for Ticking {
///     fn unix_nanos(&self) -> u64 {
///         self.0.fetch_add(1_000, Ordering::Relaxed)
///     }
/// }
///
/// let clock = Clock::custom(Arc::new(Ticking(AtomicU64::new(0))));
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Counter(quanta::Clock),
    Custom(Arc<dyn TimeSource>),
}

impl Clock {
    /// The machine's own clock. The first call in a process calibrates it: under a millisecond, at
    /// most 200.
    pub fn system() -> Self {
        Self(Source::Counter(quanta::Clock::new()))
    }

    /// A clock of one's own.
    pub fn custom(source: Arc<dyn TimeSource>) -> Self {
        Self(Source::Custom(source))
    }

    /// The time in the clock's own unit; only a [`Timeline`] knows what it means.
    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        match &self.0 {
            Source::Counter(clock) => clock.raw(),
            Source::Custom(source) => source.unix_nanos(),
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Counter(_) => "Clock(system)",
            Source::Custom(_) => "Clock(custom)",
        })
    }
}

/// Turns a clock's ticks into UTC Unix nanoseconds.
///
/// The anchor is taken once. What the counter's calibration and the system's own time keeping drift
/// apart (a few parts in a million) goes into one correction, renewed by the collector; who needs
/// consistent times takes one [`Resolver`] for them.
pub(crate) struct Timeline {
    clock: Clock,
    anchor_ticks: u64,
    anchor_unix_nanos: i64,
    /// Nanoseconds a tick, as a fixed-point number with 32 fractional bits.
    nanos_per_tick: u64,
    correction_nanos: AtomicI64,
}

impl Timeline {
    pub(crate) fn new(clock: Clock) -> Self {
        let (anchor_ticks, anchor_unix_nanos, nanos_per_tick) = match &clock.0 {
            Source::Counter(counter) => {
                // Long enough for full precision, short enough for quanta's 64-bit arithmetic.
                const SPAN_TICKS: u64 = 1 << 42;
                let nanos = counter.delta_as_nanos(1, 1 + SPAN_TICKS);
                let per_tick = (u128::from(nanos) << 32) / u128::from(SPAN_TICKS);
                (counter.raw(), wall_unix_nanos(), per_tick as u64)
            }
            Source::Custom(_) => (0, 0, 1 << 32),
        };
        Self { clock, anchor_ticks, anchor_unix_nanos, nanos_per_tick, correction_nanos: AtomicI64::new(0) }
    }

    #[inline]
    pub(crate) fn ticks(&self) -> u64 {
        self.clock.ticks()
    }

    /// Is the time the user's, and reading it their code?
    pub(crate) const fn is_custom(&self) -> bool {
        matches!(self.clock.0, Source::Custom(_))
    }

    /// With the correction of now.
    pub(crate) fn resolver(&self) -> Resolver {
        self.resolver_with(self.correction_nanos.load(Ordering::Relaxed))
    }

    const fn resolver_with(&self, correction: i64) -> Resolver {
        Resolver {
            anchor_ticks: self.anchor_ticks,
            anchor_unix_nanos: self.anchor_unix_nanos.saturating_add(correction),
            nanos_per_tick: self.nanos_per_tick as i64,
        }
    }

    pub(crate) fn unix_nanos(&self, ticks: u64) -> u64 {
        self.resolver().resolve(ticks)
    }

    /// Nanoseconds between two readings; zero if they are out of order.
    pub(crate) fn nanos_between(&self, earlier: u64, later: u64) -> u64 {
        let ticks = later.saturating_sub(earlier);
        ((u128::from(ticks) * u128::from(self.nanos_per_tick)) >> 32) as u64
    }

    /// Follows the system's wall clock again. One thread calls this, now and then.
    pub(crate) fn follow_wall_clock(&self) {
        if let Source::Counter(counter) = &self.clock.0 {
            let counted = self.resolver_with(0).resolve(counter.raw()) as i64;
            let correction = wall_unix_nanos().saturating_sub(counted);
            self.correction_nanos.store(correction, Ordering::Relaxed);
        }
    }
}

/// A timeline with the correction of one moment: all times resolved with it are consistent.
#[derive(Clone, Copy)]
pub(crate) struct Resolver {
    anchor_ticks: u64,
    /// Negative before 1970.
    anchor_unix_nanos: i64,
    nanos_per_tick: i64,
}

impl Resolver {
    /// UTC Unix nanoseconds of `ticks`; a time before 1970 is 1970.
    #[inline(always)]
    pub(crate) fn resolve(&self, ticks: u64) -> u64 {
        let since = ticks.wrapping_sub(self.anchor_ticks) as i64;
        let nanos = (i128::from(since) * i128::from(self.nanos_per_tick)) >> 32;
        self.anchor_unix_nanos.wrapping_add(nanos as i64).max(0) as u64
    }
}

/// The time `delay` after `start`; a century after it, if that is more than a clock can show.
pub(crate) fn after(start: Instant, delay: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    start.checked_add(delay).unwrap_or(start + CENTURY)
}

/// The system's wall clock; negative before 1970.
fn wall_unix_nanos() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
    }
}
