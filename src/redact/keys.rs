//! What an attribute's key says of its value (floor 3).

use crate::{
    secrets::{Cleaner, Reading, Secret},
    semconv,
};

/// What is to be done with an attribute's value.
///
/// With a tag of its own, so that one comparison says what nearly all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    /// It is looked at as such a text.
    Read(Reading),
    /// It is a secret, whatever it looks like.
    Secret(Secret),
    /// It is left alone.
    Allowed,
}

impl Class {
    pub(super) fn of(key: &str, cleaner: &Cleaner) -> Self {
        let Cleaner { kinds, names } = cleaner;
        if kinds.has(Secret::Header) && header_of(key).is_some_and(|name| names.is_secret_header(name)) {
            Self::Secret(Secret::Header)
        } else if names.is_allowed_key(key) {
            Self::Allowed
        } else if kinds.has(Secret::Key) && names.is_secret_key(key.as_bytes()) {
            Self::Secret(Secret::Key)
        } else {
            Self::Read(match key {
                semconv::URL_FULL | URL_ORIGINAL | HTTP_URL | HTTP_TARGET => Reading::URL,
                semconv::URL_QUERY => Reading::QUERY,
                _ => Reading::TEXT,
            })
        }
    }
}

/// Whole URLs, or all behind the host, under the keys of other and of earlier conventions.
const URL_ORIGINAL: &str = "url.original";
const HTTP_URL: &str = "http.url";
const HTTP_TARGET: &str = "http.target";

/// The header that an attribute of this key records, of HTTP or, as `rpc.….metadata.…`, of an RPC.
fn header_of(key: &str) -> Option<&str> {
    [semconv::HTTP_REQUEST_HEADER, semconv::HTTP_RESPONSE_HEADER]
        .into_iter()
        .find_map(|prefix| key.strip_prefix(prefix))
        .or_else(|| key.strip_prefix("rpc.")?.split_once("metadata.").map(|(_, name)| name))
}

const SETS: usize = 128;
const PLACES: usize = 4;

/// Remembers the class of keys that are literals, by where they lie: such a place never holds another text.
///
/// Bound: a fixed number of sets, each of which has places for the keys that came last.
pub(super) struct KeyCache(Box<[Set; SETS]>);

type Set = [Place; PLACES];

#[derive(Clone, Copy)]
struct Place {
    address: usize,
    length: u32,
    class: Class,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        // No text lies at address 0.
        Self(Box::new([[Place { address: 0, length: 0, class: Class::Allowed }; PLACES]; SETS]))
    }

    #[inline(always)]
    pub(super) fn class(&mut self, key: &'static str, cleaner: &Cleaner) -> Class {
        let Self(sets) = self;
        match sets.get(set_of(key)) {
            Some([first, ..]) if first.is_of(key) => first.class,
            _ => self.class_of_other(key, cleaner),
        }
    }

    /// Of a key that is not at its set's first place.
    #[inline(never)]
    fn class_of_other(&mut self, key: &'static str, cleaner: &Cleaner) -> Class {
        let Some(set) = self.0.get_mut(set_of(key)) else {
            return Class::of(key, cleaner);
        };
        if let Some(place) = set.iter().find(|place| place.is_of(key)) {
            return place.class;
        }
        let class = Class::of(key, cleaner);
        set.rotate_right(1);
        let [first, ..] = set;
        if let Ok(length) = u32::try_from(key.len()) {
            *first = Place { address: key.as_ptr().addr(), length, class };
        }
        class
    }
}

impl Place {
    #[inline(always)]
    fn is_of(&self, key: &'static str) -> bool {
        self.address == key.as_ptr().addr() && self.length as usize == key.len()
    }
}

/// Literals lie beside one another: the low bits of their places differ, and their lengths do.
#[inline(always)]
fn set_of(key: &'static str) -> usize {
    let hash = (key.as_ptr().addr() ^ key.len() << 7).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize);
    hash >> (usize::BITS - SETS.trailing_zeros())
}
