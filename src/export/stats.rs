//! The books (floor 3): what became of every span that ended.
//!
//! They balance, whenever they are read and for each exporter:
//! `ended = dropped before the exporters + buffered + sampled out + exported + filtered + pending + spooled +
//! dropped by the exporter`.

use crate::sync::{AtomicU64, Ordering};
use std::{array, borrow::Cow, fmt, time::Duration};

/// Why a span was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The threads' buffers had used up their common budget: the collector could not keep up.
    BufferFull,
    /// The exporter's queue was full, by count or by bytes: the exporter could not keep up.
    QueueFull,
    /// The backend refused it for good, alone or with its batch.
    Rejected,
    /// Every attempt failed.
    RetriesExhausted,
    /// The exporter panicked over its batch.
    ExporterPanicked,
    /// It was still undelivered at the deadline of the shutdown.
    ShutdownDeadline,
    /// It ended after the tracer had been shut down.
    AfterShutdown,
    /// The spool had reached its bound of bytes or of age: the oldest went first.
    SpoolFull,
    /// It was in the spool and could not be read back: its file was damaged or taken away.
    SpoolDamaged,
}

const REASONS: [DropReason; 9] = [
    DropReason::BufferFull,
    DropReason::QueueFull,
    DropReason::Rejected,
    DropReason::RetriesExhausted,
    DropReason::ExporterPanicked,
    DropReason::ShutdownDeadline,
    DropReason::AfterShutdown,
    DropReason::SpoolFull,
    DropReason::SpoolDamaged,
];

impl DropReason {
    /// The reason in words, such as `queue full`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BufferFull => "buffer full",
            Self::QueueFull => "queue full",
            Self::Rejected => "rejected",
            Self::RetriesExhausted => "retries exhausted",
            Self::ExporterPanicked => "exporter panicked",
            Self::ShutdownDeadline => "shutdown deadline",
            Self::AfterShutdown => "after shutdown",
            Self::SpoolFull => "spool full",
            Self::SpoolDamaged => "spool damaged",
        }
    }
}

/// How many spans were dropped, by reason.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped([u64; REASONS.len()]);

impl Dropped {
    /// For one reason.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// For all reasons together.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons for which there were any.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        REASONS.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, reason: DropReason, count: u64) {
        if let Some(known) = self.0.get_mut(reason as usize) {
            *known += count;
        }
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(reason, count)| (reason.as_str(), count))).finish()
    }
}

/// Counters that many threads add to.
pub(crate) struct DropCounters([AtomicU64; REASONS.len()]);

impl DropCounters {
    pub(crate) fn new() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }

    pub(crate) fn add(&self, reason: DropReason, count: usize) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Dropped {
        Dropped(array::from_fn(|reason| {
            self.0.get(reason).map_or(0, |counter| counter.load(Ordering::Relaxed))
        }))
    }
}

/// One exporter's part of the books.
///
/// Of this tracer's spans; what an earlier process left in the spool is in `recovered` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterStats {
    /// The exporter's name.
    pub name: String,
    /// Spans delivered.
    pub exported: u64,
    /// Spans that its [filter](super::Delivery::filter) kept from it.
    pub filtered: u64,
    /// Spans in its queue or on their way, in memory only: a crash would lose them.
    pub pending: u64,
    /// Spans on disk that are still to be delivered, by this process or by a later one.
    pub spooled: u64,
    /// Spans that were meant for the spool and went past it, because the disk did not take them. They are
    /// in one of the other columns, too.
    pub unspooled: u64,
    /// Batches tried again, each attempt counted.
    pub retries: u64,
    /// Spans it did not deliver.
    pub dropped: Dropped,
    /// How long its calls took.
    pub latency: Latency,
    /// What earlier processes left in the spool.
    pub recovered: Recovered,
}

/// What became of the spans that earlier processes left in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Spans delivered.
    pub exported: u64,
    /// Spans that the filter kept back.
    pub filtered: u64,
    /// Spans that are still there.
    pub spooled: u64,
    /// Spans that will not be delivered.
    pub dropped: Dropped,
}

/// How long the calls of [`Exporter::export`](super::Exporter::export) took, failed ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Calls that have come back.
    pub calls: u64,
    /// The time they took, added up.
    pub total: Duration,
    /// The longest of them.
    pub longest: Duration,
}

impl Latency {
    pub(crate) fn add(&mut self, took: Duration) {
        self.calls += 1;
        self.total = self.total.saturating_add(took);
        self.longest = self.longest.max(took);
    }

    /// The mean time of a call; zero if there was none.
    pub fn mean(&self) -> Duration {
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        self.total.checked_div(calls).unwrap_or_default()
    }
}

