//! The values of a call's headers (floor 5), which share an allocation.

use crate::middleware::line::Line;
use bytes::Bytes;
use http::HeaderValue;
use std::{cmp::Ordering, ops::Range};

/// Header values that share one allocation: their texts are written one after the other, and the values made in the
/// end, in the same order.
pub(super) struct Values(Bytes);

impl Values {
    pub(super) fn new<const N: usize>(line: Line<N>) -> Self {
        Self(Bytes::from_owner(line))
    }

    /// The value that has been written there: behind those before, of which none is left out.
    pub(super) fn next(&mut self, place: &Range<usize>) -> Option<HeaderValue> {
        let Self(rest) = self;
        let value = match place.len().cmp(&rest.len()) {
            Ordering::Less => rest.split_to(place.len()),
            // The last one needs no reference of its own.
            Ordering::Equal => std::mem::take(rest),
            Ordering::Greater => return None,
        };
        HeaderValue::from_maybe_shared(value).ok()
    }
}
