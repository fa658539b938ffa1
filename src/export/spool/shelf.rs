//! What lies in one directory of the spool, and who has been delivered what of it (floor 3). Bookkeeping
//! only: no I/O. Held under the spool's lock.

use super::{home::Home, mark::Mark, ranges::Ranges, segment::Header};
use crate::{clock::after, record::Resource};
use std::{
    collections::VecDeque,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// What is found is kept for so long at least. How old it is only the wall clock tells, which may have been set
/// since, by years where a machine starts in 1970.
pub(super) const RESPITE: Duration = Duration::from_secs(60 * 60);

/// A file of records.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// The numbers of its spans: without gaps, but for damage.
    pub(super) spans: Range<u64>,
    /// As far as it has been written.
    pub(super) bytes: u64,
    /// Its age when it was found.
    pub(super) age_then: Duration,
    pub(super) since: Instant,
    /// It could not be read the last time.
    pub(super) unread: Option<Unread>,
}

/// A file is left alone for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    pub(super) until: Instant,
    pause: Duration,
}

/// How long a file is left alone that could not be read: doubling from the one to the other. It is given up for
/// nothing but its age, or to make room: that a process is out of file handles is not the file's fault.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

impl Segment {
    /// Is it, and has it been known for long enough for that to count?
    fn is_older_than(&self, age: Duration, now: Instant) -> bool {
        let known = now.saturating_duration_since(self.since);
        is_past(age, self.age_then.saturating_add(known), known)
    }

    /// It could not be read.
    pub(super) fn leave_unread(&mut self, now: Instant) {
        let pause = self.unread.map_or(FIRST_PAUSE, |unread| LAST_PAUSE.min(unread.pause * 2));
        self.unread = Some(Unread { until: after(now, pause), pause });
    }

    fn may_be_read(&self, now: Instant) -> bool {
        self.unread.is_none_or(|unread| unread.until <= now)
    }
}

/// Is something so old, of this age, that has been known for this long?
pub(super) fn is_past(most: Duration, age: Duration, known: Duration) -> bool {
    known >= most.min(RESPITE) && age > most
}

/// A part of a segment to be read.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) shelf: u64,
    pub(super) resource: Arc<Resource>,
    pub(super) segment: Segment,
    pub(super) range: Range<u64>,
}

/// Of the process itself.
pub(super) const OWN: u64 = 0;

/// One directory.
#[derive(Debug)]
pub(super) struct Shelf {
    /// [`OWN`], or the number under which it has been adopted.
    pub(super) id: u64,
    pub(super) home: Option<Arc<Home>>,
    pub(super) resource: Arc<Resource>,
    /// Oldest first.
    pub(super) segments: VecDeque<Segment>,
    /// One for each exporter; `None` where it never was to have these.
    pub(super) marks: Vec<Option<Mark>>,
    /// What exporters have been delivered that are not among ours. They may come back.
    pub(super) strangers: Vec<Ranges>,
    /// Files in it that could not be read when it was found, so that nothing is known of them.
    pub(super) unread: usize,
}

/// What was taken out to make room.
pub(super) struct Discarded {
    pub(super) path: PathBuf,
    /// By exporter: spans it will not have.
    pub(super) lost: Vec<u64>,
}

impl Shelf {
    pub(super) fn mark(&self, line: usize) -> Option<&Mark> {
        self.marks.get(line)?.as_ref()
    }

