//! All that the spool's threads share (floor 3): which span is where, and what is to be done next. No I/O.
//!
//! Every span has a number, given in the order in which they came. For each exporter a number is in one
//! state: behind it (`done`), or on disk, or in memory only; the books are read off these sets, so that they
//! balance whenever they are read.

use super::{
    line::{Goal, Held, Line},
    shelf::{Discarded, OWN, Segment, Shelf, Wanted},
};
use crate::{
    export::{Completion, DropReason, ExporterStats, QueueLimits},
    record::Chunk,
};
use std::{
    collections::VecDeque,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// On its way from the collector to the disk.
pub(super) enum Arriving {
    Chunk(Arc<Chunk>),
    Flush(Arc<Completion>, Instant),
    Shutdown(Arc<Completion>, Instant),
}

/// A batch in an exporter's hands.
pub(super) struct Flight {
    pub(super) shelf: u64,
    pub(super) ranges: Vec<Range<u64>>,
    /// What came live, to be put back if need be.
    pub(super) held: Vec<Held>,
    /// So many of its numbers could not be read.
    pub(super) damaged: u64,
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

/// What is left to be done once the lock is released.
#[derive(Default)]
pub(super) struct Chores {
    /// Files to be removed.
    pub(super) remove: Vec<PathBuf>,
    /// Shelves that are done with.
    pub(super) finished: Vec<Shelf>,
    /// Something was dropped to make room.
    pub(super) has_discarded: bool,
}

pub(super) struct State {
    pub(super) limits: QueueLimits,
    pub(super) arriving: VecDeque<Arriving>,
    pub(super) arriving_spans: usize,
    pub(super) arriving_bytes: usize,
    /// The number of the next span.
    pub(super) next: u64,
    pub(super) own: Shelf,
    /// What earlier processes left.
    pub(super) found: Vec<Shelf>,
    /// What they left for others: not ours to deliver.
    pub(super) left_alone: Vec<PathBuf>,
    pub(super) lines: Vec<Line>,
    /// Set by a shutdown: no retry is waited for beyond it.
    pub(super) deadline: Option<Instant>,
    /// The shutdown has come through: nothing arrives any more.
    pub(super) closing: Option<(Arc<Completion>, Instant)>,
    pub(super) writer_is_gone: bool,
    /// The deadline has passed: the books as they are for good.
    pub(super) closed_books: Option<Vec<(usize, ExporterStats)>>,
}

/// The union of ranges that follow one another.
fn merged(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => merged.push(range),
        }
    }
    merged
}

const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

impl State {
    pub(super) fn shelf_mut(&mut self, id: u64) -> Option<&mut Shelf> {
        if id == OWN {
            return Some(&mut self.own);
        }
        self.found.iter_mut().find(|shelf| shelf.id == id)
    }

    fn is_abandoned(&self) -> bool {
        self.closed_books.is_some()
    }

    // Arriving.

    /// Numbers for so many spans.
    pub(super) fn number(&mut self, spans: usize) -> Range<u64> {
        let first = self.next;
        self.next += spans as u64;
        first..self.next
    }

    /// Keeps a numbered chunk for every exporter, in memory too where there is room; false if it had to be
    /// dropped.
    pub(super) fn keep(&mut self, held: &Held, is_on_disk: bool, now: Instant) -> bool {
        let mut is_kept = true;
        for line in 0..self.lines.len() {
            is_kept &= self.keep_for(line, held, is_on_disk, now);
        }
        is_kept
    }

    fn keep_for(&mut self, at: usize, held: &Held, is_on_disk: bool, now: Instant) -> bool {
        let Self { lines, own, limits, closed_books, .. } = self;
        let Some(line) = lines.get_mut(at).filter(|_| closed_books.is_none()) else {
            return true;
        };
        if !is_on_disk {
            line.unspooled += length(&held.spans);
            // What is on disk makes room for what is not.
            while !line.has_room(&held.chunk, limits) {
                let Some(last) = line.waiting.iter().rposition(|other| own.has(&other.spans)) else {
                    break;
                };
                if let (Some(other), Some(mark)) = (line.remove_waiting(last), own.mark_mut(at)) {
                    mark.held.remove(&other.spans);
                }
            }
        }
        let has_room = line.has_room(&held.chunk, limits);
        let Some(mark) = own.mark_mut(at) else {
            return true;
        };
        if has_room {
            mark.held.insert(held.spans.clone());
            line.push_back(held.clone(), now);
        } else if !is_on_disk {
            mark.finish(&held.spans);
            line.drop_own(DropReason::QueueFull, length(&held.spans));
        }
        has_room || is_on_disk
    }

    pub(super) fn add_goals(&mut self, completion: &Arc<Completion>, deadline: Instant, now: Instant) {
        let before = self.next;
        for line in &mut self.lines {
            line.add_goal(Goal { completion: completion.clone(), deadline, before }, now);
        }
    }

    // Bounds.

    /// Drops the oldest segments until both bounds hold. What is being written stays.
    pub(super) fn enforce(&mut self, most_bytes: u64, most_age: Duration, now: Instant) -> Chores {
        let mut chores = Chores::default();
        loop {
            let bytes = self.own.bytes() + self.found.iter().map(Shelf::bytes).sum::<u64>();
            let is_over = |shelf: &Shelf| bytes > most_bytes || shelf.oldest_is_older_than(most_age, now);
            let found = self.found.iter_mut().find(|shelf| !shelf.segments.is_empty() && is_over(shelf));
            let is_own = found.is_none();
            let own = Some(&mut self.own).filter(|own| own.segments.len() > 1 && is_over(own));
            let Some(discarded) = found.or(own).and_then(Shelf::discard_oldest) else {
                chores.finished = self.take_finished();
                return chores;
            };
            self.count_discarded(&discarded, is_own);
            chores.has_discarded |= discarded.lost.iter().any(|lost| *lost > 0);
            chores.remove.push(discarded.path);
        }
    }

