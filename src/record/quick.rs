//! Recording what is usual (floor 2): a text, an integer, an event, where there is room for it.
//!
//! All or nothing: what is unusual in any way (a list, a key that is no literal, a buffer that is full, a limit
//! that is near) is refused, and left to the functions of `details.rs`. So nothing is called here but to copy a
//! text, which is what keeps it short.

use super::{
    details::Details,
    items::EventSlot,
    limits::Limits,
    values::{Slot, position},
};
use crate::value::Value;
use std::borrow::Cow;

impl Details {
    /// Appends an attribute, or counts it as dropped.
    #[inline(always)]
    pub(crate) fn push_text(&mut self, key: &'static str, text: &str, limits: &Limits) {
        self.push_as(|slot| slot, key, text, limits);
    }

    /// As [`push_text`](Self::push_text), of a text in which no secret can be.
    #[cfg_attr(
        not(any(feature = "client", feature = "server")),
        expect(dead_code, reason = "only the middleware sets such texts")
    )]
    #[inline(always)]
    pub(crate) fn push_known(&mut self, key: &'static str, text: &str, limits: &Limits) {
        self.push_as(Slot::known, key, text, limits);
    }

    #[inline(always)]
    fn push_as(&mut self, marked: impl Fn(Slot) -> Slot, key: &'static str, text: &str, limits: &Limits) {
        if !self.try_as(&marked, key, text, limits) {
            self.push_unusual(&marked, key, text, limits);
        }
    }

    #[inline(never)]
    fn push_unusual(
        &mut self,
        marked: impl Fn(Slot) -> Slot,
        key: &'static str,
        text: &str,
        limits: &Limits,
    ) {
        self.measure_room(limits);
        if !self.try_as(marked, key, text, limits) {
            self.push_any(key.into(), text.into(), limits);
        }
    }

    /// Appends an attribute, or counts it as dropped.
    #[inline(always)]
    pub(crate) fn push_i64(&mut self, key: &'static str, number: i64, limits: &Limits) {
        if !self.try_i64(key, number, limits) {
            self.push_unusual_i64(key, number, limits);
        }
    }

    #[inline(never)]
    fn push_unusual_i64(&mut self, key: &'static str, number: i64, limits: &Limits) {
        self.push_any(key.into(), number.into(), limits);
    }

    /// Appends an attribute, if that is usual.
    #[inline(always)]
    pub(crate) fn try_text(&mut self, key: &'static str, text: &str, limits: &Limits) -> bool {
        self.try_as(|slot| slot, key, text, limits)
    }

    /// The same, with the slot marked as something.
    #[inline(always)]
    fn try_as(
        &mut self,
        marked: impl Fn(Slot) -> Slot,
        key: &'static str,
        text: &str,
        limits: &Limits,
    ) -> bool {
        let fits = self.has_usual_room_for(key, text, limits);
        if fits {
            self.slots.push(marked(self.values.next_text(key, text)));
            self.add_text(text);
        }
        fits
    }

    /// Appends an attribute, if that is usual.
    #[inline(always)]
    pub(crate) fn try_i64(&mut self, key: &'static str, number: i64, limits: &Limits) -> bool {
        let fits = self.has_usual_place(key, limits);
        if fits {
            self.slots.push(Slot::of_i64(key, number));
        }
        fits
    }

    /// Is there a place for an attribute without anything having to be cut, settled, dropped or allocated?
    #[inline(always)]
    fn has_usual_place(&self, key: &str, limits: &Limits) -> bool {
        self.slots.len() < self.slots.capacity().min(limits.attributes) && key.len() <= limits.name_bytes
    }

    #[inline(always)]
    fn has_usual_room_for(&self, key: &str, text: &str, limits: &Limits) -> bool {
        text.len() <= self.known_room.min(limits.value_bytes)
            && self.values.has_memory_for(text)
            && self.has_usual_place(key, limits)
    }

    /// Finds out how many bytes can be added.
    fn measure_room(&mut self, limits: &Limits) {
        let room = limits.span_bytes.saturating_sub(self.held_bytes());
        self.known_room = room.min(self.values.most_text());
    }

    /// Says what can be added to an empty buffer.
    #[inline]
    pub(crate) fn open(&mut self, limits: &Limits) {
        self.known_room = limits.span_bytes.min(u32::MAX as usize);
    }

    /// Adds a text for which there is room.
    #[inline(always)]
    fn add_text(&mut self, text: &str) {
        self.known_room -= text.len();
        self.values.add(text);
    }

    /// Appends an event, or counts it as dropped.
    #[inline(never)]
    pub(crate) fn push_literal_event(
        &mut self,
        name: &'static str,
        time: u64,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) {
        self.measure_room(limits);
        if !self.try_event(name, time, attributes, limits) {
            self.push_event(name.into(), time, attributes, limits);
        }
    }

    /// Appends an event, if that is usual.
    #[inline(always)]
    pub(crate) fn try_event(
        &mut self,
        name: &'static str,
        time: u64,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) -> bool {
        let (events, start) = (self.events.len(), self.item_slots.len());
        let fits = events < self.events.capacity().min(limits.events)
            && name.len() <= limits.name_bytes
            && attributes.len() <= limits.attributes_per_event.min(self.item_slots.capacity() - start)
            && self.try_item_slots(attributes, limits);
        if fits {
            let attributes = position(start)..position(self.item_slots.len());
            self.events.push(EventSlot {
                name: Cow::Borrowed(name),
                time,
                attributes,
                dropped_attributes: 0,
            });
        }
        fits
    }

    /// There is memory for the slots.
    #[inline(always)]
    fn try_item_slots(&mut self, attributes: &[(&'static str, Value<'_>)], limits: &Limits) -> bool {
        let (slots, text_before) = (self.item_slots.len(), self.values.mark());
        let Some(mut room) = self.known_room.checked_sub(attributes.len() * size_of::<Slot>()) else {
            return false;
        };
        for (key, value) in attributes {
            let slot = match value {
                Value::I64(number) => Slot::of_i64(key, *number),
                Value::Str(text)
                    if text.len() <= room.min(limits.value_bytes) && self.values.has_memory_for(text) =>
                {
                    room -= text.len();
                    let slot = self.values.next_text(key, text);
                    self.values.add(text);
                    slot
                }
                _ => {
                    self.item_slots.truncate(slots);
                    self.values.reset(text_before);
                    return false;
                }
            };
            if self.item_slots.len() < self.item_slots.capacity() {
                self.item_slots.push(slot);
            }
        }
        self.known_room = room;
        true
    }
}
