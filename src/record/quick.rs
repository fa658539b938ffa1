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
        if self.has_usual_room_for(key, text, limits) {
            self.slots.push(self.values.keep_fitting(key, text));
        } else {
            self.push_any(key.into(), text.into(), limits);
        }
    }

    /// As [`push_text`](Self::push_text), of a text in which no secret can be.
    #[cfg_attr(
        not(any(feature = "client", feature = "server")),
        expect(dead_code, reason = "only the middleware sets such texts")
    )]
    #[inline(always)]
    pub(crate) fn push_known(&mut self, key: &'static str, text: &str, limits: &Limits) {
        if self.has_usual_room_for(key, text, limits) {
            self.slots.push(self.values.keep_fitting(key, text).known());
        } else {
            self.push_any(key.into(), text.into(), limits);
        }
    }

    /// Appends an attribute, or counts it as dropped.
    #[inline(always)]
    pub(crate) fn push_i64(&mut self, key: &'static str, number: i64, limits: &Limits) {
        if self.has_usual_room(key, limits) {
            self.slots.push(Slot::of_i64(key, number));
        } else {
            self.push_any(key.into(), number.into(), limits);
        }
    }

    /// Is there a place for an attribute without anything having to be cut, settled or dropped?
    #[inline(always)]
    pub(super) fn has_usual_room(&self, key: &str, limits: &Limits) -> bool {
        key.len() <= limits.name_bytes && self.slots.len() < limits.attributes
    }

    #[inline(always)]
    fn has_usual_room_for(&self, key: &str, text: &str, limits: &Limits) -> bool {
        let bytes = text.len();
        bytes <= limits.value_bytes
            && self.has_usual_room(key, limits)
            && bytes.saturating_add(self.held_bytes()) <= limits.span_bytes
            && bytes <= self.values.free_text()
    }

    /// Appends an event, if there is room for all of it.
    #[inline(always)]
    pub(crate) fn try_event(
        &mut self,
        name: &'static str,
        time: u64,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) -> bool {
        let start = self.item_slots.len();
        let fits = name.len() <= limits.name_bytes
            && self.events.len() < limits.events
            && self.events.len() < self.events.capacity()
            && attributes.len() <= limits.attributes_per_event
            && attributes.len() <= self.item_slots.capacity() - start
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

    /// There is room for the slots.
    #[inline(always)]
    fn try_item_slots(&mut self, attributes: &[(&'static str, Value<'_>)], limits: &Limits) -> bool {
        let (slots, text) = (self.item_slots.len(), self.values.mark());
        let mut room = limits.span_bytes.saturating_sub(self.held_bytes());
        for (key, value) in attributes {
            let taken = size_of::<Slot>();
            let slot = match value {
                Value::I64(number) if taken <= room => {
                    room -= taken;
                    Slot::of_i64(key, *number)
                }
                Value::Str(text)
                    if text.len() <= limits.value_bytes
                        && text.len() <= self.values.free_text()
                        && taken.saturating_add(text.len()) <= room =>
                {
                    room -= taken + text.len();
                    self.values.keep_fitting(key, text)
                }
                _ => {
                    self.item_slots.truncate(slots);
                    self.values.reset(text);
                    return false;
                }
            };
            if self.item_slots.len() < self.item_slots.capacity() {
                self.item_slots.push(slot);
            }
        }
        true
    }
}
