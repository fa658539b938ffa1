//! What an exporter does next, and what becomes of a batch in its hands (floor 3): changes of the shared
//! [state](super::state). No I/O.

use super::{
    line::{Goal, Held},
    shelf::{OWN, Shelf, Wanted, length},
    state::{Chores, State},
};
use crate::export::{Completion, DropReason};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

/// A batch in an exporter's hands.
pub(super) struct Flight {
    pub(super) shelf: u64,
    pub(super) ranges: Vec<Range<u64>>,
    /// What came live, to be put back if need be.
    pub(super) held: Vec<Held>,
    /// The numbers of its spans, in the order of the batch: of `ranges` all but those that could not be read.
    pub(super) found: Vec<Range<u64>>,
}

impl Flight {
    /// How many of its numbers could not be read.
    pub(super) fn damaged(&self) -> u64 {
        let count = |ranges: &[Range<u64>]| ranges.iter().map(length).sum::<u64>();
        count(&self.ranges).saturating_sub(count(&self.found))
    }

    /// Takes off what lies before the span that so many others are in front of, or all, if there is no such.
    pub(super) fn take_first(&mut self, spans: u64) -> Self {
        let at = nth(&self.found, spans).unwrap_or(u64::MAX);
        let mut held = Vec::new();
        while let Some(first) = self.held.first_mut().filter(|first| first.spans.start < at) {
            if first.spans.end > at {
                // The chunk stays whole in memory.
                first.spans.start = at;
                break;
            }
            held.push(self.held.remove(0));
        }
        let (ranges, found) = (take_before(&mut self.ranges, at), take_before(&mut self.found, at));
        Self { shelf: self.shelf, ranges, held, found }
    }
}

/// How a flight ended.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) delivered: u64,
    pub(super) filtered: u64,
    /// Why the rest was not delivered.
    pub(super) reason: DropReason,
}

/// How a flight failed that may succeed later.
#[derive(Clone, Copy)]
pub(super) struct Setback {
    pub(super) delay: Duration,
    /// The backend asked for the delay.
    pub(super) is_asked: bool,
    /// It is the batch, and nothing else, that made the exporter fail.
    pub(super) is_at_fault: bool,
    /// So often a batch may fail while others succeed.
    pub(super) most_strikes: u32,
}

/// What an exporter's thread does next.
pub(super) enum Work {
    Live(Flight),
    Read(Wanted),
    Flush(Arc<Completion>, Instant),
    Shutdown(Arc<Completion>, Instant),
    Stop,
}

impl State {
    /// What one of them does now, or until when it waits.
    pub(super) fn next_for(&mut self, at: usize, now: Instant) -> Result<Work, Option<Instant>> {
        if self.is_abandoned() {
            return Ok(Work::Stop);
        }
        if let Some(work) = self.reached(at, now) {
            return Ok(work);
        }
        let Some(line) = self.lines.get_mut(at) else {
            return Ok(Work::Stop);
        };
        if let Some(backoff) = line.backoff {
            if now < backoff.until {
                let may_hurry = self.deadline.is_some() && !backoff.is_asked && !line.hurried;
                if !may_hurry {
                    let is_too_late = |(_, deadline): &(_, Instant)| backoff.until >= *deadline;
                    return match self.closing.clone().filter(is_too_late) {
                        Some((completion, deadline)) => Ok(self.give_up_memory(at, completion, deadline)),
                        None => Err(Some(backoff.until)),
                    };
                }
                line.hurried = true;
            }
            line.backoff = None;
            line.retries += 1;
        }
        self.something_to_send(at, now)
    }

