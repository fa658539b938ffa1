//! What a tail sampler did (floor 3), counted on the thread that collects and read on any.

use crate::sync::{AtomicU64, Ordering};
use std::{array, borrow::Cow, fmt};

/// Why a trace was decided before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EarlyReason {
    /// It had as many spans as one trace may.
    TraceSpans,
    /// It held as many bytes as one trace may.
    TraceBytes,
    /// All traces together had as many spans as they may.
    Spans,
    /// All traces together held as many bytes as they may.
    Bytes,
    /// It was as old as a trace may get.
    Age,
    /// The application flushed or shut down.
    Flush,
}

const REASONS: [EarlyReason; 6] = [
    EarlyReason::TraceSpans,
    EarlyReason::TraceBytes,
    EarlyReason::Spans,
    EarlyReason::Bytes,
    EarlyReason::Age,
    EarlyReason::Flush,
];

impl EarlyReason {
    /// The reason in words, such as `spans of a trace`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TraceSpans => "spans of a trace",
            Self::TraceBytes => "bytes of a trace",
            Self::Spans => "spans of all traces",
            Self::Bytes => "bytes of all traces",
            Self::Age => "age",
            Self::Flush => "flush",
        }
    }
}

/// How many traces were decided before their end, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Early([u64; REASONS.len()]);

impl Early {
    /// For one reason.
    pub fn get(&self, reason: EarlyReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// For all reasons together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons for which there were any.
    pub fn iter(&self) -> impl Iterator<Item = (EarlyReason, u64)> + '_ {
        REASONS.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(reason, count)| (reason.as_str(), count))).finish()
    }
}

/// What one rule did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailRuleStats {
    /// The rule's name.
    pub name: String,
    /// Traces it kept.
    pub kept: u64,
    /// Traces that it fitted and that were not among those it keeps.
    pub passed_over: u64,
    /// How often its condition panicked, and counted as not fitting.
    pub panicked: u64,
}

/// What a tail sampler did since the tracer was built.
///
/// Traces here are those below one local root. One that is decided early and not kept may count again with
/// what comes of it later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailStats {
    /// Traces that are not decided.
    pub undecided: u64,
    /// Their spans; part of [`Stats::buffered`](crate::export::Stats::buffered).
    pub undecided_spans: u64,
    /// The bytes these hold.
    pub undecided_bytes: u64,
    /// Traces that were kept.
    pub kept: u64,
    /// Spans of traces that were kept.
    pub kept_spans: u64,
    /// Traces that were not kept.
    pub dropped: u64,
    /// Spans of traces that were not kept: [`Stats::sampled_out_spans`](crate::export::Stats::sampled_out_spans).
    pub dropped_spans: u64,
    /// Of the traces that were not kept, those that no rule fitted.
    pub unmatched: u64,
    /// Spans that came after their trace had been decided, and followed the decision.
    pub late_spans: u64,
    /// Traces that were decided before their end.
    pub early: Early,
    /// Each rule's part, in the order in which they are asked.
    pub rules: Vec<TailRuleStats>,
}

#[derive(Default)]
pub(super) struct RuleCounters {
    name: Cow<'static, str>,
    pub(super) kept: AtomicU64,
    pub(super) passed_over: AtomicU64,
    pub(super) panicked: AtomicU64,
}

/// Written by whoever collects, one thread at a time.
pub(crate) struct TailCounters {
    pub(super) undecided: AtomicU64,
    pub(super) undecided_spans: AtomicU64,
    pub(super) undecided_bytes: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) kept_spans: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) dropped_spans: AtomicU64,
    pub(super) unmatched: AtomicU64,
    pub(super) late_spans: AtomicU64,
    early: [AtomicU64; REASONS.len()],
    rules: Vec<RuleCounters>,
}

/// What is counted here has been taken from what is undecided before.
pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Release);
}

pub(super) fn set(counter: &AtomicU64, value: usize) {
    counter.store(value as u64, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Acquire)
}

impl TailCounters {
    pub(super) fn new(rules: impl Iterator<Item = Cow<'static, str>>) -> Self {
        Self {
            undecided: AtomicU64::new(0),
            undecided_spans: AtomicU64::new(0),
            undecided_bytes: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            kept_spans: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            dropped_spans: AtomicU64::new(0),
            unmatched: AtomicU64::new(0),
            late_spans: AtomicU64::new(0),
            early: array::from_fn(|_| AtomicU64::new(0)),
            rules: rules.map(|name| RuleCounters { name, ..RuleCounters::default() }).collect(),
        }
    }

    pub(super) fn early(&self, reason: EarlyReason) {
        if let Some(counter) = self.early.get(reason as usize) {
            add(counter, 1);
        }
    }

    /// Counts for the rule at this place.
    pub(super) fn rule(&self, place: usize, which: impl Fn(&RuleCounters) -> &AtomicU64) {
        if let Some(rule) = self.rules.get(place) {
            add(which(rule), 1);
        }
    }

    pub(crate) fn read(&self) -> TailStats {
        // Before what is undecided: no span is then seen in two places.
        let [kept, kept_spans, dropped, dropped_spans] =
            [&self.kept, &self.kept_spans, &self.dropped, &self.dropped_spans].map(read);
        let rules = self.rules.iter().map(|rule| TailRuleStats {
            name: rule.name.clone().into_owned(),
            kept: read(&rule.kept),
            passed_over: read(&rule.passed_over),
            panicked: read(&rule.panicked),
        });
        TailStats {
            undecided: read(&self.undecided),
            undecided_spans: read(&self.undecided_spans),
            undecided_bytes: read(&self.undecided_bytes),
            kept,
            kept_spans,
            dropped,
            dropped_spans,
            unmatched: read(&self.unmatched),
            late_spans: read(&self.late_spans),
            early: Early(array::from_fn(|reason| self.early.get(reason).map_or(0, read))),
            rules: rules.collect(),
        }
    }
}
