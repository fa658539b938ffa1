//! Lists of keys that are known to differ (floor 2): those of spans that came before.
//!
//! A program's spans have the same literals in the same order, over and over. To see that they are the same takes
//! less than to compare them with one another.
//!
//! Bound: a fixed number of lists of a fixed length, each of which gives way to the next in its place.

use super::values::{Slot, Values};
use std::ptr;

const LISTS: usize = 64;
const MOST_KEYS: usize = 32;

/// Lists of literals by where these lie: there, no other text ever is.
pub(crate) struct KnownKeys([Vec<&'static str>; LISTS]);

impl KnownKeys {
    pub(crate) const fn new() -> Self {
        Self([const { Vec::new() }; LISTS])
    }

    /// Are the keys of these attributes known to differ? False of most that have not been
    /// [remembered](Self::remember).
    #[inline]
    pub(super) fn has(&self, slots: &[Slot]) -> bool {
        let is_same = |(slot, known): (&Slot, &&'static str)| {
            Values::literal_key(slot).is_some_and(|key| ptr::eq(key, *known))
        };
        let list = place_of(slots).and_then(|place| self.0.get(place));
        list.is_some_and(|list| list.len() == slots.len() && slots.iter().zip(list).all(is_same))
    }

    /// These keys differ.
    #[inline(never)]
    pub(super) fn remember(&mut self, slots: &[Slot]) {
        if slots.len() <= MOST_KEYS
            && let Some(list) = place_of(slots).and_then(|place| self.0.get_mut(place))
        {
            list.clear();
            // A list with fewer keys than attributes is never found.
            list.extend(slots.iter().filter_map(Values::literal_key));
        }
    }
}

/// By the last key and how many there are. None if that is no literal.
#[inline]
fn place_of(slots: &[Slot]) -> Option<usize> {
    let key = Values::literal_key(slots.last()?)?;
    let hash = (key.as_ptr().addr() ^ slots.len() << 7).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize);
    Some(hash >> (usize::BITS - LISTS.trailing_zeros()))
}

#[cfg(test)]
mod tests {
    use super::KnownKeys;
    use crate::record::{Details, Limits};
    use proptest::prelude::*;
    use std::borrow::Cow;

    /// Some of them the same at different places.
    const TEXT: &str = "abcabc";

    fn key() -> impl Strategy<Value = Cow<'static, str>> {
        (0..TEXT.len(), prop::bool::weighted(0.1)).prop_map(|(place, is_made)| {
            let key = &TEXT[place..=place];
            if is_made { Cow::Owned(key.to_owned()) } else { Cow::Borrowed(key) }
        })
    }

    proptest! {
        #[test]
        fn what_came_before_changes_nothing(
            lists in prop::collection::vec(prop::collection::vec(key(), 0..4), 1..40),
        ) {
            let mut known = KnownKeys::new();
            for keys in lists {
                let mut details = Details::new();
                for (number, key) in keys.into_iter().enumerate() {
                    details.push_attribute(key, (number as i64).into(), &Limits::NONE);
                }
                let mut alone = details.clone();
                details.settle(&mut known);
                alone.settle(&mut KnownKeys::new());
                prop_assert_eq!(&details, &alone);
                let mut keys: Vec<_> = details.attributes().map(|attribute| attribute.key).collect();
                let count = keys.len();
                keys.sort_unstable();
                keys.dedup();
                prop_assert_eq!(keys.len(), count);
            }
        }
    }
}
