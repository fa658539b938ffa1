//! `Retry-After` (floor 3) [RFC 9110, 10.2.3]: whatever a server writes there, it is a bounded delay or
//! none.

use std::time::{Duration, SystemTime};
use ureq::http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

/// The longest delay taken from a server; the pipeline's own cap is shorter.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The delay that an answer asks for. A date is the server's; so is what it is compared with, where the answer says
/// when it was made: this machine's clock may be wrong.
pub(super) fn asked_for(headers: &HeaderMap) -> Option<Duration> {
    let made = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    parse(headers.get(RETRY_AFTER)?.as_bytes(), made.unwrap_or_else(SystemTime::now))
}

/// The delay of a header's value. `None` for what is neither seconds nor a date, and for a time that is
/// over: whoever sends again then does so by a policy of their own, with jitter.
fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let delay = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too large for the type is too long as well.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).ok()?
    };
    Some(delay.min(LONGEST)).filter(|delay| !delay.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1994-11-06 08:49:37 UTC.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    #[test]
    fn seconds_and_dates_are_read_and_capped() {
        let seconds = |text: &str| parse(text.as_bytes(), now()).map(|delay| delay.as_secs());
        for (text, expected) in [
            ("3", Some(3)),
            (" 120\t", Some(120)),
            ("0", None),
            ("1000000000", Some(3_600)),
            ("99999999999999999999999999", Some(3_600)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("Sun Nov  6 08:49:47 1994", Some(10)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:00:00 GMT", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(3_600)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1, 2", None),
            ("0x10", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_a_bounded_delay_or_none(value: Vec<u8>) {
            if let Some(delay) = parse(&value, now()) {
                prop_assert!(delay > Duration::ZERO && delay <= LONGEST);
            }
        }
    }
}