    pub(super) fn mark_mut(&mut self, line: usize) -> Option<&mut Mark> {
        self.marks.get_mut(line)?.as_mut()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many spans on disk an exporter has yet to be delivered.
    pub(super) fn left_for(&self, line: usize) -> u64 {
        let Some(mark) = self.mark(line) else {
            return 0;
        };
        let left = |spans: &Range<u64>| length(spans) - mark.done.count(spans);
        self.segments.iter().map(|segment| left(&segment.spans)).sum()
    }

    /// Is all of this on disk?
    pub(super) fn has(&self, range: &Range<u64>) -> bool {
        let on_disk: u64 = self.parts_on_disk(range).map(|part| length(&part)).sum();
        on_disk == length(range)
    }

    fn parts_on_disk(&self, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let parts = self.segments.iter().map(|segment| {
            let spans = &segment.spans;
            spans.start.max(range.start)..spans.end.min(range.end)
        });
        parts.filter(|part| part.start < part.end)
    }

    /// What an exporter that has nothing else to do is to read, oldest first, of what has not failed.
    pub(super) fn next_for(&self, line: usize, most: usize, now: Instant) -> Option<Wanted> {
        let mark = self.mark(line)?;
        let mut readable = self.segments.iter().filter(|segment| segment.may_be_read(now));
        readable.find_map(|segment| Some(self.want(segment, mark.next_of(&segment.spans, most as u64)?)))
    }

    /// The same of what has failed: what has been left alone for longest, and since which failure.
    pub(super) fn next_trouble_for(&self, line: usize, most: usize, now: Instant) -> Option<(u64, Wanted)> {
        let mark = self.mark(line)?;
        let readable = self.segments.iter().filter(|segment| segment.may_be_read(now));
        let troubles = readable.filter_map(|segment| {
            let (failure, range) = mark.next_trouble_of(&segment.spans, most as u64)?;
            Some((failure, segment, range))
        });
        let (failure, segment, range) = troubles.min_by_key(|(failure, ..)| *failure)?;
        Some((failure, self.want(segment, range)))
    }

    fn want(&self, segment: &Segment, range: Range<u64>) -> Wanted {
        Wanted { shelf: self.id, resource: self.resource.clone(), segment: segment.clone(), range }
    }

    /// When an exporter may try again what could not be read, if there is any.
    pub(super) fn unread_until(&self, line: usize, now: Instant) -> Option<Instant> {
        let mark = self.mark(line)?;
        let is_wanted = |segment: &&Segment| !mark.done.covers(&segment.spans);
        let unread = self.segments.iter().filter(is_wanted).filter_map(|segment| Some(segment.unread?.until));
        unread.filter(|until| *until > now).min()
    }

    /// Takes out the segments that everybody has been delivered, but not the last of the process itself,
    /// which is being written.
    pub(super) fn reap(&mut self) -> Vec<PathBuf> {
        let Self { segments, marks, strangers, id, .. } = self;
        let last = if *id == OWN { segments.back().map(|last| last.spans.start) } else { None };
        let mut reaped = Vec::new();
        segments.retain(|segment| {
            let ours = marks.iter().flatten().all(|mark| mark.done.covers(&segment.spans));
            let is_delivered = ours && strangers.iter().all(|done| done.covers(&segment.spans));
            let stays = !is_delivered || Some(segment.spans.start) == last;
            if !stays {
                reaped.push(segment.path.clone());
            }
            stays
        });
        reaped
    }

    /// Takes out the oldest segment. What an exporter has in hand of it, it may still deliver.
    pub(super) fn discard_oldest(&mut self) -> Option<Discarded> {
        let Segment { path, spans, .. } = self.segments.pop_front()?;
        let mut discard = |mark: &mut Option<Mark>| {
            let Some(mark) = mark else {
                return 0;
            };
            let mut lost = Ranges::default();
            lost.insert(spans.clone());
            mark.done.iter().chain(mark.held.iter()).for_each(|kept| lost.remove(kept));
            lost.iter().for_each(|range| mark.finish(range));
            lost.iter().map(length).sum()
        };
        Some(Discarded { lost: self.marks.iter_mut().map(&mut discard).collect(), path })
    }

    pub(super) fn oldest_is_older_than(&self, age: Duration, now: Instant) -> bool {
        self.segments.front().is_some_and(|segment| segment.is_older_than(age, now))
    }

    pub(super) fn newest_is_older_than(&self, age: Duration, now: Instant) -> bool {
        self.segments.back().is_some_and(|segment| segment.is_older_than(age, now))
    }

    /// Is there nothing in it for anybody?
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.unread == 0
    }

    /// Has every exporter of ours been delivered all there is, with nothing in hand?
    pub(super) fn is_done_with(&self) -> bool {
        let hands_are_empty = self.marks.iter().flatten().all(|mark| mark.held.iter().len() == 0);
        hands_are_empty && (0..self.marks.len()).all(|line| self.left_for(line) == 0)
    }
}

/// How many numbers there are.
pub(super) const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_too_old_no_sooner_than_it_has_been_known_for_an_hour() {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let since = Instant::now();
        // Its age when it was found, the bound, and how long after that it is too old.
        for (age_then, most, expected) in [
            (Duration::ZERO, HOUR * 24, HOUR * 24),
            (HOUR * 5, HOUR * 24, HOUR * 19),
            (HOUR * 23, HOUR * 24, HOUR),
            (HOUR * 25, HOUR * 24, HOUR),
            (HOUR * 24 * 365 * 56, HOUR * 24, HOUR),
            (Duration::MAX, HOUR * 24, HOUR),
            (HOUR * 5, HOUR / 2, HOUR / 2),
        ] {
            let segment = Segment {
                path: PathBuf::new(),
                header: Header { first: 0, created: 0, salt: 0 },
                spans: 0..1,
                bytes: 0,
                age_then,
                since,
                unread: None,
            };
            let tick = Duration::from_nanos(1);
            assert!(!segment.is_older_than(most, since + expected - tick), "{age_then:?} of {most:?}");
            assert!(segment.is_older_than(most, since + expected + tick), "{age_then:?} of {most:?}");
        }
    }
}
