//! Names that come again and again, put together once (floor 5): of spans, from a method and a route.
//!
//! Such a name is as good as a literal: it is made once in the life of the process, and kept. At most 512 are,
//! of at most 256 bytes each; further ones, which a route that is a path would make, are put together anew each
//! time. No lock is taken to find one.

use bytes::Bytes;
use http::HeaderValue;
use std::{borrow::Cow, sync::OnceLock};

/// A power of two.
const PLACES: usize = 512;
/// How many places a name may have.
const TRIES: usize = 4;
const MOST_BYTES: usize = 256;

static NAMES: [OnceLock<Box<str>>; PLACES] = [const { OnceLock::new() }; PLACES];

/// A service's name as a header's value, which is shared without being counted.
pub(super) fn value(name: &str) -> Option<HeaderValue> {
    match joined(name, "") {
        Cow::Borrowed(name) => HeaderValue::from_maybe_shared(Bytes::from_static(name.trim_end().as_bytes())),
        Cow::Owned(name) => HeaderValue::from_str(name.trim_end()),
    }
    .ok()
}

/// The two texts, with a space between them.
pub(super) fn joined(first: &str, second: &str) -> Cow<'static, str> {
    if first.len() + second.len() < MOST_BYTES {
        let start = sketch(first, second);
        for place in (start..start + TRIES).filter_map(|place| NAMES.get(place % PLACES)) {
            let known = place.get_or_init(|| put_together(first, second).into());
            if is_joined(known, first, second) {
                return Cow::Borrowed(known);
            }
        }
    }
    Cow::Owned(put_together(first, second))
}

fn put_together(first: &str, second: &str) -> String {
    [first, " ", second].concat()
}

fn is_joined(known: &str, first: &str, second: &str) -> bool {
    known.len() == first.len() + 1 + second.len()
        && known.as_bytes().get(first.len()) == Some(&b' ')
        && known.ends_with(second)
        && known.starts_with(first)
}

/// A cheap hash: routes differ in their lengths or about their ends, methods in their lengths or beginnings.
fn sketch(first: &str, second: &str) -> usize {
    let bytes = second.as_bytes();
    let at = |place: usize| bytes.get(place).copied().map_or(0, usize::from);
    let length = bytes.len();
    let ends = at(length.wrapping_sub(1)) ^ at(length.wrapping_sub(2)) << 2 ^ at(length / 2) << 4;
    let method = first.len() ^ first.bytes().next().map_or(0, usize::from) << 1;
    length.wrapping_mul(37) ^ ends.wrapping_mul(13) ^ method.wrapping_mul(101)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_together_once() {
        let (one, other) = (joined("GET", "/once/{id}"), joined("GET", "/once/{id}"));
        assert_eq!(one, "GET /once/{id}");
        assert!(
            matches!((&one, &other), (Cow::Borrowed(one), Cow::Borrowed(other)) if std::ptr::eq(*one, *other))
        );
    }

    #[test]
    fn names_are_told_apart() {
        for (first, second) in [("GET", "a b"), ("GET a", "b"), ("GET", "a  b"), ("GET", ""), ("", "GET")] {
            assert_eq!(joined(first, second), format!("{first} {second}"));
        }
    }

    #[test]
    fn a_full_table_takes_no_more_and_stays_right() {
        for number in 0..5 * PLACES {
            let route = format!("/full/{number}");
            assert_eq!(joined("GET", &route), format!("GET {route}"));
        }
        let long = "/".repeat(MOST_BYTES);
        assert!(matches!(joined("GET", &long), Cow::Owned(_)));
    }
}
