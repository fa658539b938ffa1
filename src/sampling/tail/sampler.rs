//! What a tail sampler is told (floor 3).

use super::rule::TailRule;
use std::time::Duration;

/// Decides about traces when they have ended: see [the module](super).
///
/// Without a rule that fits a trace is not kept; without any rule nothing is.
#[derive(Debug)]
pub struct TailSampler {
    pub(super) rules: Vec<TailRule>,
    pub(super) bounds: Bounds,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) trace_spans: usize,
    pub(super) trace_bytes: usize,
    pub(super) spans: usize,
    pub(super) bytes: usize,
    pub(super) age: Duration,
    pub(super) linger: Duration,
    pub(super) decisions: usize,
}

impl TailSampler {
    /// A sampler without rules.
    pub const fn new() -> Self {
        let bounds = Bounds {
            trace_spans: 1_024,
            trace_bytes: 4 << 20,
            spans: 65_536,
            bytes: 64 << 20,
            age: Duration::from_secs(30),
            linger: Duration::ZERO,
            decisions: 32_768,
        };
        Self { rules: Vec::new(), bounds }
    }

    /// Adds a rule behind all others.
    #[must_use]
    pub fn rule(mut self, rule: TailRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// The most spans and bytes of one trace that are held back. Default 1,024 spans, 4 MiB.
    #[must_use]
    pub const fn max_trace(mut self, spans: usize, bytes: usize) -> Self {
        (self.bounds.trace_spans, self.bounds.trace_bytes) = (spans, bytes);
        self
    }

    /// The most spans and bytes of all traces together that are held back, the sampler's own bookkeeping
    /// included. Default 65,536 spans, 64 MiB.
    #[must_use]
    pub const fn max_undecided(mut self, spans: usize, bytes: usize) -> Self {
        (self.bounds.spans, self.bounds.bytes) = (spans, bytes);
        self
    }

    /// How long a trace is held back, at most, from its first ended span on. Default 30 s.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.bounds.age = age;
        self
    }

    /// How long to wait after the end of a local root for spans that outlive it. Default: not at all, but
    /// for what other threads have ended before it.
    #[must_use]
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.bounds.linger = linger;
        self
    }

    /// How many decisions are remembered for spans that come late. Default 32,768.
    #[must_use]
    pub const fn max_decisions(mut self, decisions: usize) -> Self {
        self.bounds.decisions = decisions;
        self
    }
}

impl Default for TailSampler {
    fn default() -> Self {
        Self::new()
    }
}
