//! What the collector does to a span's details (floor 2): each key once, times in UTC, and in the end, empty
//! buffers for another span.

use super::{details::Details, known_keys::KnownKeys, status::Status, values::Slot};
use crate::clock::Resolver;

impl Details {
    /// Settles what the caller's thread has no time for: its keys, and memory reserved for more than came.
    #[inline(never)]
    pub(crate) fn settle(&mut self, known: &mut KnownKeys) {
        if self.settled != self.slots.len() && !known.has(&self.slots) {
            self.settle_keys();
            known.remember(&self.slots);
        }
        self.settled = self.slots.len();
        self.values.trim();
    }

    /// Leaves each key once, at its first place, with its last value.
    pub(super) fn settle_keys(&mut self) {
        let keys = self.slots.iter().map(|slot| self.values.key(slot));
        if self.settled == self.slots.len() || all_sketches_differ(keys.clone()) || all_differ(keys) {
            self.settled = self.slots.len();
            return;
        }
        let mut kept: Vec<Slot> = Vec::with_capacity(self.slots.len());
        for slot in self.slots.drain(..) {
            let values = &self.values;
            match kept.iter_mut().find(|known| values.key(known) == values.key(&slot)) {
                Some(known) => self.values.replace(known, slot),
                None => kept.push(slot),
            }
        }
        self.settled = kept.len();
        self.slots = kept;
    }

    /// Turns the events' ticks into UTC Unix nanoseconds.
    pub(crate) fn resolve_times(&mut self, times: &Resolver) {
        for event in &mut self.events {
            event.time = times.resolve(event.time);
        }
    }

    /// Empties the buffers for another span, keeping what memory a typical span needs.
    pub(super) fn clear(&mut self) {
        /// More than this is given back: one huge span must not make every later one huge.
        const KEPT_TEXT_BYTES: usize = 1024;
        const KEPT_SLOTS: usize = 32;

        self.slots.clear();
        self.slots.shrink_to(KEPT_SLOTS);
        self.settled = 0;
        self.known_room = 0;
        self.item_slots.clear();
        self.item_slots.shrink_to(KEPT_SLOTS);
        self.events.clear();
        self.events.shrink_to(KEPT_SLOTS);
        self.links.clear();
        self.links.shrink_to(KEPT_SLOTS);
        self.values.clear(KEPT_TEXT_BYTES);
        self.status = Status::Unset;
        self.name = None;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }
}

/// Compares all with one another: where there are many, some have the same sketch.
fn all_differ<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> bool {
    let mut later = keys.clone();
    keys.into_iter().all(|key| {
        later.next();
        later.clone().all(|other| other != key)
    })
}

/// Most spans set no key twice: some bits say so without comparing the keys with one another.
fn all_sketches_differ<'a>(mut keys: impl Iterator<Item = &'a str>) -> bool {
    let mut seen = [0_u64; 8];
    keys.all(|key| {
        let sketch = sketch(key);
        seen.get_mut(sketch as usize >> 6).is_some_and(|seen| {
            let mark = 1 << (sketch & 63);
            let is_new = *seen & mark == 0;
            *seen |= mark;
            is_new
        })
    })
}

/// A cheap hash of a key, of nine bits: equal keys have equal sketches.
#[inline(always)]
fn sketch(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (first, last) = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
    } else {
        (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0)
    };
    (first ^ last.rotate_left(29)).wrapping_add(bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55
}