    /// A flush or a shutdown whose time has come.
    fn reached(&mut self, at: usize, now: Instant) -> Option<Work> {
        let done = &self.own.mark(at)?.done;
        let line = self.lines.get_mut(at)?;
        line.goals.retain(|goal| goal.deadline > now);
        if let Some(goal) = line.goals.iter().position(|goal| done.covers(&(0..goal.before))) {
            let Goal { completion, deadline, .. } = line.goals.swap_remove(goal);
            return Some(Work::Flush(completion, deadline));
        }
        let (completion, deadline) = self.closing.as_ref()?;
        done.covers(&(0..self.next)).then(|| Work::Shutdown(completion.clone(), *deadline))
    }

    fn something_to_send(&mut self, at: usize, now: Instant) -> Result<Work, Option<Instant>> {
        let Some(line) = self.lines.get_mut(at) else {
            return Ok(Work::Stop);
        };
        let is_urgent = !line.goals.is_empty() || self.deadline.is_some();
        let due = line.due(&self.limits, is_urgent, now);
        if due.is_some_and(|due| due <= now) {
            let held = line.take(self.limits.batch_spans);
            let ranges = merged(held.iter().map(|held| held.spans.clone()));
            return Ok(Work::Live(Flight { shelf: OWN, found: ranges.clone(), ranges, held }));
        }
        let read_again = line.read_again.filter(|again| now < *again);
        if read_again.is_none() {
            line.read_again = None;
            if let Some(wanted) = self.wanted(at) {
                return Ok(Work::Read(wanted));
            }
        } else if let Some((completion, deadline)) = self.closing.clone() {
            return Ok(self.give_up_memory(at, completion, deadline));
        }
        Err([due, read_again].into_iter().flatten().min())
    }

    /// What is to be read from disk: what is the process's own comes first, and alone before its end.
    fn wanted(&mut self, at: usize) -> Option<Wanted> {
        let most = self.limits.batch_spans;
        let found = self.found.iter().filter(|_| self.deadline.is_none());
        let wanted = std::iter::once(&self.own).chain(found).find_map(|shelf| shelf.next_for(at, most))?;
        self.shelf_mut(wanted.shelf)?.mark_mut(at)?.held.insert(wanted.range.clone());
        Some(wanted)
    }

    /// The exporter will not be asked again before the deadline: what is in memory only is lost.
    fn give_up_memory(&mut self, at: usize, completion: Arc<Completion>, deadline: Instant) -> Work {
        let Self { lines, own, .. } = self;
        if let Some(line) = lines.get_mut(at) {
            while let Some(held) = line.remove_waiting(0) {
                let is_on_disk = own.has(&held.spans);
                let Some(mark) = own.mark_mut(at) else {
                    break;
                };
                if is_on_disk {
                    mark.held.remove(&held.spans);
                } else {
                    mark.finish(&held.spans);
                    line.drop_own(DropReason::ShutdownDeadline, length(&held.spans));
                }
            }
        }
        Work::Shutdown(completion, deadline)
    }

    // What becomes of a flight.

    /// Of what was to be read, only what lies before `end` has been looked at, and spans of the numbers `found` are
    /// there.
    pub(super) fn take_off(
        &mut self,
        at: usize,
        wanted: &Wanted,
        end: u64,
        found: Vec<Range<u64>>,
    ) -> Flight {
        let range = wanted.range.start..end;
        self.release(at, wanted.shelf, &(end..wanted.range.end));
        Flight { shelf: wanted.shelf, ranges: vec![range], held: Vec::new(), found }
    }

    /// Lets go of what was to be read from disk, to be read later. What has been dropped from there meanwhile
    /// is nowhere any more.
    fn release(&mut self, at: usize, shelf: u64, range: &Range<u64>) {
        let is_abandoned = self.is_abandoned();
        let is_own = shelf == OWN;
        let Some(shelf) = self.shelf_mut(shelf) else {
            return;
        };
        let is_on_disk = shelf.has(range);
        let Some(mark) = shelf.mark_mut(at) else {
            return;
        };
        mark.held.remove(range);
        if is_on_disk {
            return;
        }
        mark.finish(range);
        if let Some(line) = self.lines.get_mut(at).filter(|_| !is_abandoned) {
            line.tally(is_own).dropped.add(DropReason::SpoolFull, length(range));
        }
    }

