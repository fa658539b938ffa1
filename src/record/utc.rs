//! UTC as a text (floor 2): RFC 3339 from Unix nanoseconds, without a date crate.
//!
//! Only what 64 bits of nanoseconds can say: 1970 to 2554. No time zones, no leap seconds (Unix time
//! has none), no parsing: the integer beside the text is what is read back.

use std::fmt;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// A UTC time that prints as `2026-11-21T15:04:05.123456789Z` [RFC 3339, 5.6].
///
/// A precision shortens the fraction: `{:.3}` prints milliseconds. Digits are cut, never rounded up
/// into the next second.
#[derive(Clone, Copy)]
pub(crate) struct Rfc3339(pub(crate) u64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / NANOS_PER_SECOND;
        let (year, month, day) = civil_date(seconds / SECONDS_PER_DAY);
        let second_of_day = seconds % SECONDS_PER_DAY;
        let (hour, minute, second) = (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;

        let digits = f.precision().unwrap_or(9).min(9);
        if digits > 0 {
            let fraction = self.0 % NANOS_PER_SECOND / 10_u64.pow(9 - digits as u32);
            write!(f, ".{fraction:0digits$}")?;
        }
        f.write_str("Z")
    }
}

/// Year, month (from 1) and day (from 1) of a day counted from 1970-01-01, in the Gregorian calendar.
fn civil_date(days_since_1970: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    let day = days_before(1970) + days_since_1970;

    // A year's mean length puts the guess at most one off: no year starts two days away from its mean.
    let mut year = 1970 + days_since_1970 * 400 / DAYS_IN_400_YEARS;
    if days_before(year) > day {
        year -= 1;
    } else if days_before(year + 1) <= day {
        year += 1;
    }

    let is_leap = days_before(year + 1) - days_before(year) == 366;
    let february = if is_leap { 29 } else { 28 };
    let mut day_of_month = day - days_before(year);
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day_of_month < length {
            break;
        }
        day_of_month -= length;
        month += 1;
    }
    (year, month, day_of_month + 1)
}

/// The days from 0001-01-01 to the first of January of `year`, which is at least 1.
const fn days_before(year: u64) -> u64 {
    let years = year - 1;
    years * 365 + years / 4 - years / 100 + years / 400
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::{OffsetDateTime, format_description::well_known::Rfc3339 as Known};

    #[test]
    fn the_first_and_the_last_nanosecond() {
        assert_eq!(Rfc3339(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Rfc3339(u64::MAX).to_string(), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn a_precision_cuts_the_fraction() {
        let almost_noon = Rfc3339(43_199_999_999_999);
        assert_eq!(format!("{almost_noon:.3}"), "1970-01-01T11:59:59.999Z");
        assert_eq!(format!("{almost_noon:.0}"), "1970-01-01T11:59:59Z");
    }

    #[test]
    fn each_day_agrees_with_the_time_crate() {
        let last_day = u64::MAX / NANOS_PER_SECOND / SECONDS_PER_DAY;
        for day in 0..=last_day {
            let known = OffsetDateTime::from_unix_timestamp((day * SECONDS_PER_DAY) as i64).unwrap();
            let known = (known.year() as u64, u64::from(u8::from(known.month())), u64::from(known.day()));
            assert_eq!(civil_date(day), known, "day {day}");
        }
    }

    proptest! {
        #[test]
        fn each_time_is_read_back_by_the_time_crate(nanos: u64) {
            let read = OffsetDateTime::parse(&Rfc3339(nanos).to_string(), &Known).unwrap();
            prop_assert_eq!(read.unix_timestamp_nanos(), i128::from(nanos));
        }
    }
}
