//! Sets of sequence numbers (floor 3), kept as few sorted ranges. Pure.
//!
//! What an exporter has been delivered is nearly always one or two ranges: the backlog up to here, and what
//! came live since.

use std::ops::Range;

/// Sorted, disjoint and not touching; none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|known| known.end < range.start);
        let to = self.0.partition_point(|known| known.start <= range.end);
        let touched = self.0.get(from..to).unwrap_or_default();
        let start = touched.first().map_or(range.start, |first| first.start.min(range.start));
        let end = touched.last().map_or(range.end, |last| last.end.max(range.end));
        self.0.splice(from..to.max(from), std::iter::once(start..end));
    }

    pub(super) fn remove(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|known| known.end <= range.start);
        let to = self.0.partition_point(|known| known.start < range.end).max(from);
        let touched = self.0.get(from..to).unwrap_or_default();
        let before = touched.first().map(|first| first.start..range.start);
        let after = touched.last().map(|last| range.end..last.end);
        let left: Vec<_> = before.into_iter().chain(after).filter(|left| !left.is_empty()).collect();
        self.0.splice(from..to, left);
    }

    /// How many of these numbers are in the set.
    pub(super) fn count(&self, within: &Range<u64>) -> u64 {
        self.touching(within)
            .map(|known| known.end.min(within.end).saturating_sub(known.start.max(within.start)))
            .sum()
    }

    pub(super) fn covers(&self, within: &Range<u64>) -> bool {
        self.count(within) == within.end.saturating_sub(within.start)
    }

    /// The range that has this number.
    pub(super) fn around(&self, number: u64) -> Option<&Range<u64>> {
        self.0.get(self.0.partition_point(|known| known.end <= number)).filter(|known| known.start <= number)
    }

    /// The first number of the set from this one on.
    pub(super) fn next_from(&self, number: u64) -> Option<u64> {
        let known = self.0.get(self.0.partition_point(|known| known.end <= number))?;
        Some(known.start.max(number))
    }

    /// The ranges that have a number in common with `within`, or lie inside of it.
    fn touching<'a>(&'a self, within: &'a Range<u64>) -> impl Iterator<Item = &'a Range<u64>> {
        let from = self.0.partition_point(|known| known.end <= within.start);
        self.0.iter().skip(from).take_while(|known| known.start < within.end)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Range<u64>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Step {
        Insert(Range<u64>),
        Remove(Range<u64>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let range = || (0..60_u64, 0..12_u64).prop_map(|(start, length)| start..start + length);
        let step = prop_oneof![range().prop_map(Step::Insert), range().prop_map(Step::Remove)];
        proptest::collection::vec(step, 0..40)
    }

    proptest! {
        #[test]
        fn it_is_a_set_of_numbers(steps in steps(), asked in (0..60_u64, 0..60_u64)) {
            let (mut ranges, mut numbers) = (Ranges::default(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Insert(range) => {
                        numbers.extend(range.clone());
                        ranges.insert(range);
                    }
                    Step::Remove(range) => {
                        numbers.retain(|number| !range.contains(number));
                        ranges.remove(&range);
                    }
                }
                let all: Vec<u64> = ranges.iter().cloned().flatten().collect();
                prop_assert!(all.iter().eq(&numbers));
                let apart = ranges.0.windows(2).all(|pair| pair[0].end < pair[1].start);
                prop_assert!(apart && ranges.iter().all(|range| !range.is_empty()));
            }
            let asked = asked.0.min(asked.1)..asked.0.max(asked.1);
            prop_assert_eq!(ranges.count(&asked), numbers.range(asked.clone()).count() as u64);
            prop_assert_eq!(ranges.next_from(asked.start), numbers.range(asked.start..).next().copied());
            prop_assert_eq!(ranges.around(asked.end).is_some(), numbers.contains(&asked.end));
            prop_assert_eq!(ranges.covers(&asked), asked.clone().all(|number| numbers.contains(&number)));
        }
    }
}
