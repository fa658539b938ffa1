//! A token bucket without a lock (floor 3): so many a second, and a burst.
//!
//! One atomic number decides: the time at which the bucket will be full again. Who takes a token moves it on
//! by the time in which one token flows in; no token is left where that would lie further ahead than a whole
//! burst takes to flow in. What is refused is counted beside it, so that whoever is admitted next stands for
//! those as well.

use crate::sync::{AtomicU64, Ordering};

/// A rate is a number, 0 or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate limit is a finite number a second, 0 or more")]
pub struct InvalidRate;

/// 146 years: with as much again on top of it a clock still has room to go on.
const MOST_NANOS: u64 = u64::MAX / 4;

/// Tokens for so many a second, at most a burst of them at once; full at the beginning.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Nanoseconds in which one token flows in; `None` if none ever does.
    nanos_per_token: Option<u64>,
    burst_nanos: u64,
    full_at: AtomicU64,
    refused: AtomicU64,
}

impl Bucket {
    /// So many a second, at most 10⁹ and at least one in [`MOST_NANOS`], and as large a burst as flows in
    /// within a second, at least one.
    pub(super) fn new(per_second: f64) -> Result<Self, InvalidRate> {
        if !(per_second.is_finite() && per_second >= 0.0) {
            return Err(InvalidRate);
        }
        let nanos = (per_second > 0.0).then(|| ((1e9 / per_second).round() as u64).clamp(1, MOST_NANOS));
        let bucket = Self {
            nanos_per_token: nanos,
            burst_nanos: 0,
            full_at: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Ok(bucket.with_burst(per_second.ceil() as u64))
    }

    /// The same with another burst, at most what flows in within [`MOST_NANOS`].
    pub(super) fn with_burst(mut self, tokens: u64) -> Self {
        let step = self.nanos_per_token.unwrap_or(0);
        self.burst_nanos = step.saturating_mul(tokens.max(1)).min(MOST_NANOS);
        self
    }

    /// Takes a token at this time, in nanoseconds since anything: how many stand behind it, itself and those
    /// refused before it. `None` if there is none left.
    pub(super) fn take(&self, now: u64) -> Option<u64> {
        let step = self.nanos_per_token?;
        let latest = now.saturating_add(self.burst_nanos);
        // What cannot be counted is refused: a sum that stood still would never run out.
        let take = |full_at: u64| full_at.max(now).checked_add(step).filter(|next| *next <= latest);
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Some(1 + self.refused.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}
