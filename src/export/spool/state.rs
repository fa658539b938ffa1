//! All that the spool's threads share (floor 3): which span is where, and what is to be done next. No I/O.
//!
//! Every span has a number, given in the order in which they came. For each exporter a number is in one
//! state: behind it (`done`), or on disk, or in memory only; the books are read off these sets, so that they
//! balance whenever they are read.

use super::{
    line::{Goal, Held, Line},
    shelf::{Discarded, OWN, RESPITE, Segment, Shelf, length},
};
use crate::{
    clock::after,
    export::{Completion, DropReason, ExporterStats, QueueLimits},
    record::Chunk,
};
use std::{
    collections::VecDeque,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// On its way from the collector to the disk.
pub(super) enum Arriving {
    Chunk(Arc<Chunk>),
    Flush(Arc<Completion>, Instant),
    Shutdown(Arc<Completion>, Instant),
}

/// What is left to be done once the lock is released.
#[derive(Default)]
pub(super) struct Chores {
    /// Files to be removed.
    pub(super) remove: Vec<PathBuf>,
    /// Shelves that are done with: of the empty ones, the directories are to go.
    pub(super) finished: Vec<Shelf>,
    /// Something was dropped to make room.
    pub(super) has_discarded: bool,
}

/// A write that is under way.
pub(super) struct Writing {
    pub(super) since: Instant,
    /// Empty when it takes so long that the spans have gone on without it.
    pub(super) held: Vec<Held>,
    pub(super) is_passed_by: bool,
}

/// A disk that takes longer for a write is passed by.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// A directory of which nothing is ours, or nothing else that can be read.
pub(super) struct LeftAlone {
    pub(super) path: PathBuf,
    /// When it was seen first.
    pub(super) since: Instant,
    /// When it may be old enough to be taken away, or readable.
    pub(super) look_again: Instant,
}

/// How long a directory is left alone after all but what cannot be read of it has been delivered.
const UNREAD_PAUSE: Duration = Duration::from_secs(60);

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
    pub(super) left_alone: Vec<LeftAlone>,
    pub(super) lines: Vec<Line>,
    /// Set by a shutdown: no retry is waited for beyond it.
    pub(super) deadline: Option<Instant>,
    /// The shutdown has come through: nothing arrives any more.
    pub(super) closing: Option<(Arc<Completion>, Instant)>,
    /// What the disk has been given to write.
    pub(super) writing: Option<Writing>,
    pub(super) writer_is_gone: bool,
    /// The deadline has passed: the books as they are for good.
    pub(super) closed_books: Option<Vec<(usize, ExporterStats)>>,
}

impl State {
    pub(super) fn shelf_mut(&mut self, id: u64) -> Option<&mut Shelf> {
        if id == OWN {
            return Some(&mut self.own);
        }
        self.found.iter_mut().find(|shelf| shelf.id == id)
    }

    pub(super) fn is_abandoned(&self) -> bool {
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
    pub(super) fn keep(&mut self, held: &Held, now: Instant) -> bool {
        let mut is_kept = true;
        for line in 0..self.lines.len() {
            is_kept &= self.keep_for(line, held, now);
        }
        is_kept
    }

    fn keep_for(&mut self, at: usize, held: &Held, now: Instant) -> bool {
        let Self { lines, own, limits, closed_books, .. } = self;
        let Some(line) = lines.get_mut(at).filter(|_| closed_books.is_none()) else {
            return true;
        };
        if !held.is_on_disk {
            line.unspooled += length(&held.spans);
            // What is on disk makes room for what is not.
            while !line.has_room(&held.chunk, limits) {
                let Some(other) = line.remove_on_disk(|other| own.has(&other.spans)) else {
                    break;
                };
                if let Some(mark) = own.mark_mut(at) {
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
        } else if !held.is_on_disk {
            mark.finish(&held.spans);
            line.drop_own(DropReason::QueueFull, length(&held.spans));
        }
        has_room || held.is_on_disk
    }

    /// When to see whether the disk has to be passed by, if there is something that it is to write.
    pub(super) fn stalls_at(&self, now: Instant) -> Option<Instant> {
        match &self.writing {
            Some(writing) => Some(after(writing.since, STALL)).filter(|stall| *stall > now),
            None if self.arriving.is_empty() => None,
            None => Some(after(now, STALL)),
        }
    }

    /// If the disk hangs, all that it was to have goes on in memory only; `None` if it does not, or false if some of
    /// it had to be dropped.
    pub(super) fn pass_disk_by(&mut self, now: Instant) -> Option<bool> {
        let writing = self.writing.as_mut().filter(|writing| now >= after(writing.since, STALL))?;
        if writing.is_passed_by && self.arriving.is_empty() {
            return None;
        }
        writing.is_passed_by = true;
        let mut is_kept = true;
        for held in std::mem::take(&mut writing.held) {
            is_kept &= self.keep(&held, now);
        }
        while let Some(item) = self.arriving.pop_front() {
            if let Some(held) = self.take_arrived(item, now) {
                is_kept &= self.keep(&held, now);
            }
        }
        Some(is_kept)
    }

    /// Numbers what has arrived; what was asked behind all before it comes into force.
    pub(super) fn take_arrived(&mut self, item: Arriving, now: Instant) -> Option<Held> {
        match item {
            Arriving::Chunk(chunk) => {
                self.arriving_spans -= chunk.len();
                self.arriving_bytes -= chunk.bytes();
                let spans = self.number(chunk.len());
                return Some(Held { chunk, spans, is_on_disk: false });
            }
            Arriving::Flush(completion, deadline) => self.add_goals(&completion, deadline, now),
            Arriving::Shutdown(completion, deadline) => self.closing = Some((completion, deadline)),
        }
        None
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
                chores.finished = self.take_finished(now);
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

    pub(super) fn take_finished(&mut self, now: Instant) -> Vec<Shelf> {
        let finished: Vec<_> = self.found.extract_if(.., |shelf| shelf.is_done_with()).collect();
        for shelf in finished.iter().filter(|shelf| !shelf.is_empty()) {
            // For exporters that are not ours, or to be read later.
            shelf.home.iter().for_each(|home| self.leave_alone(home.path(), shelf.unread > 0, now));
        }
        finished
    }

    pub(super) fn leave_alone(&mut self, path: &Path, is_unread: bool, now: Instant) {
        let look_again = after(now, if is_unread { UNREAD_PAUSE } else { RESPITE });
        match self.left_alone.iter_mut().find(|known| known.path == path) {
            Some(known) => known.look_again = look_again,
            None => self.left_alone.push(LeftAlone { path: path.to_owned(), since: now, look_again }),
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
        self.writing = None;
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