    /// Counts a flight that is over.
    pub(super) fn settle(&mut self, at: usize, flight: &Flight, outcome: Outcome) -> Chores {
        let is_abandoned = self.is_abandoned();
        let Some(mark) = self.shelf_mut(flight.shelf).and_then(|shelf| shelf.mark_mut(at)) else {
            return Chores::default();
        };
        flight.ranges.iter().for_each(|range| mark.finish(range));
        let Some(line) = self.lines.get_mut(at) else {
            return Chores::default();
        };
        flight.held.iter().for_each(|held| line.forget(held));
        if !is_abandoned {
            let spans = flight.ranges.iter().map(length).sum::<u64>();
            let settled = outcome.delivered + outcome.filtered + flight.damaged();
            let tally = line.tally(flight.shelf == OWN);
            tally.exported += outcome.delivered;
            tally.filtered += outcome.filtered;
            tally.dropped.add(DropReason::SpoolDamaged, flight.damaged());
            tally.dropped.add(outcome.reason, spans.saturating_sub(settled));
        }
        self.reap(flight.shelf)
    }

    fn reap(&mut self, shelf: u64) -> Chores {
        let remove = self.shelf_mut(shelf).map(Shelf::reap).unwrap_or_default();
        Chores { remove, finished: self.take_finished(Instant::now()), has_discarded: false }
    }

    /// Puts a flight back to be tried later; true if it has failed too often for that.
    pub(super) fn set_back(&mut self, at: usize, flight: &Flight, setback: Setback, now: Instant) -> bool {
        let Some(line) = self.lines.get_mut(at) else {
            return false;
        };
        line.back_off(setback.delay, setback.is_asked, now);
        let successes = line.successes;
        let Some(mark) = self.shelf_mut(flight.shelf).and_then(|shelf| shelf.mark_mut(at)) else {
            return false;
        };
        let strikes = flight.ranges.iter().map(|range| mark.strike(range, successes, setback.is_at_fault));
        if strikes.max().unwrap_or_default() >= setback.most_strikes {
            return true;
        }
        if self.is_abandoned() {
            return false;
        }
        if flight.shelf == OWN && !flight.held.is_empty() {
            self.put_back_live(at, flight, setback.is_at_fault, now);
        } else {
            flight.ranges.iter().for_each(|range| self.release(at, flight.shelf, range));
        }
        false
    }

    /// What is on disk need not stay in memory; the rest comes first the next time.
    fn put_back_live(&mut self, at: usize, flight: &Flight, is_at_fault: bool, now: Instant) {
        let Self { lines, own, .. } = self;
        let Some(line) = lines.get_mut(at) else {
            return;
        };
        for held in flight.held.iter().rev() {
            let is_on_disk = own.has(&held.spans);
            let Some(mark) = own.mark_mut(at) else {
                return;
            };
            if is_on_disk {
                mark.held.remove(&held.spans);
                line.forget(held);
            } else if is_at_fault {
                mark.finish(&held.spans);
                line.forget(held);
                line.drop_own(DropReason::ExporterPanicked, length(&held.spans));
            } else {
                line.return_to_front(held.clone(), now);
            }
        }
    }

    /// A part that was to be read, and was not: its file is gone, or could not be opened this time.
    pub(super) fn not_read(&mut self, at: usize, wanted: &Wanted, is_gone: bool, again: Instant) {
        let is_abandoned = self.is_abandoned();
        let range = &wanted.range;
        let is_known = self.shelf_mut(wanted.shelf).is_some_and(|shelf| shelf.has(range));
        if !is_gone || !is_known {
            self.release(at, wanted.shelf, range);
        } else if let Some(mark) = self.shelf_mut(wanted.shelf).and_then(|shelf| shelf.mark_mut(at)) {
            mark.finish(range);
        }
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        if !is_gone {
            line.read_again = Some(again);
        } else if is_known && !is_abandoned {
            line.tally(wanted.shelf == OWN).dropped.add(DropReason::SpoolDamaged, length(range));
        }
    }
}