/// What one rule of the [redaction](crate::redact) has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The rule's name: what [`Secret::as_str`](crate::redact::Secret::as_str) says, or what a rule of one's
    /// own was added by.
    pub name: Cow<'static, str>,
    /// How often it has found something to replace or to drop.
    pub count: u64,
    /// How often it panicked. Always 0 for a built-in rule.
    pub failed: u64,
}

impl RuleStats {
    pub(crate) fn from_tally((name, count, failed): (Cow<'static, str>, u64, u64)) -> Self {
        Self { name, count, failed }
    }
}

/// A tracer's books since it was built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Recorded spans that have ended.
    pub ended: u64,
    /// Recorded spans that have started and not ended.
    pub open: u64,
    /// Traces the sampler decided not to record here.
    pub sampled_out: u64,
    /// Ended spans that have not yet reached the exporters' queues: on their way to the collector, or in front
    /// of a tail sampler that has not decided.
    pub buffered: u64,
    /// Ended spans that the tail sampler did not keep; no loss. Zero without one.
    pub sampled_out_spans: u64,
    /// Spans dropped before they reached any exporter.
    pub dropped: Dropped,
    /// Each exporter's part, in the order in which they were added.
    pub exporters: Vec<ExporterStats>,
    /// What each rule of the redaction has done, in a fixed order; those that are off are left out.
    pub redacted: Vec<RuleStats>,
}

impl Stats {
    /// Spans delivered by every exporter: the smallest of their counts, zero if there is none.
    pub fn exported(&self) -> u64 {
        self.exporters.iter().map(|exporter| exporter.exported).min().unwrap_or_default()
    }

    /// Spans on disk that at least one exporter has not delivered: the largest of their counts.
    pub fn spooled(&self) -> u64 {
        self.exporters.iter().map(|exporter| exporter.spooled).max().unwrap_or_default()
    }

    /// Spans lost on the way to at least one exporter, by reason, all exporters added up.
    pub fn dropped_anywhere(&self) -> Dropped {
        let mut all = self.dropped;
        for exporter in &self.exporters {
            for (reason, count) in exporter.dropped.iter() {
                all.add(reason, count);
            }
        }
        all
    }
}

/// What a flush or a shutdown achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a report says whether spans were lost"]
#[non_exhaustive]
pub struct Report {
    /// The books as the call returned.
    pub stats: Stats,
    /// The deadline passed before everything was through.
    pub timed_out: bool,
    /// An exporter could not flush what it held itself.
    pub flush_failed: bool,
    /// The process was forked off from the tracer's own, and has neither its threads nor its books: what has ended
    /// here is lost, and the books are empty.
    pub forked: bool,
}

impl Report {
    /// Of a process that has none of the tracer's threads.
    pub(crate) fn of_nothing() -> Self {
        Self { stats: Stats::default(), timed_out: true, flush_failed: false, forked: true }
    }

    /// Was every span that ended before the call delivered by every exporter, now and ever before?
    ///
    /// Spans that an exporter's filter keeps back are not meant for it. Without any exporter there is
    /// nothing to deliver to: the report is then complete, and [`Stats::exported`] is zero. What earlier processes
    /// left in a spool is not asked for: see [`ExporterStats::recovered`].
    pub fn is_complete(&self) -> bool {
        let spooled = self.stats.spooled();
        !self.timed_out && !self.flush_failed && spooled == 0 && self.stats.dropped_anywhere().total() == 0
    }

    /// Is every span that ended before the call, now and ever before, either delivered or safe on disk?
    ///
    /// What is in the spool is delivered later, after a shutdown by the next process that uses it. A flush
    /// whose time was over is lossless if all that it waited for is on disk. As with
    /// [`is_complete`](Self::is_complete), it is about this tracer's spans.
    pub fn is_lossless(&self) -> bool {
        let is_in_memory = self.stats.exporters.iter().any(|exporter| exporter.pending > 0);
        let is_underway = self.stats.buffered > 0 || is_in_memory;
        !self.forked && !self.flush_failed && !is_underway && self.stats.dropped_anywhere().total() == 0
    }
}

/// One line for a log: what was exported, what was dropped and why, what is still open.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { open, .. } = self.stats;
        write!(f, "{} spans exported, {open} still open", self.stats.exported())?;
        if self.stats.spooled() > 0 {
            write!(f, ", {} spooled", self.stats.spooled())?;
        }
        if self.stats.sampled_out_spans > 0 {
            write!(f, ", {} sampled out", self.stats.sampled_out_spans)?;
        }
        for (reason, count) in self.stats.dropped_anywhere().iter() {
            write!(f, ", {count} dropped: {}", reason.as_str())?;
        }
        if self.timed_out {
            f.write_str(", deadline passed")?;
        }
        if self.flush_failed {
            f.write_str(", an exporter could not flush")?;
        }
        if self.forked {
            f.write_str(", in a forked process")?;
        }
        Ok(())
    }
}
