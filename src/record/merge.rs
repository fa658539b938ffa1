//! Taking over what was recorded on a span elsewhere (floor 2), within its limits.

use super::{
    details::{Details, count},
    items::{EventSlot, LinkSlot},
    limits::Limits,
    values::{Offset, Slot, position},
};
use std::ops::Range;

impl Details {
    /// Takes over what `later` holds, as if it had been set here after all that is here.
    pub(crate) fn append(&mut self, mut later: Box<Self>, limits: &Limits) {
        self.set_status(std::mem::take(&mut later.status));
        if later.name.is_some() {
            self.name = later.name.take();
        }
        count(&mut self.dropped_attributes, later.dropped_attributes as usize);
        count(&mut self.dropped_events, later.dropped_events as usize);
        count(&mut self.dropped_links, later.dropped_links as usize);
        if self.room(later.held_bytes(), limits) < later.held_bytes() {
            count(&mut self.dropped_attributes, later.slots.len());
            count(&mut self.dropped_events, later.events.len());
            return count(&mut self.dropped_links, later.links.len());
        }
        let offset = self.values.append(&mut later.values);
        for slot in std::mem::take(&mut later.slots) {
            let slot = slot.moved(offset);
            if self.has_place_for_slot(slot, limits) {
                self.put(slot, limits);
            } else {
                self.values.forget(slot);
                count(&mut self.dropped_attributes, 1);
            }
        }
        for event in std::mem::take(&mut later.events) {
            let is_wanted = self.events.len() < limits.events;
            let attributes = self.move_items(&later, &event.attributes, offset, is_wanted);
            if is_wanted {
                self.events.push(EventSlot { attributes, ..event });
            } else {
                count(&mut self.dropped_events, 1);
            }
        }
        for link in std::mem::take(&mut later.links) {
            let is_wanted = self.links.len() < limits.links;
            let attributes = self.move_items(&later, &link.attributes, offset, is_wanted);
            if is_wanted {
                self.links.push(LinkSlot { attributes, ..link });
            } else {
                count(&mut self.dropped_links, 1);
            }
        }
    }

    /// As [`has_place_for`](Self::has_place_for), of one whose value is kept already.
    fn has_place_for_slot(&mut self, slot: Slot, limits: &Limits) -> bool {
        if self.slots.len() < limits.attributes {
            return true;
        }
        self.settle_keys();
        let values = &self.values;
        self.slots.len() < limits.attributes
            || self.slots.iter().any(|known| values.key(known) == values.key(&slot))
    }

    /// Takes over an item's attributes from a buffer that has been appended at `offset`.
    fn move_items(
        &mut self,
        later: &Self,
        range: &Range<u32>,
        offset: Offset,
        is_wanted: bool,
    ) -> Range<u32> {
        let start = self.item_slots.len();
        for slot in later.items(range) {
            let slot = slot.moved(offset);
            if is_wanted {
                self.item_slots.push(slot);
            } else {
                self.values.forget(slot);
            }
        }
        position(start)..position(self.item_slots.len())
    }
}