/// The union of ranges that follow one another.
fn merged(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    ranges.for_each(|range| append(&mut merged, range));
    merged
}

/// Adds a range that comes behind all others.
pub(super) fn append(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// The number that so many others of these ranges are in front of.
fn nth(ranges: &[Range<u64>], mut before: u64) -> Option<u64> {
    for range in ranges {
        if before < length(range) {
            return Some(range.start + before);
        }
        before -= length(range);
    }
    None
}

/// Takes out what is smaller than `at`.
fn take_before(ranges: &mut Vec<Range<u64>>, at: u64) -> Vec<Range<u64>> {
    let below = |range: &Range<u64>| range.start..range.end.min(at);
    let above = |range: &Range<u64>| range.start.max(at)..range.end;
    let taken = ranges.iter().map(below).filter(|range| length(range) > 0).collect();
    *ranges = ranges.iter().map(above).filter(|range| length(range) > 0).collect();
    taken
}

#[cfg(test)]
mod tests {
    use super::super::{
        line::Line,
        ranges::Ranges,
        samples::{resource, usual_span},
        segment::Header,
        shelf::{Mark, Segment},
    };
    use super::*;
    use crate::{export::QueueLimits, record::Chunk};
    use proptest::prelude::*;
    use std::{collections::VecDeque, path::PathBuf};

    #[derive(Clone, Debug)]
    enum Step {
        /// So many spans come, and the disk takes them (in a new file or not), or does not.
        Come { spans: usize, is_on_disk: bool, is_new_file: bool },
        /// An exporter is asked what it does, and does it.
        Act(usize, Act),
        /// The oldest goes, until so few bytes are left.
        Shrink(u64),
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Deliver,
        Reject,
        /// So many are settled, and the rest is set back.
        SetBackBehind(u64),
        Leave(u64),
        SetBack {
            is_at_fault: bool,
        },
        /// Of what is read, only so much fits a batch, and something is damaged.
        ReadPart {
            end: u64,
            damaged: u64,
        },
        /// The disk is shrunk between the reading and its end.
        ReadWhileShrinking {
            end: u64,
        },
        NotRead {
            is_gone: bool,
        },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let come = (1..6_usize, prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(spans, is_on_disk, is_new_file)| Step::Come { spans, is_on_disk, is_new_file });
        let act = prop_oneof![
            3 => Just(Act::Deliver),
            1 => Just(Act::Reject),
            2 => (0..5_u64).prop_map(Act::SetBackBehind),
            1 => (0..3_u64).prop_map(Act::Leave),
            2 => any::<bool>().prop_map(|is_at_fault| Act::SetBack { is_at_fault }),
            1 => (0..4_u64, 0..3_u64).prop_map(|(end, damaged)| Act::ReadPart { end, damaged }),
            1 => (0..4_u64).prop_map(|end| Act::ReadWhileShrinking { end }),
            1 => any::<bool>().prop_map(|is_gone| Act::NotRead { is_gone }),
        ];
        let act = (0..2_usize, act).prop_map(|(line, act)| Step::Act(line, act));
        let shrink = (0..60_u64).prop_map(Step::Shrink);
        prop::collection::vec(prop_oneof![4 => come, 6 => act, 1 => shrink], 0..80)
    }

    /// A spool of two exporters with little room in memory.
    fn state() -> State {
        let shelf = |id| Shelf {
            id,
            home: None,
            resource: Arc::new(resource()),
            segments: VecDeque::new(),
            marks: vec![Some(Mark::default()), Some(Mark::default())],
            strangers: Vec::new(),
        };
        let mut found = shelf(1);
        found.segments.push_back(segment(0..9, 9, 0));
        State {
            limits: QueueLimits { spans: 12, bytes: usize::MAX, batch_spans: 5, batch_delay: Duration::ZERO },
            arriving: VecDeque::new(),
            arriving_spans: 0,
            arriving_bytes: 0,
            next: 0,
            own: shelf(OWN),
            found: vec![found],
            left_alone: Vec::new(),
            lines: vec![Line::new(0, "one".to_owned()), Line::new(1, "other".to_owned())],
            deadline: None,
            closing: None,
            writer_is_gone: false,
            closed_books: None,
        }
    }

    fn segment(spans: Range<u64>, bytes: u64, file: u64) -> Segment {
        let header = Header { first: spans.start, created: 0, salt: 0 };
        let (age_then, since) = (Duration::ZERO, Instant::now());
        Segment { path: PathBuf::from(file.to_string()), header, spans, bytes, age_then, since }
    }

    fn come(state: &mut State, spans: usize, is_on_disk: bool, is_new_file: bool) {
        let numbers = state.number(spans);
        let records = numbers.clone().map(usual_span).collect();
        let held = Held { chunk: Arc::new(Chunk::new(records, spans, None)), spans: numbers.clone() };
        if is_on_disk {
            let last =
                state.own.segments.back().filter(|last| !is_new_file && last.spans.end == numbers.start);
            let first = last.map_or(numbers.start, |last| last.spans.start);
            state.note_segment(segment(first..numbers.end, numbers.end - first, first));
        }
        state.keep(&held, is_on_disk, Instant::now());
    }

    fn act(state: &mut State, line: usize, act: Act) {
        let now = Instant::now();
        // A delay is over as soon as somebody looks.
        let later = now + Duration::from_secs(10);
        let setback = |is_at_fault| Setback {
            delay: Duration::from_secs(1),
            is_asked: false,
            is_at_fault,
            most_strikes: 3,
        };
        let mut flight = match (state.next_for(line, later), act) {
            (Ok(Work::Live(flight)), _) => flight,
            (Ok(Work::Read(wanted)), Act::NotRead { is_gone }) => {
                return state.not_read(line, &wanted, is_gone, now);
            }
            (Ok(Work::Read(wanted)), Act::ReadPart { end, damaged }) => {
                let end = wanted.range.end.min(wanted.range.start + 1 + end);
                let there = length(&(wanted.range.start..end));
                let first = end - there.saturating_sub(damaged);
                state.take_off(line, &wanted, end, merged(std::iter::once(first..end)))
            }
            (Ok(Work::Read(wanted)), Act::ReadWhileShrinking { end }) => {
                shrink(state, 0);
                let end = wanted.range.end.min(wanted.range.start + 1 + end);
                let found = merged(std::iter::once(wanted.range.start..end));
                state.take_off(line, &wanted, end, found)
            }
            (Ok(Work::Read(wanted)), _) => {
                state.take_off(line, &wanted, wanted.range.end, vec![wanted.range.clone()])
            }
            _ => return,
        };
        let there = flight.ranges.iter().map(length).sum::<u64>() - flight.damaged();
        let outcome = |delivered, filtered| Outcome { delivered, filtered, reason: DropReason::Rejected };
        let outcome = match act {
            Act::SetBackBehind(spans) => {
                let before: Vec<_> = numbers(&flight.found).take(spans as usize).collect();
                let first = flight.take_first(spans);
                assert_eq!(numbers(&first.found).collect::<Vec<_>>(), before);
                assert_eq!(flight.held.iter().map(|held| length(&held.spans)).sum::<u64>(), {
                    if flight.held.is_empty() { 0 } else { flight.ranges.iter().map(length).sum::<u64>() }
                });
                for held in &flight.held {
                    let first = held.chunk.spans()[held.settled()].start_unix_nanos();
                    assert_eq!(
                        first,
                        usual_span(held.spans.start).start_unix_nanos(),
                        "the right part is left"
                    );
                }
                state.settle(line, &first, outcome(before.len() as u64, 0));
                if !state.set_back(line, &flight, setback(false), now) {
                    return;
                }
                outcome(0, 0)
            }
            Act::SetBack { is_at_fault } => {
                if !state.set_back(line, &flight, setback(is_at_fault), now) {
                    return;
                }
                outcome(0, 0)
            }
            Act::Reject => outcome(0, 0),
            Act::Leave(some) => outcome(there - some.min(there), some.min(there)),
            _ => outcome(there, 0),
        };
        state.lines[line].successes += 1;
        state.settle(line, &flight, outcome);
    }

    fn numbers(ranges: &[Range<u64>]) -> impl Iterator<Item = u64> + '_ {
        ranges.iter().cloned().flatten()
    }

    fn shrink(state: &mut State, most_bytes: u64) {
        state.enforce(most_bytes, Duration::MAX, Instant::now());
    }

    /// Each number is behind the exporter, on disk or in memory, and the books count it once.
    fn check(state: &State) {
        for at in 0..2 {
            let mark = state.own.mark(at).unwrap();
            let mut somewhere = Ranges::default();
            let on_disk = state.own.segments.iter().map(|segment| &segment.spans);
            mark.done
                .iter()
                .chain(mark.held.iter())
                .chain(on_disk)
                .for_each(|range| somewhere.insert(range.clone()));
            assert!(somewhere.covers(&(0..state.next)), "a span is nowhere: {mark:?}");
            let stats = &state.stats()[at].1;
            let own = stats.exported + stats.filtered + stats.pending + stats.spooled + stats.dropped.total();
            assert_eq!(own, state.next, "{stats:#?}");
            // With nothing in an exporter's hands, all that is held waits in memory.
            let waiting: u64 = state.lines[at].waiting.iter().map(|held| length(&held.spans)).sum();
            assert_eq!(mark.held.iter().map(length).sum::<u64>(), waiting);
            let recovered = &stats.recovered;
            let found =
                recovered.exported + recovered.filtered + recovered.spooled + recovered.dropped.total();
            assert_eq!(found, 9, "{recovered:#?}");
        }
    }

    #[test]
    fn what_could_not_be_read_goes_with_what_is_in_front_of_it() {
        for (spans, first, rest) in
            [(0, (1, 1), (9, 2)), (2, (5, 3), (5, 0)), (4, (7, 3), (3, 0)), (7, (10, 3), (0, 0))]
        {
            let (ranges, found) = (merged(std::iter::once(10..20)), vec![11..13, 15..20]);
            let mut whole = Flight { shelf: OWN, ranges, held: Vec::new(), found };
            let taken = whole.take_first(spans);
            let count = |flight: &Flight| flight.ranges.iter().map(length).sum::<u64>();
            assert_eq!((count(&taken), taken.damaged()), first, "{spans}");
            assert_eq!((count(&whole), whole.damaged()), rest, "{spans}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn every_span_is_somewhere_and_counted_once(steps in steps()) {
            let mut state = state();
            for step in steps {
                match step {
                    Step::Come { spans, is_on_disk, is_new_file } => {
                        come(&mut state, spans, is_on_disk, is_new_file);
                    }
                    Step::Act(line, does) => act(&mut state, line, does),
                    Step::Shrink(most) => shrink(&mut state, most),
                }
                check(&state);
            }
            // In the end an exporter that takes everything is rid of everything.
            for line in 0..2 {
                for _ in 0..200 {
                    act(&mut state, line, Act::Deliver);
                }
            }
            check(&state);
            for (_, stats) in state.stats() {
                assert_eq!((stats.pending, stats.spooled, stats.recovered.spooled), (0, 0, 0));
            }
        }
    }
}
