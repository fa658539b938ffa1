//! One exporter's part of a shelf (floor 3): what is behind it, what it has in hand, what has failed and how
//! often. Pure bookkeeping, held under the spool's lock.

use super::ranges::Ranges;
use std::ops::Range;

/// One reader's part of a shelf.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// What is behind it: delivered, left out, or dropped.
    pub(super) done: Ranges,
    /// What it has in hand: in memory, to be delivered or put back.
    pub(super) held: Ranges,
    /// Disjoint; the one that failed last comes last.
    troubles: Vec<Trouble>,
}

/// A batch that has failed.
#[derive(Debug)]
struct Trouble {
    range: Range<u64>,
    strikes: u32,
    /// How many batches the exporter had delivered when it failed last.
    successes_then: u64,
    /// Which of the exporter's failures was its last.
    failure: u64,
}

/// Troubles remembered; of more, the oldest is forgotten and begins anew.
const MOST_TROUBLES: usize = 256;

/// A failure of a batch.
#[derive(Clone, Copy)]
pub(super) struct Strike {
    /// Which of the exporter's failures it is.
    pub(super) failure: u64,
    /// How many batches it has delivered until then.
    pub(super) successes: u64,
    /// It is the batch, and nothing else, that made the exporter fail.
    pub(super) is_at_fault: bool,
}

impl Mark {
    pub(super) fn of(done: Ranges) -> Self {
        Self { done, ..Self::default() }
    }

    /// Counts a failure of this batch, and says how many now tell against it. While the exporter succeeds
    /// with nothing at all, it is not the batch's fault, unless it is known to be.
    ///
    /// A part of a batch that failed is another batch and begins anew: what could not be read whole, or not be sent
    /// whole, may well succeed in parts.
    pub(super) fn strike(&mut self, range: &Range<u64>, strike: Strike) -> u32 {
        let Strike { failure, successes, is_at_fault } = strike;
        let known = self.troubles.iter().position(|trouble| trouble.range == *range);
        let strikes = match known.map(|at| self.troubles.remove(at)) {
            Some(known) => known.strikes + u32::from(is_at_fault || successes > known.successes_then),
            None => 1,
        };
        self.forget(range);
        if self.troubles.len() >= MOST_TROUBLES {
            self.troubles.remove(0);
        }
        self.troubles.push(Trouble { range: range.clone(), strikes, successes_then: successes, failure });
        strikes
    }

    /// Takes these out of all troubles.
    fn forget(&mut self, range: &Range<u64>) {
        for Trouble { range: known, .. } in &mut self.troubles {
            if known.start < range.start {
                known.end = known.end.min(range.start);
            } else {
                known.start = known.start.max(range.end);
            }
        }
        self.troubles.retain(|trouble| trouble.range.start < trouble.range.end);
    }

    /// These are behind it.
    pub(super) fn finish(&mut self, range: &Range<u64>) {
        self.held.remove(range);
        self.done.insert(range.clone());
        // What is left of a batch is another one.
        self.troubles.retain(|trouble| trouble.range.end <= range.start || trouble.range.start >= range.end);
    }

    /// The batch that failed and has this number in it, and which of the exporter's failures that was.
    pub(super) fn trouble_at(&self, number: u64) -> Option<(u64, Range<u64>)> {
        let trouble = self.troubles.iter().find(|trouble| trouble.range.contains(&number))?;
        Some((trouble.failure, trouble.range.clone()))
    }

    /// The part of `segment` to be read next, of at most so many spans, none of which has failed.
    pub(super) fn next_of(&self, segment: &Range<u64>, most: u64) -> Option<Range<u64>> {
        let mut start = segment.start;
        while let Some(end) =
            self.taken_until(start).or_else(|| self.trouble_at(start).map(|(_, range)| range.end))
        {
            start = end;
        }
        let trouble =
            self.troubles.iter().map(|trouble| trouble.range.start).filter(|next| *next > start).min();
        self.free_from(start, segment.end.min(trouble.unwrap_or(segment.end)), most)
    }

    /// The part of `segment` that is to be tried once more, of at most so many spans: what failed together comes
    /// together again, and alone. It is the one that has been left alone for longest, so that each has its turn.
    pub(super) fn next_trouble_of(&self, segment: &Range<u64>, most: u64) -> Option<(u64, Range<u64>)> {
        self.troubles.iter().find_map(|trouble| {
            let mut start = trouble.range.start.max(segment.start);
            while let Some(end) = self.taken_until(start) {
                start = end;
            }
            let free = self.free_from(start, trouble.range.end.min(segment.end), most)?;
            Some((trouble.failure, free))
        })
    }

    /// Where the range ends that has this number, of those that are not to be read.
    fn taken_until(&self, number: u64) -> Option<u64> {
        self.done.around(number).or_else(|| self.held.around(number)).map(|taken| taken.end)
    }

    fn free_from(&self, start: u64, end: u64, most: u64) -> Option<Range<u64>> {
        let mut end = end.min(start.saturating_add(most));
        for taken in [&self.done, &self.held] {
            end = taken.next_from(start).map_or(end, |next| end.min(next));
        }
        (start < end).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(failure: u64, successes: u64) -> Strike {
        Strike { failure, successes, is_at_fault: false }
    }

    #[test]
    fn only_what_fails_while_others_succeed_has_strikes() {
        let mut mark = Mark::default();
        assert_eq!(mark.strike(&(0..10), failure(1, 0)), 1);
        assert_eq!(mark.strike(&(0..10), failure(2, 0)), 1, "the backend is away");
        assert_eq!(mark.strike(&(0..10), failure(3, 4)), 2);
        assert_eq!(mark.strike(&(0..10), failure(4, 4)), 2);
        assert_eq!(mark.strike(&(0..10), Strike { is_at_fault: true, ..failure(5, 4) }), 3);
    }

    #[test]
    fn a_part_of_a_batch_is_another_one() {
        let mut mark = Mark::default();
        assert_eq!(mark.strike(&(0..10), failure(1, 0)), 1);
        assert_eq!(mark.strike(&(0..10), failure(2, 1)), 2);
        assert_eq!(mark.strike(&(0..4), failure(3, 2)), 1);
        assert_eq!(mark.trouble_at(3), Some((3, 0..4)));
        assert_eq!(mark.trouble_at(4), Some((2, 4..10)), "what was not in it keeps its place");
        mark.finish(&(4..10));
        assert_eq!(mark.trouble_at(4), None);
    }

    #[test]
    fn what_has_not_failed_comes_first_and_then_each_in_turn() {
        let mut mark = Mark::default();
        mark.strike(&(0..4), failure(1, 0));
        mark.strike(&(6..9), failure(2, 0));
        assert_eq!(mark.next_of(&(0..20), 100), Some(4..6));
        mark.finish(&(4..6));
        assert_eq!(mark.next_of(&(0..20), 5), Some(9..14));
        mark.finish(&(9..20));
        assert_eq!(mark.next_of(&(0..20), 5), None);
        assert_eq!(mark.next_trouble_of(&(0..20), 100), Some((1, 0..4)));
        mark.strike(&(0..4), failure(3, 0));
        assert_eq!(mark.next_trouble_of(&(0..20), 100), Some((2, 6..9)));
        mark.held.insert(6..9);
        assert_eq!(mark.next_trouble_of(&(0..20), 3), Some((3, 0..3)));
    }
}
