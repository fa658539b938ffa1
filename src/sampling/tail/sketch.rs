//! How long something usually takes (floor 3), in a kilobyte whatever there is to see.
//!
//! Counts by duration, 16 bins for each doubling, so that a bin is at most 6.25 % wide. Once
//! [`WINDOW`] durations have been counted all counts are halved: what is usual now weighs more than what was.

use std::time::Duration;

const BINS: usize = 512;
/// Of the bins within a doubling, as a power of two.
const SUB_BITS: u32 = 4;
/// All durations below 2¹⁰ ns, a microsecond, are in the first bin; from 2⁴² ns, 73 minutes, in the last.
const FIRST_BIT: u32 = 10;
/// Fits a bin, also if all of them are in one.
const WINDOW: u32 = 8_192;

pub(super) struct Sketch {
    counts: Box<[u16; BINS]>,
    total: u32,
}

impl Sketch {
    pub(super) fn new() -> Self {
        Self { counts: Box::new([0; BINS]), total: 0 }
    }

    pub(super) const fn total(&self) -> u32 {
        self.total
    }

    pub(super) fn add(&mut self, duration: Duration) {
        if self.total >= WINDOW {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().copied().map(u32::from).sum();
        }
        if let Some(count) = self.counts.get_mut(bin(duration)) {
            *count += 1;
            self.total += 1;
        }
    }

    /// Is the duration above this percentile of what has been counted, by a bin or more?
    pub(super) fn is_above(&self, duration: Duration, percentile: f64) -> bool {
        let rank = f64::from(self.total) * percentile / 100.0;
        let below: u32 = self.counts.iter().take(bin(duration)).copied().map(u32::from).sum();
        f64::from(below) >= rank
    }
}

fn bin(duration: Duration) -> usize {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let Some(doublings) = nanos.checked_ilog2().and_then(|bit| bit.checked_sub(FIRST_BIT)) else {
        return 0;
    };
    let sub = nanos >> (doublings + FIRST_BIT - SUB_BITS) & ((1 << SUB_BITS) - 1);
    // 54 doublings, at most.
    let bin = (doublings << SUB_BITS) as usize + sub as usize + 1;
    bin.min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_rise_and_are_narrow() {
        let mut last = 0;
        for micros in 1..200_000_u64 {
            let this = bin(Duration::from_micros(micros));
            assert!(this == last || this == last + 1 || micros < 32, "{micros} µs: {last}, {this}");
            assert_ne!(bin(Duration::from_nanos(micros * 1_070)), this, "7 % are another bin");
            last = this;
        }
        assert_eq!((bin(Duration::ZERO), bin(Duration::MAX)), (0, BINS - 1));
        assert_eq!(bin(Duration::from_nanos(1_023)), 0);
    }

    #[test]
    fn what_is_above_follows_what_is_usual() {
        let mut sketch = Sketch::new();
        for millis in 1..=1_000 {
            sketch.add(Duration::from_millis(millis));
        }
        assert!(sketch.is_above(Duration::from_millis(1_000 * 107 / 100), 99.0));
        assert!(!sketch.is_above(Duration::from_millis(900), 99.0));
        assert!(sketch.is_above(Duration::from_millis(550), 50.0));
        assert!(!sketch.is_above(Duration::from_millis(450), 50.0));
        // Everything gets ten times as slow.
        for _ in 0..10 {
            for millis in (10..=10_000).step_by(10) {
                sketch.add(Duration::from_millis(millis));
            }
        }
        assert!(!sketch.is_above(Duration::from_millis(4_000), 50.0));
        assert!(sketch.is_above(Duration::from_millis(6_000), 50.0));
    }

    #[test]
    fn what_is_always_the_same_is_never_above() {
        let mut sketch = Sketch::new();
        for round in 0..100_000_u64 {
            let duration = Duration::from_micros(5_000 + round % 7);
            assert!(round == 0 || !sketch.is_above(duration, 99.0), "{round}");
            sketch.add(duration);
            assert!(sketch.total() <= WINDOW);
        }
    }

    proptest::proptest! {
        /// Never more than the share above the percentile, and what is clearly above is found.
        #[test]
        fn against_the_exact_percentile(
            mut micros in proptest::collection::vec(2..10_000_000_u64, 200..2_000),
            percentile in 50.0..99.9_f64,
        ) {
            let mut sketch = Sketch::new();
            micros.iter().for_each(|micros| sketch.add(Duration::from_micros(*micros)));
            let is_above = |micros: u64| sketch.is_above(Duration::from_micros(micros), percentile);
            let above = micros.iter().filter(|micros| is_above(**micros)).count();
            proptest::prop_assert!(above as f64 <= micros.len() as f64 * (1.0 - percentile / 100.0) + 1e-6);
            micros.sort_unstable();
            let rank = (micros.len() as f64 * percentile / 100.0).ceil() as usize;
            let exact = micros[rank.clamp(1, micros.len()) - 1];
            proptest::prop_assert!(is_above(exact + exact * 7 / 100 + 1));
            proptest::prop_assert!(!is_above(exact));
        }
    }
}
