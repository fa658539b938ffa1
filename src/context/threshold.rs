//! How likely a trace was to be kept, as 56 bits (floor 1): the arithmetic of OpenTelemetry's consistent
//! probability sampling, and its text form. Knows nothing of where the text stands.

use std::{fmt, str::FromStr};

/// Different values of a trace's randomness: as many traces, at most, does one that was kept stand for.
const VALUES: u64 = 1 << 56;
/// Hex digits of 56 bits.
const DIGITS: u32 = 14;
/// Digits of a threshold that is made from a probability, beyond those that only say how small that is, or
/// how close to 1 [OpenTelemetry, Probability Sampling, converting floating-point probability].
const PRECISION: u32 = 4;

/// Of the values that a trace's 56 random bits can have, the smallest that is kept: `th` of the `ot` entry
/// in a tracestate.
///
/// Whoever compares the same random bits with the same threshold comes to the same decision, and whoever
/// has a higher one keeps fewer of the same traces [OpenTelemetry, TraceState: Probability Sampling].
///
/// Written as up to 14 lowercase hex digits without the zeros at the end, so that `c` is 0.25.
///
/// ```
/// use throughline::sampling::Threshold;
///
/// let tenth = Threshold::from_probability(0.1).unwrap();
/// assert_eq!(tenth.to_string(), "e666");
/// assert_eq!("c".parse::<Threshold>()?.probability(), 0.25);
/// assert_eq!("c".parse::<Threshold>()?.adjusted_count(), 4.0);
/// # Ok::<(), throughline::sampling::InvalidThreshold>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(
    /// Below `VALUES`: of a threshold that lets nothing through the specification knows nothing.
    u64,
);

/// Text that is no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sampling threshold is 1 to 14 lowercase hex digits")]
pub struct InvalidThreshold;

impl Threshold {
    /// Keeps every trace.
    pub const ALWAYS: Self = Self(0);

    /// Keeps a trace with this probability, so that the text stays short: what is kept and what is not, both
    /// are rounded to 4 significant hex digits or more. `None` if it is not above 0 and at most 1; below
    /// 2⁻⁵⁶ it is 2⁻⁵⁶.
    pub fn from_probability(probability: f64) -> Option<Self> {
        if !(probability > 0.0 && probability <= 1.0) {
            return None;
        }
        // A power of two: the product is exact.
        let kept = (probability * VALUES as f64).round() as u64;
        let exact = VALUES - kept.clamp(1, VALUES);
        // Leading `f`s say how small the probability is, leading zeros how close to 1; what follows says it
        // precisely.
        let leading = leading_zero_digits(kept).max(leading_zero_digits(exact));
        let spare_bits = 4 * DIGITS.saturating_sub(PRECISION + leading);
        let half = (1 << spare_bits) >> 1;
        Some(Self(((exact + half) >> spare_bits << spare_bits).min(VALUES - 1)))
    }

    /// Is a trace with these 56 random bits kept?
    pub const fn keeps(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// How likely a trace is to be kept: above 0, at most 1.
    pub fn probability(self) -> f64 {
        (VALUES - self.0) as f64 / VALUES as f64
    }

    /// How many traces one that was kept stands for: 1 or more.
    pub fn adjusted_count(self) -> f64 {
        VALUES as f64 / (VALUES - self.0) as f64
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let zeros = self.0.trailing_zeros() / 4;
        write!(f, "{:0width$x}", self.0 >> (4 * zeros), width = (DIGITS - zeros) as usize)
    }
}

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let value = lower_hex(text).ok_or(InvalidThreshold)?;
        let missing = DIGITS - text.len() as u32;
        Ok(Self(value << (4 * missing)))
    }
}

/// Of `DIGITS`.
fn leading_zero_digits(value: u64) -> u32 {
    value.max(1).leading_zeros().saturating_sub(VALUES.leading_zeros() + 1) / 4
}

/// The 56 random bits of an `rv`: exactly 14 digits.
pub(super) fn parse_randomness(text: &str) -> Option<u64> {
    lower_hex(text).filter(|_| text.len() == DIGITS as usize)
}

