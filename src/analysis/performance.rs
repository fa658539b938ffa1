//! How often, how fast and how well (floor 3): each service's operations in numbers.
//!
//! A span that was sampled counts as often as its adjusted count says. Percentiles are by nearest rank and, but
//! for the sampling, exact, which costs 16 bytes a span while they are computed, and 24 to see that a span
//! delivered twice counts once. For a stream without end this is not meant.

use super::title::callee;
use crate::record::{Outcome, SpanKind, SpanRecord};
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    time::Duration,
};

/// What the spans of a system say of its performance.
///
/// ```
/// use std::time::Duration;
/// use throughline::{SpanContext, SpanId, SpanRecord, TraceFlags, analysis::Performance};
///
/// let trace = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
/// let spans: Vec<_> = (1..=100)
///     .map(|n| {
///         let context = SpanContext::new(trace, SpanId::from_u64(n).unwrap(), TraceFlags::SAMPLED);
///         SpanRecord::new(&context, "order", 0, n * 1_000_000)
///     })
///     .collect();
///
/// let performance = Performance::of(spans.iter().map(|span| ("orders", span)));
/// let order = &performance.operations()[0];
/// assert_eq!(order.requests, 100);
/// assert_eq!(order.p99, Duration::from_millis(99));
/// # Ok::<(), throughline::ParseIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performance {
    operations: Vec<Operation>,
}

/// One operation of one service: the spans of one name and kind, and if they are calls, of one callee.
///
/// Where spans were sampled away, everything but `spans` and `max` is an estimate: each span that is there
/// stands for as many as its [adjusted count](SpanRecord::adjusted_count).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The service.
    pub service: String,
    /// The service that is called, where the spans say it (`service.peer.name`).
    pub callee: Option<String>,
    /// The spans' name.
    pub name: String,
    /// The spans' kind.
    pub kind: SpanKind,
    /// How many spans there are.
    pub spans: usize,
    /// How many there were, those sampled away included: the sum of the adjusted counts, rounded.
    pub requests: usize,
    /// How many of them failed or panicked.
    pub errors: usize,
    /// How many were given up before their end; not among the errors.
    pub cancelled: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 95 of 100 took no longer.
    pub p95: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
    /// All of them together.
    pub total: Duration,
}

/// What tells operations apart.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    service: &'a str,
    name: &'a str,
    kind: SpanKind,
    callee: Option<String>,
}

/// What one operation's spans add up to.
#[derive(Default)]
struct Tally {
    /// Durations, each with its weight.
    durations: Vec<(u64, f32)>,
    errors: f64,
    cancelled: f64,
}

impl Performance {
    /// The operations of these records. Each record comes with the name of its service.
    pub fn of<'a>(records: impl IntoIterator<Item = (&'a str, &'a SpanRecord)>) -> Self {
        let mut known = HashSet::new();
        let mut first_starts: HashMap<&str, u64> = HashMap::new();
        let mut tallies: HashMap<Key<'_>, Tally> = HashMap::new();
        for (service, span) in records {
            if known.insert((span.trace_id(), span.span_id())) {
                let start = span.start_unix_nanos();
                first_starts.entry(service).and_modify(|first| *first = start.min(*first)).or_insert(start);
                let callee = callee(span).map(|callee| callee.to_string());
                let key = Key { service, name: span.name(), kind: span.kind(), callee };
                tallies.entry(key).or_default().add(span);
            }
        }
        let mut operations: Vec<_> =
            tallies.into_iter().map(|(key, tally)| tally.into_operation(key)).collect();
        operations.sort_by_cached_key(|operation| {
            let Operation { service, name, kind, callee, total, .. } = operation.clone();
            let first_start = first_starts.get(service.as_str()).copied();
            (first_start, service, Reverse(total), name, kind.as_str(), callee)
        });
        Self { operations }
    }

    /// The operations: services in the order of their first starts, and of each the one that took
    /// most of the time first.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }
}

impl Tally {
    fn add(&mut self, span: &SpanRecord) {
        let count = span.adjusted_count();
        let nanos = span.end_unix_nanos().saturating_sub(span.start_unix_nanos());
        // Lossless: adjusted counts are kept in 32 bits.
        self.durations.push((nanos, count as f32));
        match span.outcome() {
            Outcome::Cancelled => self.cancelled += count,
            Outcome::Panicked => self.errors += count,
            Outcome::Completed if span.status().is_error() => self.errors += count,
            Outcome::Completed => {}
        }
    }

    fn into_operation(mut self, key: Key<'_>) -> Operation {
        self.durations.sort_unstable_by_key(|(nanos, _)| *nanos);
        let requests = self.durations.iter().map(|(_, count)| f64::from(*count)).sum();
        let total =
            self.durations.iter().map(|(nanos, count)| *nanos as f64 * f64::from(*count)).sum::<f64>();
        Operation {
            service: key.service.to_owned(),
            callee: key.callee,
            name: key.name.to_owned(),
            kind: key.kind,
            spans: self.durations.len(),
            requests: whole(requests),
            errors: whole(self.errors),
            cancelled: whole(self.cancelled),
            p50: self.percentile(50.0, requests),
            p95: self.percentile(95.0, requests),
            p99: self.percentile(99.0, requests),
            max: Duration::from_nanos(self.durations.last().map_or(0, |(nanos, _)| *nanos)),
            // As a float's cast to an integer does, this saturates.
            total: Duration::from_nanos(total as u64),
        }
    }

    /// The smallest duration that this many of a hundred do not exceed.
    fn percentile(&self, percent: f64, requests: f64) -> Duration {
        // Whole numbers, where nothing was sampled away, so that nothing is rounded then.
        let rank = requests * percent / 100.0;
        let mut below = 0.0;
        let reached = self.durations.iter().find(|(_, count)| {
            below += f64::from(*count);
            below >= rank
        });
        Duration::from_nanos(reached.or(self.durations.last()).map_or(0, |(nanos, _)| *nanos))
    }
}

fn whole(count: f64) -> usize {
    count.round() as usize
}
