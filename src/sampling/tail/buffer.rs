//! Spans that wait for their trace's end (floor 3). Pure: time comes in as a number, spans go out through a
//! [`TailOutlet`]; there is no thread and no lock.
//!
//! Traces are in one of two orders, both by age: those without an error go first where room is short.

use super::{
    counters::{EarlyReason, TailCounters, add, set},
    decisions::Decisions,
    key::Key,
    policy::Policy,
    sampler::{Bounds, TailSampler},
    trace::is_error,
    verdict::{Marker, Verdict},
};
use crate::record::SpanRecord;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

/// What a trace costs beside its spans: its entries in the map and in two orders.
const TRACE_BYTES: usize = 256;

/// Where spans go.
pub(crate) trait TailOutlet {
    /// On to the exporters.
    fn keep(&mut self, span: SpanRecord);
    /// Nowhere.
    fn leave_out(&mut self, spans: Vec<SpanRecord>);
}

/// A tail sampler at work.
pub(crate) struct Tail {
    policy: Policy,
    bounds: Bounds,
    counters: Arc<TailCounters>,
    decisions: Decisions,
    traces: HashMap<Key, Trace>,
    /// By number, that is by age. A trace is in one of these two.
    plain: BTreeMap<u64, Key>,
    erring: BTreeMap<u64, Key>,
    /// Those whose root has ended, by the order of that.
    ended: BTreeMap<u64, Key>,
    next_number: u64,
    /// Rounds of draining that are over.
    passes: u64,
    spans: usize,
    bytes: usize,
}

struct Trace {
    /// Never empty.
    spans: Vec<SpanRecord>,
    /// What the spans hold beside themselves.
    held_bytes: usize,
    number: u64,
    since: u64,
    is_erring: bool,
    end: Option<End>,
}

/// The end of a trace's root.
#[derive(Clone, Copy)]
struct End {
    number: u64,
    pass: u64,
    at: u64,
}

impl Tail {
    pub(crate) fn new(sampler: TailSampler) -> Self {
        let TailSampler { rules, bounds } = sampler;
        let counters = Arc::new(TailCounters::new(rules.iter().map(|rule| rule.name.clone())));
        Self {
            policy: Policy::new(rules, counters.clone()),
            bounds,
            counters,
            decisions: Decisions::new(bounds.decisions),
            traces: HashMap::new(),
            plain: BTreeMap::new(),
            erring: BTreeMap::new(),
            ended: BTreeMap::new(),
            next_number: 0,
            passes: 0,
            spans: 0,
            bytes: 0,
        }
    }

    pub(crate) const fn counters(&self) -> &Arc<TailCounters> {
        &self.counters
    }

    /// Takes a span that has ended. `now` is in nanoseconds since anything, and does not go back.
    #[inline(never)]
    pub(crate) fn add(&mut self, span: SpanRecord, now: u64, outlet: &mut impl TailOutlet) {
        let key = Key::of(&span);
        let mut growth = self.growth(key, &span);
        while let Some(bytes) = growth
            && let Some(reason) = self.lacks_room(bytes)
            && let Some(dispensable) = self.most_dispensable()
        {
            // The span's own trace may be the one.
            self.decide_early(dispensable, reason, now, outlet);
            growth = self.growth(key, &span);
        }
        if growth.is_none()
            && let Some(verdict) = self.decisions.get(key)
        {
            add(&self.counters.late_spans, 1);
            self.carry_out(verdict, vec![span], outlet);
        } else if let Some(reason) = self.hold_back(key, span, now) {
            self.decide_early(key, reason, now, outlet);
        }
    }

    /// The bytes that a span will take; `None` if it follows a decision, and takes none.
    fn growth(&self, key: Key, span: &SpanRecord) -> Option<usize> {
        match self.traces.get(&key) {
            Some(trace) => Some(trace.growth(span)),
            None if self.decisions.get(key).is_some() => None,
            None => Some(TRACE_BYTES + span.size_bytes()),
        }
    }

