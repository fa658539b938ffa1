//! Random walks of the shared state, without files: whatever comes, fails, is cut short or dropped, every span is
//! somewhere, and the books count it once.

use super::{
    flights::{Flight, Outcome, Setback, merged},
    line::{Held, Line},
    mark::Mark,
    next::Work,
    ranges::Ranges,
    samples::{resource, usual_span},
    segment::Header,
    shelf::{OWN, Segment, Shelf, length},
    state::State,
};
use crate::{
    export::{DropReason, QueueLimits},
    record::Chunk,
};
use proptest::prelude::*;
use std::{
    collections::VecDeque,
    iter::once,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

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
        unread: 0,
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
        writing: None,
        writer_is_gone: false,
        closed_books: None,
    }
}

fn segment(spans: Range<u64>, bytes: u64, file: u64) -> Segment {
    let header = Header { first: spans.start, created: 0, salt: 0 };
    let (age_then, since) = (Duration::ZERO, Instant::now());
    Segment { path: PathBuf::from(file.to_string()), header, spans, bytes, age_then, since, unread: None }
}

fn come(state: &mut State, spans: usize, is_on_disk: bool, is_new_file: bool) {
    let numbers = state.number(spans);
    let records = numbers.clone().map(usual_span).collect();
    let held = Held { chunk: Arc::new(Chunk::new(records, spans, None)), spans: numbers.clone(), is_on_disk };
    if is_on_disk {
        let last = state.own.segments.back().filter(|last| !is_new_file && last.spans.end == numbers.start);
        let first = last.map_or(numbers.start, |last| last.spans.start);
        state.note_segment(segment(first..numbers.end, numbers.end - first, first));
    }
    state.keep(&held, Instant::now());
}

fn act(state: &mut State, line: usize, act: Act) {
    let now = Instant::now();
    // A delay is over as soon as somebody looks.
    let later = now + Duration::from_secs(100);
    let setback = |is_at_fault| Setback {
        delay: Duration::from_secs(1),
        is_asked: false,
        is_at_fault,
        most_strikes: 3,
    };
    let mut flight = match (state.next_for(line, later), act) {
        (Ok(Work::Live(flight)), _) => flight,
        (Ok(Work::Read(wanted)), Act::NotRead { is_gone }) => {
            state.not_read(line, &wanted, is_gone, now);
            return;
        }
        (Ok(Work::Read(wanted)), Act::ReadPart { end, damaged }) => {
            let end = wanted.range.end.min(wanted.range.start + 1 + end);
            let there = length(&(wanted.range.start..end));
            let first = end - there.saturating_sub(damaged);
            state.take_off(line, &wanted, end, merged(once(first..end)))
        }
        (Ok(Work::Read(wanted)), Act::ReadWhileShrinking { end }) => {
            shrink(state, 0);
            let end = wanted.range.end.min(wanted.range.start + 1 + end);
            state.take_off(line, &wanted, end, merged(once(wanted.range.start..end)))
        }
        (Ok(Work::Read(wanted)), _) => {
            state.take_off(line, &wanted, wanted.range.end, merged(once(wanted.range.clone())))
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
            let held = flight.held.iter().map(|held| length(&held.spans)).sum::<u64>();
            assert!(flight.held.is_empty() || held == flight.ranges.iter().map(length).sum::<u64>());
            for held in &flight.held {
                let first = held.chunk.spans()[held.settled()].start_unix_nanos();
                let expected = usual_span(held.spans.start).start_unix_nanos();
                assert_eq!(first, expected, "the right part is left");
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
        let line = &state.lines[at];
        let waiting: u64 = line.waiting.iter().chain(&line.returned).map(|held| length(&held.spans)).sum();
        assert_eq!(mark.held.iter().map(length).sum::<u64>(), waiting);
        let recovered = &stats.recovered;
        let found = recovered.exported + recovered.filtered + recovered.spooled + recovered.dropped.total();
        assert_eq!(found, 9, "{recovered:#?}");
    }
}

/// A cursor has to stay small: from so many gaps on, they are filled before anything live goes.
#[test]
fn who_has_many_gaps_fills_them_first() {
    for (gaps, fills_them) in [(1_000, false), (1_100, true)] {
        let mut state = state();
        let spans = state.number(2 * gaps);
        state.note_segment(segment(spans.clone(), 1, 0));
        let mark = state.own.mark_mut(0).unwrap();
        spans.step_by(2).for_each(|number| mark.finish(&(number..number + 1)));
        come(&mut state, 3, true, true);
        let work = state.next_for(0, Instant::now()).map_err(drop);
        assert_eq!(matches!(work, Ok(Work::Read(_))), fills_them, "{gaps}");
        assert_eq!(matches!(work, Ok(Work::Live(_))), !fills_them, "{gaps}");
    }
}

#[test]
fn what_could_not_be_read_goes_with_what_is_in_front_of_it() {
    for (spans, first, rest) in
        [(0, (1, 1), (9, 2)), (2, (5, 3), (5, 0)), (4, (7, 3), (3, 0)), (7, (10, 3), (0, 0))]
    {
        let (ranges, found) = (merged(once(10..20)), vec![11..13, 15..20]);
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