/// 1 to 14 lowercase hex digits. `from_str_radix` would take a sign and capitals as well.
fn lower_hex(text: &str) -> Option<u64> {
    if !(1..=DIGITS as usize).contains(&text.len()) {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| match byte {
        b'0'..=b'9' => Some(value << 4 | u64::from(byte - b'0')),
        b'a'..=b'f' => Some(value << 4 | u64::from(byte - b'a' + 10)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the specification, in its column of 4 digits.
    #[test]
    fn thresholds_are_the_specification_s() {
        let table = [
            (1.0, "0"),
            (1.0 / 2.0, "8"),
            (1.0 / 3.0, "aaab"),
            (1.0 / 4.0, "c"),
            (1.0 / 5.0, "cccd"),
            (1.0 / 8.0, "e"),
            (1.0 / 10.0, "e666"),
            (1.0 / 16.0, "f"),
            (1.0 / 100.0, "fd70a"),
            (1.0 / 1_000.0, "ffbe77"),
            (1.0 / 10_000.0, "fff9724"),
            (1.0 / 100_000.0, "ffff583a"),
            (1.0 / 1_000_000.0, "ffffef39"),
            // The same from the other end.
            (0.9, "199a"),
            (0.95, "0cccd"),
            (0.99, "028f6"),
            (0.9999, "00068dc"),
            (0.999_99, "0000a7c6"),
            (0.999_999, "000010c7"),
        ];
        for (probability, text) in table {
            let threshold = Threshold::from_probability(probability).unwrap();
            assert_eq!(threshold.to_string(), text, "{probability}");
            assert!((threshold.probability() / probability - 1.0).abs() < 1e-3, "{probability}");
            assert!((threshold.adjusted_count() * probability - 1.0).abs() < 1e-3, "{probability}");
            let left_out = 1.0 - probability;
            assert!((1.0 - threshold.probability() - left_out).abs() <= left_out * 1e-3, "{probability}");
        }
    }

    #[test]
    fn the_smallest_probability_is_one_in_all_values() {
        for probability in [2_f64.powi(-56), 1e-30, f64::MIN_POSITIVE] {
            let threshold = Threshold::from_probability(probability).unwrap();
            assert_eq!(threshold.to_string(), "ffffffffffffff");
            assert_eq!(threshold.adjusted_count(), 2_f64.powi(56));
        }
        for none in [0.0, -0.1, 1.000_001, f64::NAN, f64::INFINITY] {
            assert_eq!(Threshold::from_probability(none), None, "{none}");
        }
    }

    #[test]
    fn only_what_the_specification_writes_is_read() {
        for (text, value) in [("0", 0), ("8", 1 << 55), ("00000000000001", 1), ("0000", 0)] {
            assert_eq!(text.parse(), Ok(Threshold(value)), "{text}");
        }
        for text in ["", "C", "+8", "-8", " 8", "8 ", "0x8", "g", "000000000000000", "é"] {
            assert_eq!(text.parse::<Threshold>(), Err(InvalidThreshold), "{text:?}");
        }
        assert_eq!(parse_randomness("6e6d1a75832a2f"), Some(0x6e_6d1a_7583_2a2f));
        for text in ["6e6d1a75832a2", "6e6d1a75832a2f0", "6E6D1A75832A2F", ""] {
            assert_eq!(parse_randomness(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_threshold_is_read_as_written(value in 0..VALUES) {
            proptest::prop_assert_eq!(Threshold(value).to_string().parse(), Ok(Threshold(value)));
        }

        /// A service with a higher ratio keeps whatever one with a lower ratio keeps.
        #[test]
        fn a_higher_probability_never_has_a_higher_threshold(one in 0.0..1.0_f64, other in 0.0..1.0_f64) {
            let (low, high) = (one.min(other), one.max(other));
            let thresholds = Threshold::from_probability(low).zip(Threshold::from_probability(high));
            proptest::prop_assert!(thresholds.is_none_or(|(low, high)| low >= high));
        }
    }
}
