//! What becomes of a batch in an exporter's hands (floor 3): changes of the shared [state](super::state).
//! No I/O.

use super::{
    line::Held,
    mark::Strike,
    shelf::{OWN, Shelf, Wanted, length},
    state::{Chores, State},
};
use crate::export::DropReason;
use std::{
    ops::Range,
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

impl State {
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
        if self.is_abandoned() {
            // What has been said of it holds.
            return false;
        }
        let Some(line) = self.lines.get_mut(at) else {
            return false;
        };
        line.back_off(setback.delay, setback.is_asked, now);
        line.failures += 1;
        let strike =
            Strike { failure: line.failures, successes: line.successes, is_at_fault: setback.is_at_fault };
        let Some(mark) = self.shelf_mut(flight.shelf).and_then(|shelf| shelf.mark_mut(at)) else {
            return false;
        };
        let strikes = flight.ranges.iter().map(|range| mark.strike(range, strike));
        if strikes.max().unwrap_or_default() >= setback.most_strikes {
            return true;
        }
        if flight.shelf == OWN && !flight.held.is_empty() {
            self.put_back_live(at, flight, setback.is_at_fault);
        } else {
            flight.ranges.iter().for_each(|range| self.release(at, flight.shelf, range));
        }
        false
    }

    /// What is on disk need not stay in memory; the rest has its turn behind what has not failed.
    fn put_back_live(&mut self, at: usize, flight: &Flight, is_at_fault: bool) {
        let Self { lines, own, .. } = self;
        let Some(line) = lines.get_mut(at) else {
            return;
        };
        for held in &flight.held {
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
                line.returned.push_back(held.clone());
            }
        }
    }

    /// A part that was to be read, and was not: its file is gone, or could not be read this time. True if spans
    /// are lost by that.
    pub(super) fn not_read(&mut self, at: usize, wanted: &Wanted, is_gone: bool, now: Instant) -> bool {
        let is_abandoned = self.is_abandoned();
        let range = &wanted.range;
        let is_known = self.shelf_mut(wanted.shelf).is_some_and(|shelf| shelf.has(range));
        // Who made room by taking it away has counted it.
        let is_lost = is_gone && is_known;
        if !is_lost {
            self.release(at, wanted.shelf, range);
        }
        let Some(shelf) = self.shelf_mut(wanted.shelf) else {
            return false;
        };
        if !is_gone {
            let mut segments = shelf.segments.iter_mut();
            segments
                .find(|known| known.path == wanted.segment.path)
                .into_iter()
                .for_each(|it| it.leave_unread(now));
        } else if let Some(mark) = shelf.mark_mut(at).filter(|_| is_known) {
            mark.finish(range);
        }
        if let Some(line) = self.lines.get_mut(at).filter(|_| is_lost && !is_abandoned) {
            line.tally(wanted.shelf == OWN).dropped.add(DropReason::SpoolDamaged, length(range));
        }
        is_lost
    }
}

/// The union of ranges that follow one another.
pub(super) fn merged(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
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
