//! Durations as a person reads them (floor 3).

/// Three digits and a unit: `980 ns`, `12.3 µs`, `412 ms`, `1.26 s`, `2m 03s`, `1h 02m`, `3d 04h`.
///
/// Digits are cut, never rounded up: what took 999.9 ms did not take a second.
pub(super) fn duration(nanos: u64, ascii: bool) -> String {
    const MICRO: u64 = 1_000;
    const MILLI: u64 = 1_000 * MICRO;
    const SECOND: u64 = 1_000 * MILLI;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;

    match nanos {
        0 => "0".to_owned(),
        1..MICRO => format!("{nanos} ns"),
        MICRO..MILLI => format!("{} {}", three_digits(nanos, MICRO), if ascii { "us" } else { "µs" }),
        MILLI..SECOND => format!("{} ms", three_digits(nanos, MILLI)),
        SECOND..MINUTE => format!("{} s", three_digits(nanos, SECOND)),
        MINUTE..HOUR => format!("{}m {:02}s", nanos / MINUTE, nanos % MINUTE / SECOND),
        HOUR..DAY => format!("{}h {:02}m", nanos / HOUR, nanos % HOUR / MINUTE),
        DAY.. => format!("{}d {:02}h", nanos / DAY, nanos % DAY / HOUR),
    }
}

/// A number below a thousand units, with as many decimals as make three digits.
fn three_digits(nanos: u64, unit: u64) -> String {
    let whole = nanos / unit;
    let thousandths = nanos % unit * 1_000 / unit;
    match whole {
        0..10 => format!("{whole}.{:02}", thousandths / 10),
        10..100 => format!("{whole}.{}", thousandths / 100),
        100.. => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn three_digits_and_a_unit() {
        for (nanos, text) in [
            (0, "0"),
            (980, "980 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (999_999, "999 µs"),
            (1_050_000, "1.05 ms"),
            (412_900_000, "412 ms"),
            (1_268_000_000, "1.26 s"),
            (59_999_999_999, "59.9 s"),
            (123_000_000_000, "2m 03s"),
            (3_720_000_000_000, "1h 02m"),
            (u64::MAX, "213503d 23h"),
        ] {
            assert_eq!(duration(nanos, false), text);
        }
        assert_eq!(duration(1_500, true), "1.50 us");
    }
}