    /// Decides what is due, once all spans have been taken that had ended when the round began.
    ///
    /// A root may come before children that ended earlier on other threads. In the round after its own, all of
    /// them are there.
    pub(crate) fn end_pass(&mut self, now: u64, outlet: &mut impl TailOutlet) {
        while let Some(key) = self.first_due(now) {
            self.decide(key, now, outlet);
        }
        while let Some(key) = self.first_too_old(now) {
            self.decide_early(key, EarlyReason::Age, now, outlet);
        }
        self.passes += 1;
    }

    /// Decides everything with what is there.
    pub(crate) fn decide_all(&mut self, now: u64, outlet: &mut impl TailOutlet) {
        while let Some(key) = self.most_dispensable() {
            self.decide_early(key, EarlyReason::Flush, now, outlet);
        }
    }

    fn publish(&self) {
        set(&self.counters.undecided, self.traces.len());
        set(&self.counters.undecided_spans, self.spans);
        set(&self.counters.undecided_bytes, self.bytes);
    }

    /// Puts a span to its trace. Returns the bound that the trace has reached by it.
    fn hold_back(&mut self, key: Key, span: SpanRecord, now: u64) -> Option<EarlyReason> {
        let (is_root, is_erring) = (key.is_root(&span), is_error(&span));
        let trace = self.traces.entry(key).or_insert_with(|| {
            let number = self.next_number;
            self.next_number += 1;
            self.plain.insert(number, key);
            let trace = Trace::new(number, now);
            self.bytes += trace.bytes();
            trace
        });
        if is_erring && !trace.is_erring {
            trace.is_erring = true;
            self.plain.remove(&trace.number);
            self.erring.insert(trace.number, key);
        }
        if is_root && trace.end.is_none() {
            let number = self.next_number;
            self.next_number += 1;
            trace.end = Some(End { number, pass: self.passes, at: now });
            self.ended.insert(number, key);
        }
        self.spans += 1;
        self.bytes += trace.push(span);
        let reached = if trace.spans.len() >= self.bounds.trace_spans {
            Some(EarlyReason::TraceSpans)
        } else if trace.bytes() >= self.bounds.trace_bytes {
            Some(EarlyReason::TraceBytes)
        } else {
            None
        };
        self.publish();
        reached
    }

    /// Is there no room for one more span of so many bytes?
    fn lacks_room(&self, bytes: usize) -> Option<EarlyReason> {
        if self.spans >= self.bounds.spans {
            Some(EarlyReason::Spans)
        } else if self.bytes + bytes > self.bounds.bytes {
            Some(EarlyReason::Bytes)
        } else {
            None
        }
    }

    /// Deciding about this one costs least: it has ended, or at least it has no error, and it is the oldest.
    fn most_dispensable(&self) -> Option<Key> {
        let orders = [&self.ended, &self.plain, &self.erring];
        orders.into_iter().find_map(|order| order.first_key_value()).map(|(_, key)| *key)
    }

    fn first_due(&self, now: u64) -> Option<Key> {
        let (_, key) = self.ended.first_key_value()?;
        let end = self.traces.get(key)?.end?;
        let is_due = end.pass < self.passes && now >= end.at.saturating_add(nanos(self.bounds.linger));
        is_due.then_some(*key)
    }

    fn first_too_old(&self, now: u64) -> Option<Key> {
        let oldest = [&self.plain, &self.erring].map(|order| order.first_key_value());
        oldest.into_iter().flatten().map(|(_, key)| *key).find(|key| {
            let since = self.traces.get(key).map_or(now, |trace| trace.since);
            now >= since.saturating_add(nanos(self.bounds.age))
        })
    }

    /// Decides about a trace that has ended.
    fn decide(&mut self, key: Key, now: u64, outlet: &mut impl TailOutlet) {
        if let Some(trace) = self.take_out(key) {
            let verdict = self.judge(&trace, now);
            self.decisions.remember(key, verdict);
            self.carry_out(verdict, trace.spans, outlet);
        }
    }

