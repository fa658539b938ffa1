//! Spans that wait for their trace's end (floor 3). Pure: time comes in as a number, spans go out through a
//! [`TailOutlet`]; there is no thread and no lock.
//!
//! Traces are in one of two orders, both by age: those without an error go first where room is short.
//!
//! | a trace is | what is here | what comes of it |
//! |---|---|---|
//! | undecided | its spans | its root ends; or it is given up at a bound |
//! | ended | its spans, and when the root ended | it becomes due; or it is given up at a bound |
//! | due: nothing can come any more that ended before the root | the same | it is decided |
//! | decided | the verdict | what comes is late, and follows |
//! | given up, and kept | the verdict | what comes follows |
//! | given up, and not kept | when the root ended, if it has | what comes is a trace again, and ended if the root has |
//!
//! The invariant on which it rests that no error is missed: **that a trace is not kept is remembered only
//! where it was due.** A span that ended in time is thus either here when its trace is decided, or finds
//! no decision to follow, and is judged by itself.

use super::{
    counters::{EarlyReason, TailCounters, add, set},
    decisions::{Decisions, End},
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
    rounds: u64,
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
    /// The end of its root, which may have been given up before.
    end: Option<End>,
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
            rounds: 0,
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
            && let Some(verdict) = self.decisions.verdict(key)
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
            None if self.decisions.verdict(key).is_some() => None,
            None => Some(TRACE_BYTES + span.size_bytes()),
        }
    }

    /// Decides what is due, once all spans have been taken that had ended when the round began.
    pub(crate) fn end_round(&mut self, now: u64, outlet: &mut impl TailOutlet) {
        self.rounds += 1;
        while let Some(key) = self.first_due(now) {
            self.decide(key, now, outlet);
        }
        while let Some(key) = self.first_too_old(now) {
            self.decide_early(key, EarlyReason::Age, now, outlet);
        }
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
            let trace = Trace::new(number, now, self.decisions.end_of_root(key));
            if let Some(end) = trace.end {
                self.ended.insert(end.number, key);
            }
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
            trace.end = Some(End { number, round: self.rounds, at: now });
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
        self.is_due(*key, now).then_some(*key)
    }

    /// Has the trace ended, and is all of it here that ended before its root, or while it was waited for?
    ///
    /// A root may come before children that ended earlier on other threads: from lanes that were drained
    /// before its own. Those come in the next round, and until that one is over any of them may be missing.
    fn is_due(&self, key: Key, now: u64) -> bool {
        let end = self.traces.get(&key).and_then(|trace| trace.end);
        end.is_some_and(|End { round, at, .. }| {
            self.rounds >= round + 2 && now >= at.saturating_add(nanos(self.bounds.linger))
        })
    }

    fn first_too_old(&self, now: u64) -> Option<Key> {
        let oldest = [&self.plain, &self.erring].map(|order| order.first_key_value());
        oldest.into_iter().flatten().map(|(_, key)| *key).find(|key| {
            let since = self.traces.get(key).map_or(now, |trace| trace.since);
            now >= since.saturating_add(nanos(self.bounds.age))
        })
    }

    /// Decides about a trace that is due: for good, whatever comes later.
    fn decide(&mut self, key: Key, now: u64, outlet: &mut impl TailOutlet) {
        if let Some(trace) = self.take_out(key) {
            let verdict = self.judge(&trace, now);
            self.decisions.decided(key, verdict);
            self.carry_out(verdict, trace.spans, outlet);
        }
    }

    /// Decides about a trace now, whatever may be missing of it.
    fn decide_early(&mut self, key: Key, reason: EarlyReason, now: u64, outlet: &mut impl TailOutlet) {
        if self.is_due(key, now) {
            return self.decide(key, now, outlet);
        }
        if let Some(trace) = self.take_out(key) {
            self.counters.early(reason);
            let verdict = self.judge(&trace, now);
            match (verdict, trace.end) {
                (Verdict::Kept(_), _) => self.decisions.decided(key, verdict),
                // What is missing may be what failed.
                (Verdict::Dropped, Some(end)) => self.decisions.given_up(key, end),
                (Verdict::Dropped, None) => {}
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
    fn new(number: u64, since: u64, end: Option<End>) -> Self {
        // Many have one span, and so many bytes of nothing would be most of what is held.
        let spans = Vec::with_capacity(1);
        Self { spans, held_bytes: 0, number, since, is_erring: false, end }
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
    use std::collections::{BTreeSet, HashMap, HashSet};

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
        tail.end_round(0, &mut out);
        assert_eq!((out.kept.len(), out.left_out.len()), (0, 0));
        tail.add(span(2, 1, true), 0, &mut out);
        tail.end_round(0, &mut out);
        assert_eq!((out.kept.len(), out.left_out.len()), (2, 0));
    }

    /// As above, where there is no room to wait.
    #[test]
    fn what_is_given_up_after_its_root_may_yet_fail() {
        let mut tail = Tail::new(TailSampler::new().rule(TailRule::errors()).max_undecided(1, 1 << 20));
        let mut out = Out::default();
        tail.add(span(1, 1, false), 0, &mut out);
        tail.end_round(0, &mut out);
        // In the round in which children of the first may still come, for the room of another.
        tail.add(span(10, 10, false), 0, &mut out);
        assert_eq!(tail.counters.read().early.get(EarlyReason::Spans), 1);
        tail.add(span(2, 1, true), 0, &mut out);
        tail.end_round(0, &mut out);
        assert_eq!(out.kept, [SpanId::from_u64(2).unwrap()]);
        // It was due in that round, root or no root: what comes now is late.
        tail.add(span(3, 1, false), 0, &mut out);
        let stats = tail.counters.read();
        assert_eq!((stats.late_spans, stats.kept, stats.kept_spans), (1, 1, 2));
        assert_eq!(stats.early.total(), 2, "both roots were given up");
    }

    #[test]
    fn what_is_due_is_decided_for_good_also_at_a_bound() {
        let sampler = TailSampler::new().rule(TailRule::errors()).linger(Duration::from_nanos(10));
        let (mut tail, mut out) = (Tail::new(sampler.max_undecided(1, 1 << 20)), Out::default());
        tail.add(span(1, 1, false), 0, &mut out);
        (0..2).for_each(|_| tail.end_round(9, &mut out));
        tail.add(span(10, 10, false), 10, &mut out);
        tail.add(span(2, 1, true), 10, &mut out);
        let stats = tail.counters.read();
        assert_eq!((stats.early.total(), stats.late_spans, stats.dropped_spans), (0, 1, 2));
    }

    /// Threads' lanes, drained one after the other while threads go on.
    #[derive(Default)]
    struct Lanes {
        lanes: [Vec<SpanRecord>; 3],
        drained: usize,
    }

    impl Lanes {
        fn drain_next(&mut self, tail: &mut Tail, now: u64, out: &mut Out) {
            for span in self.lanes[self.drained].drain(..) {
                tail.add(span, now, out);
                tail.check();
            }
            self.drained = (self.drained + 1) % self.lanes.len();
            if self.drained == 0 {
                tail.end_round(now, out);
                tail.check();
            }
        }
    }

    type Step = (u64, u64, usize, bool);

    fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
        let step = (1..12_u64, 0..6_u64, 0..3_usize, proptest::bool::weighted(0.1));
        proptest::collection::vec(step, 1..300)
    }

    fn numbers<'a>(ids: impl IntoIterator<Item = &'a SpanId>) -> BTreeSet<u64> {
        ids.into_iter().map(|id| id.as_u64()).collect()
    }

    proptest::proptest! {
        #[test]
        fn every_span_goes_out_once_no_error_is_missed_and_the_bounds_hold_at_every_moment(
            steps in steps(),
            (trace_spans, spans, bytes) in (2..10_usize, 2..60_usize, 2_000..40_000_usize),
            (decisions, age, linger) in (0..8_usize, 20..400_u64, 0..20_u64),
        ) {
            let sampler = TailSampler::new()
                .rule(TailRule::errors())
                .max_trace(trace_spans, 1 << 20)
                .max_undecided(spans, bytes)
                .max_decisions(decisions)
                .max_age(Duration::from_nanos(age))
                .linger(Duration::from_nanos(linger));
            let (mut tail, mut out, mut lanes) = (Tail::new(sampler), Out::default(), Lanes::default());
            let (mut given, mut ended) = (BTreeSet::new(), HashSet::new());
            // The spans of each trace that ended no later than its root.
            let mut in_time: HashMap<u64, Vec<(u64, bool)>> = HashMap::new();
            for (now, (trace, kind, lane, fails)) in (0..).zip(steps) {
                let root = 1_000 * trace;
                // A root ends once: its number stands for one that outlives it then.
                let id = match kind {
                    0 => {
                        lanes.drain_next(&mut tail, now, &mut out);
                        continue;
                    }
                    1 if !ended.contains(&root) => root,
                    _ => root + 1 + now,
                };
                if !ended.contains(&root) {
                    in_time.entry(root).or_default().push((id, fails));
                }
                if id == root {
                    ended.insert(root);
                }
                given.insert(id);
                lanes.lanes[lane].push(span(id, root, fails));
            }
            while lanes.drained > 0 {
                lanes.drain_next(&mut tail, 1_000, &mut out);
            }
            (0..6).for_each(|_| lanes.drain_next(&mut tail, 1_000, &mut out));
            tail.decide_all(1_000, &mut out);
            tail.check();
            proptest::prop_assert_eq!(tail.spans, 0);
            let (kept, left_out) = (numbers(&out.kept), numbers(&out.left_out));
            proptest::prop_assert_eq!(out.kept.len() + out.left_out.len(), given.len());
            proptest::prop_assert_eq!(kept.union(&left_out).copied().collect::<BTreeSet<_>>(), given);
            let stats = tail.counters.read();
            proptest::prop_assert_eq!(stats.kept_spans, out.kept.len() as u64);
            proptest::prop_assert_eq!(stats.dropped_spans, out.left_out.len() as u64);
            for spans in in_time.values() {
                let fails = spans.iter().any(|(_, fails)| *fails);
                // All of a trace that failed, unless it was given up; what failed itself in any case.
                for (id, _) in spans.iter().filter(|(_, failed)| *failed || fails && stats.early.total() == 0) {
                    proptest::prop_assert!(kept.contains(id), "{} of {:?}", id, spans);
                }
            }
        }
    }
}
