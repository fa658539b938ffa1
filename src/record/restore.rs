//! Putting a record together that has been recorded elsewhere (floor 2): without limits, which it has been
//! through already.

use super::{
    details::Details,
    items::{EventSlot, LinkSlot, LinkTarget},
    limits::{Limits, owned_bytes},
};
use crate::value::Value;
use std::borrow::Cow;

impl Details {
    /// Sets an attribute at once: a key that is there already gets the new value.
    pub(crate) fn set_attribute(&mut self, key: Cow<'static, str>, value: Value<'_>) {
        if let Some(slot) = self.values.keep(key, &value, &Limits::NONE, usize::MAX) {
            self.replace(slot);
        }
    }

    /// Puts back attributes of a record that is read; no key comes twice.
    pub(crate) fn restore_attributes(&mut self, attributes: Vec<(Cow<'static, str>, Value<'static>)>) {
        for (key, value) in attributes {
            self.slots.extend(self.values.keep(key, &value, &Limits::NONE, usize::MAX));
        }
    }

    /// Puts back an event of a record that is read.
    pub(crate) fn restore_event(
        &mut self,
        name: Cow<'static, str>,
        unix_nanos: u64,
        attributes: &[(Cow<'static, str>, Value<'static>)],
        dropped_attributes: u32,
    ) {
        let (attributes, _) = self.push_item_slots(attributes, usize::MAX, &Limits::NONE);
        self.values.count_name(owned_bytes(&name));
        self.events.push(EventSlot { name, time: unix_nanos, attributes, dropped_attributes });
    }

    /// Puts back a link of a record that is read.
    pub(crate) fn restore_link(
        &mut self,
        target: LinkTarget,
        attributes: &[(Cow<'static, str>, Value<'static>)],
        dropped_attributes: u32,
    ) {
        let (attributes, _) = self.push_item_slots(attributes, usize::MAX, &Limits::NONE);
        self.links.push(LinkSlot { target, attributes, dropped_attributes });
    }
}