    fn count_discarded(&mut self, discarded: &Discarded, is_own: bool) {
        if self.is_abandoned() {
            return;
        }
        for (line, lost) in self.lines.iter_mut().zip(&discarded.lost) {
            line.tally(is_own).dropped.add(DropReason::SpoolFull, *lost);
        }
    }

    // For the exporters' threads.

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
            return Ok(Work::Live(Flight { shelf: OWN, ranges, held, damaged: 0 }));
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

    /// Of what was to be read, only what lies before `end` has been looked at, and `read` spans found in it.
    pub(super) fn take_off(&mut self, at: usize, wanted: &Wanted, end: u64, read: usize) -> Flight {
        let range = wanted.range.start..end;
        if let Some(mark) = self.shelf_mut(wanted.shelf).and_then(|shelf| shelf.mark_mut(at)) {
            mark.held.remove(&(end..wanted.range.end));
        }
        let damaged = length(&range).saturating_sub(read as u64);
        Flight { shelf: wanted.shelf, ranges: vec![range], held: Vec::new(), damaged }
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
            let settled = outcome.delivered + outcome.filtered + flight.damaged;
            let tally = line.tally(flight.shelf == OWN);
            tally.exported += outcome.delivered;
            tally.filtered += outcome.filtered;
            tally.dropped.add(DropReason::SpoolDamaged, flight.damaged);
            tally.dropped.add(outcome.reason, spans.saturating_sub(settled));
        }
        self.reap(flight.shelf)
    }

    fn reap(&mut self, shelf: u64) -> Chores {
        let remove = self.shelf_mut(shelf).map(Shelf::reap).unwrap_or_default();
        Chores { remove, finished: self.take_finished(), has_discarded: false }
    }

    fn take_finished(&mut self) -> Vec<Shelf> {
        let finished: Vec<_> = self.found.extract_if(.., |shelf| shelf.is_done_with()).collect();
        for shelf in finished.iter().filter(|shelf| !shelf.segments.is_empty()) {
            // For exporters that are not ours.
            self.left_alone.extend(shelf.home.iter().map(|home| home.path().to_owned()));
        }
        finished
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
            self.put_back_read(at, flight);
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

    /// What has been dropped from the disk meanwhile is nowhere any more.
    fn put_back_read(&mut self, at: usize, flight: &Flight) {
        let Some(shelf) = self.shelf_mut(flight.shelf) else {
            return;
        };
        let mut lost = 0;
        for range in &flight.ranges {
            let is_on_disk = shelf.has(range);
            if let Some(mark) = shelf.mark_mut(at) {
                mark.held.remove(range);
                if !is_on_disk {
                    mark.finish(range);
                    lost += length(range);
                }
            }
        }
        if let Some(line) = self.lines.get_mut(at) {
            line.tally(flight.shelf == OWN).dropped.add(DropReason::SpoolFull, lost);
        }
    }

    /// A part that was to be read, and was not: its file is gone, or could not be opened this time.
    pub(super) fn not_read(&mut self, at: usize, wanted: &Wanted, is_gone: bool, again: Instant) {
        let Some(mark) = self.shelf_mut(wanted.shelf).and_then(|shelf| shelf.mark_mut(at)) else {
            return;
        };
        mark.held.remove(&wanted.range);
        if is_gone {
            mark.finish(&wanted.range);
        }
        let is_abandoned = self.is_abandoned();
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        if !is_gone {
            line.read_again = Some(again);
        } else if !is_abandoned {
            let lost = length(&wanted.range);
            line.tally(wanted.shelf == OWN).dropped.add(DropReason::SpoolDamaged, lost);
        }
    }

    // The books.

    pub(super) fn stats(&self) -> Vec<(usize, ExporterStats)> {
        match &self.closed_books {
            Some(books) => books.clone(),
            None => (0..self.lines.len()).filter_map(|line| self.line_stats(line)).collect(),
        }
    }

    fn line_stats(&self, at: usize) -> Option<(usize, ExporterStats)> {
        let line = self.lines.get(at)?;
        let spooled = self.own.left_for(at);
        let done = self.own.mark(at).map_or(0, |mark| mark.done.count(&(0..self.next)));
        let mut stats = line.stats();
        stats.spooled = spooled;
        stats.pending = self.arriving_spans as u64 + (self.next - done).saturating_sub(spooled);
        stats.recovered.spooled = self.found.iter().map(|shelf| shelf.left_for(at)).sum();
        Some((line.place, stats))
    }

    /// What is in memory only is lost; the books are closed.
    pub(super) fn abandon(&mut self) {
        if self.is_abandoned() {
            return;
        }
        let mut books = self.stats();
        for (_, stats) in &mut books {
            stats.dropped.add(DropReason::ShutdownDeadline, std::mem::take(&mut stats.pending));
        }
        self.closed_books = Some(books);
        self.arriving.clear();
        (self.arriving_spans, self.arriving_bytes) = (0, 0);
        self.lines.iter_mut().for_each(Line::forget_all);
    }

    /// A new or a grown segment of the process itself.
    pub(super) fn note_segment(&mut self, segment: Segment) {
        match self.own.segments.back_mut() {
            Some(last) if last.path == segment.path => *last = segment,
            _ => self.own.segments.push_back(segment),
        }
    }
}