    /// Decides about a trace now, whether or not it has ended.
    fn decide_early(&mut self, key: Key, reason: EarlyReason, now: u64, outlet: &mut impl TailOutlet) {
        if self.traces.get(&key).is_some_and(|trace| trace.end.is_some()) {
            return self.decide(key, now, outlet);
        }
        if let Some(trace) = self.take_out(key) {
            self.counters.early(reason);
            let verdict = self.judge(&trace, now);
            // What is not kept may yet fail.
            if let Verdict::Kept(_) = verdict {
                self.decisions.remember(key, verdict);
            }
            self.carry_out(verdict, trace.spans, outlet);
        }
    }

    fn take_out(&mut self, key: Key) -> Option<Trace> {
        let trace = self.traces.remove(&key)?;
        let order = if trace.is_erring { &mut self.erring } else { &mut self.plain };
        order.remove(&trace.number);
        if let Some(end) = trace.end {
            self.ended.remove(&end.number);
        }
        self.spans -= trace.spans.len();
        self.bytes -= trace.bytes();
        self.publish();
        Some(trace)
    }

    fn judge(&mut self, trace: &Trace, now: u64) -> Verdict {
        let verdict = self.policy.decide(&trace.spans, now);
        add(if let Verdict::Kept(_) = verdict { &self.counters.kept } else { &self.counters.dropped }, 1);
        verdict
    }

    fn carry_out(&self, verdict: Verdict, spans: Vec<SpanRecord>, outlet: &mut impl TailOutlet) {
        match verdict {
            Verdict::Kept(kept) => {
                add(&self.counters.kept_spans, spans.len());
                let mut marker = Marker::new(kept, self.policy.rule_name(kept.rule));
                for mut span in spans {
                    marker.mark(&mut span);
                    outlet.keep(span);
                }
            }
            Verdict::Dropped => {
                add(&self.counters.dropped_spans, spans.len());
                outlet.leave_out(spans);
            }
        }
    }
}

impl Trace {
    fn new(number: u64, since: u64) -> Self {
        // Many have one span, and so many bytes of nothing would be most of what is held.
        let spans = Vec::with_capacity(1);
        Self { spans, held_bytes: 0, number, since, is_erring: false, end: None }
    }

    /// Adds a span; the bytes by which the trace has grown.
    fn push(&mut self, span: SpanRecord) -> usize {
        let before = self.bytes();
        self.held_bytes += span.size_bytes() - size_of::<SpanRecord>();
        if self.spans.len() == self.spans.capacity() {
            self.spans.reserve_exact(self.further_places());
        }
        self.spans.push(span);
        self.bytes() - before
    }

    /// The bytes by which the trace will grow with this span.
    fn growth(&self, span: &SpanRecord) -> usize {
        let is_full = self.spans.len() == self.spans.capacity();
        let places = if is_full { self.further_places() } else { 0 };
        span.size_bytes() - size_of::<SpanRecord>() + places * size_of::<SpanRecord>()
    }

    /// How many places are added when all are taken: as many as there are, and at least three.
    fn further_places(&self) -> usize {
        self.spans.len().max(3)
    }

    /// The place kept for further spans counts as well.
    fn bytes(&self) -> usize {
        TRACE_BYTES + self.held_bytes + self.spans.capacity() * size_of::<SpanRecord>()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::{SpanContext, TraceFlags},
        ids::{SpanId, TraceId},
        record::Status,
        sampling::tail::rule::TailRule,
    };
    use std::collections::HashMap;

    #[derive(Default)]
    struct Out {
        kept: Vec<SpanId>,
        left_out: Vec<SpanId>,
    }

    impl TailOutlet for Out {
        fn keep(&mut self, span: SpanRecord) {
            self.kept.push(span.span_id());
        }

        fn leave_out(&mut self, spans: Vec<SpanRecord>) {
            self.left_out.extend(spans.iter().map(SpanRecord::span_id));
        }
    }

