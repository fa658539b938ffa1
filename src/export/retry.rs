//! When to try again (floor 3).

use crate::ids::ThreadRng;
use std::time::Duration;

/// How often and how soon a failed batch is tried again.
///
/// Five attempts by default; the delays double from 1 s to 30 s, each drawn at random between zero
/// and that much ("full jitter"), so that many services do not come back as one. A delay that the
/// backend names counts instead, up to [`max_backend_delay`](Self::max_backend_delay). It is the exporter's, not the
/// batch's: until it is over, no other batch is sent either, and at a shutdown whose deadline comes
/// earlier nothing is sent any more.
///
/// Attempts are counted anew when a part of a batch has been [settled](super::ExportError::with_settled).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least one is made. Default 5.
    pub max_attempts: u32,
    /// The longest delay before the second attempt. Default 1 s.
    pub initial_delay: Duration,
    /// The longest delay before any attempt. Default 30 s.
    pub max_delay: Duration,
    /// The longest delay a backend can ask for; a longer one is cut to this. Default 5 min.
    pub max_backend_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(30),
            max_backend_delay: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// One attempt and no other.
    pub fn never() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// The delay after `failed` attempts.
    pub(crate) fn pause(&self, failed: u32, asked: Option<Duration>) -> Pause {
        match asked {
            Some(asked) => Pause::Asked(asked.min(self.max_backend_delay)),
            None => Pause::Own(self.own_delay(failed)),
        }
    }

    fn own_delay(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1).min(30);
        let most = self.initial_delay.saturating_mul(1 << doublings).min(self.max_delay);
        let share = ThreadRng::new().u64() as f64 / u64::MAX as f64;
        Duration::try_from_secs_f64(most.as_secs_f64() * share).unwrap_or(most)
    }
}

/// How long to wait before another attempt, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The backend: no attempt before that, whatever happens here.
    Asked(Duration),
    /// Ourselves: a shutdown need not wait for it.
    Own(Duration),
}
