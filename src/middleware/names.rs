//! Texts that come again and again, put together once (floor 5): a span's name of a method and a route, one's
//! own service's name.
//!
//! Such a text is as good as a literal: it is made once in the life of the process, and kept. At most 512 are,
//! of at most 256 bytes each; further ones, which a route that is a path would make, are put together anew each
//! time. No lock is taken to find one.

use bytes::Bytes;
use http::HeaderValue;
use std::{borrow::Cow, sync::OnceLock};

const PLACES: usize = 512;
/// How many places a text may have.
const TRIES: usize = 4;
const MOST_BYTES: usize = 256;

static TEXTS: [OnceLock<Box<str>>; PLACES] = [const { OnceLock::new() }; PLACES];

/// A span's name.
pub(super) fn of_route(method: &str, route: &str) -> Cow<'static, str> {
    kept([method, " ", route])
}

/// A text as a header's value, whose copies need not be counted; `None` if it cannot be one.
pub(super) fn value(text: &str) -> Option<HeaderValue> {
    match kept([text, "", ""]) {
        Cow::Borrowed(text) => HeaderValue::from_maybe_shared(Bytes::from_static(text.as_bytes())).ok(),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

/// The parts in one.
#[inline(always)]
fn kept(parts: [&str; 3]) -> Cow<'static, str> {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    if bytes <= MOST_BYTES {
        let start = sketch(parts);
        for place in (start..start + TRIES).filter_map(|place| TEXTS.get(place % PLACES)) {
            let known = place.get_or_init(|| parts.concat().into());
            if known.len() == bytes && are_parts_of(parts, known) {
                return Cow::Borrowed(known);
            }
        }
    }
    Cow::Owned(parts.concat())
}

#[inline(always)]
fn are_parts_of([first, second, third]: [&str; 3], whole: &str) -> bool {
    let rest = whole.strip_prefix(first).and_then(|rest| rest.strip_prefix(second));
    rest == Some(third)
}

/// A cheap hash: routes differ in their lengths or about their ends, methods in their lengths or beginnings.
fn sketch([first, _, third]: [&str; 3]) -> usize {
    let bytes = third.as_bytes();
    let at = |place: usize| bytes.get(place).copied().map_or(0, usize::from);
    let length = bytes.len();
    let ends = at(length.wrapping_sub(1)) ^ at(length.wrapping_sub(2)) << 2 ^ at(length / 2) << 4;
    let start = first.len() ^ first.bytes().next().map_or(0, usize::from) << 1;
    length * 37 + ends * 13 + start * 101
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_together_once() {
        let (one, other) = (of_route("GET", "/once/{id}"), of_route("GET", "/once/{id}"));
        assert_eq!(one, "GET /once/{id}");
        let are_one = match (&one, &other) {
            (Cow::Borrowed(one), Cow::Borrowed(other)) => std::ptr::eq(*one, *other),
            _ => false,
        };
        assert!(are_one);
    }

    #[test]
    fn names_are_told_apart() {
        for (method, route) in [("GET", "a b"), ("GET a", "b"), ("GET", "a  b"), ("GET", ""), ("", "GET")] {
            assert_eq!(of_route(method, route), format!("{method} {route}"));
        }
        assert_eq!(value("orders").unwrap(), "orders");
        assert_eq!(value("a\nb"), None);
    }

    #[test]
    fn a_full_table_takes_no_more_and_stays_right() {
        for number in 0..5 * PLACES {
            let route = format!("/full/{number}");
            assert_eq!(of_route("GET", &route), format!("GET {route}"));
        }
        let long = "/".repeat(MOST_BYTES);
        assert!(matches!(of_route("GET", &long), Cow::Owned(_)));
    }
}