    fn span(id: u64, root: u64, fails: bool) -> SpanRecord {
        let span_id = |id| SpanId::from_u64(id).unwrap();
        let trace_id = TraceId::from_u128(u128::from(root)).unwrap();
        let context = SpanContext::new(trace_id, span_id(id), TraceFlags::SAMPLED);
        let mut span = SpanRecord::new(&context, "order", 1, 2);
        span.local_root = Some(span_id(root));
        if fails { span.with_status(Status::error("no")) } else { span }
    }

    impl Tail {
        /// Whatever happened: what is counted is what is there, in one place each, and within the bounds.
        fn check(&self) {
            let traces = self.traces.values();
            assert_eq!(self.spans, traces.clone().map(|trace| trace.spans.len()).sum::<usize>());
            assert_eq!(self.bytes, traces.map(Trace::bytes).sum::<usize>());
            assert_eq!(self.plain.len() + self.erring.len(), self.traces.len());
            for (key, trace) in &self.traces {
                let order = if trace.is_erring { &self.erring } else { &self.plain };
                assert!(order.get(&trace.number) == Some(key) && !trace.spans.is_empty());
                assert!(trace.end.is_none_or(|end| self.ended.get(&end.number) == Some(key)));
                assert!(trace.spans.len() < self.bounds.trace_spans);
            }
            assert_eq!(self.ended.len(), self.traces.values().filter(|trace| trace.end.is_some()).count());
            assert!(self.spans <= self.bounds.spans && self.bytes <= self.bounds.bytes);
        }
    }

    /// A child that ended first, but on a thread whose spans are drained later.
    #[test]
    fn a_trace_waits_for_one_more_round_after_its_root() {
        let mut tail = Tail::new(TailSampler::new().rule(TailRule::errors()));
        let mut out = Out::default();
        tail.add(span(1, 1, false), 0, &mut out);
        tail.end_pass(0, &mut out);
        assert_eq!((out.kept.len(), out.left_out.len()), (0, 0));
        tail.add(span(2, 1, true), 0, &mut out);
        tail.end_pass(0, &mut out);
        assert_eq!((out.kept.len(), out.left_out.len()), (2, 0));
    }

    proptest::proptest! {
        #[test]
        fn every_span_goes_out_once_and_the_bounds_hold_at_every_moment(
            steps in proptest::collection::vec((1..12_u64, 0..6_u64, proptest::bool::weighted(0.1)), 1..300),
            (trace_spans, spans, bytes) in (2..10_usize, 2..30_usize, 2_000..20_000_usize),
        ) {
            let sampler = TailSampler::new()
                .rule(TailRule::errors())
                .max_trace(trace_spans, 1 << 20)
                .max_undecided(spans, bytes)
                .max_decisions(5)
                .max_age(Duration::from_nanos(40));
            let (mut tail, mut out) = (Tail::new(sampler), Out::default());
            let (mut given, mut roots) = (Vec::new(), HashMap::new());
            for (now, (root, kind, fails)) in (0..).zip(steps) {
                let root = 1_000 * (root + 100 * roots.get(&root).copied().unwrap_or(0));
                match kind {
                    0 => tail.end_pass(now, &mut out),
                    // A root ends once: the next of its number is another.
                    1 => {
                        *roots.entry(root / 1_000 % 100).or_insert(0) += 1;
                        given.push(root);
                        tail.add(span(root, root, fails), now, &mut out);
                    }
                    _ => {
                        let id = root + 1 + given.len() as u64;
                        given.push(id);
                        tail.add(span(id, root, fails), now, &mut out);
                    }
                }
                tail.check();
            }
            tail.decide_all(1_000, &mut out);
            tail.check();
            proptest::prop_assert_eq!(tail.spans, 0);
            let mut gone: Vec<u64> = out.kept.iter().chain(&out.left_out).map(|id| id.as_u64()).collect();
            gone.sort_unstable();
            given.sort_unstable();
            proptest::prop_assert_eq!(gone, given);
            let stats = tail.counters.read();
            proptest::prop_assert_eq!(stats.kept_spans, out.kept.len() as u64);
            proptest::prop_assert_eq!(stats.dropped_spans, out.left_out.len() as u64);
        }
    }
}
