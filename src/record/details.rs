//! The part of a span that not every span has (floor 2).
//!
//! Built to be used again: texts lie in one buffer, attributes in one list, so that a recycled
//! `Details` takes a typical request's worth without an allocation. Attributes are appended; a key
//! set twice is settled once, by [`Details::settle`], off the caller's thread.

use super::{
    items::{Event, EventSlot, Link, LinkSlot, LinkTarget, items},
    limits::{Limits, cut_name, owned_bytes},
    longest::write_up_to,
    status::Status,
    values::{Slot, Values, kept_bytes, position},
};
use crate::{
    context::SpanContext,
    semconv,
    value::{Attribute, Value},
};
use std::{borrow::Cow, fmt, ops::Range};

/// Attributes, events, links and status of one span.
///
/// In this order what most spans have is in the first two cache lines, and events are in the third.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Details {
    pub(super) slots: Vec<Slot>,
    /// Bytes that can be added without a look at the limits. Zero where nobody has looked; whatever adds bytes and does
    /// not count them here makes it zero.
    pub(super) known_room: usize,
    pub(super) values: Values,
    /// The attributes of events and links, each of which owns a range.
    pub(super) item_slots: Vec<Slot>,
    /// The next of a free list's buffers; `None` while in use.
    pub(super) next_free: Option<Box<Details>>,
    pub(super) events: Vec<EventSlot>,
    pub(crate) status: Status,
    pub(super) links: Vec<LinkSlot>,
    /// The name, on the way to the collector, if it is no literal or has been changed.
    pub(crate) name: Option<Cow<'static, str>>,
    /// So many of the slots are known to have different keys.
    pub(super) settled: usize,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
}

pub(crate) static EMPTY_DETAILS: Details = Details::new();

impl Details {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            known_room: 0,
            settled: 0,
            item_slots: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            values: Values::new(),
            status: Status::Unset,
            name: None,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            next_free: None,
        }
    }

    // Recording.

    /// Appends an attribute, or counts it as dropped.
    #[inline]
    pub(crate) fn push_attribute(&mut self, key: Cow<'static, str>, value: Value<'_>, limits: &Limits) {
        // What most attributes are goes in registers, not through memory that has just been written.
        match (key, value) {
            (Cow::Borrowed(key), Value::Str(Cow::Borrowed(text))) => self.push_text(key, text, limits),
            (Cow::Borrowed(key), Value::I64(number)) => self.push_i64(key, number, limits),
            (key, value) => self.push_any(key, value, limits),
        }
    }

    /// As [`push_attribute`](Self::push_attribute), of a text that comes in parts.
    #[cfg_attr(
        not(any(feature = "client", feature = "server")),
        expect(dead_code, reason = "only the middleware has URLs to put together")
    )]
    pub(crate) fn push_joined(&mut self, key: &'static str, parts: &[&str], limits: &Limits) {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let fits = bytes.saturating_add(self.held_bytes()) <= limits.span_bytes
            && bytes <= limits.value_bytes
            && key.len() <= limits.name_bytes
            && self.slots.len() < limits.attributes;
        if fits {
            self.known_room = 0;
            self.slots.push(self.values.keep_joined(key, parts));
        } else {
            self.push_any(key.into(), parts.concat().into(), limits);
        }
    }

    #[inline(never)]
    pub(super) fn push_any(&mut self, key: Cow<'static, str>, value: Value<'_>, limits: &Limits) {
        let key = cut_name(key, limits.name_bytes);
        if !self.has_place_for(&key, limits) {
            return count(&mut self.dropped_attributes, 1);
        }
        let room = self.room(kept_bytes(&key) + Values::needed(&value, limits), limits);
        match self.values.keep(key, &value, limits, room) {
            Some(slot) => self.put(slot, limits),
            None => count(&mut self.dropped_attributes, 1),
        }
    }

    /// Appends an attribute whose value is written straight into the buffer.
    pub(crate) fn push_formatted(
        &mut self,
        key: Cow<'static, str>,
        value: fmt::Arguments<'_>,
        limits: &Limits,
    ) {
        let key = cut_name(key, limits.name_bytes);
        if !self.has_place_for(&key, limits) {
            return count(&mut self.dropped_attributes, 1);
        }
        let room = self.room(limits.value_bytes.saturating_add(key.len()), limits);
        match self.values.keep_formatted(key, value, limits, room) {
            Some(slot) => self.put(slot, limits),
            None => count(&mut self.dropped_attributes, 1),
        }
    }

    /// Appends an event, or counts it as dropped.
    #[inline(never)]
    pub(crate) fn push_event(
        &mut self,
        name: Cow<'static, str>,
        time: u64,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) {
        let name = cut_name(name, limits.name_bytes);
        let name_bytes = owned_bytes(&name);
        let has_room = name_bytes == 0 || self.room(name_bytes, limits) >= name_bytes;
        if self.events.len() >= limits.events || !has_room {
            return count(&mut self.dropped_events, 1);
        }
        let (attributes, dropped_attributes) =
            self.push_item_slots(attributes, limits.attributes_per_event, limits);
        self.values.count_name(name_bytes);
        self.events.push(EventSlot { name, time, attributes, dropped_attributes });
    }

    /// Appends an `exception` event, and says in attribute and status that the span failed.
    pub(crate) fn push_error(
        &mut self,
        error_type: &str,
        message: fmt::Arguments<'_>,
        time: u64,
        limits: &Limits,
    ) {
        let mut text = String::new();
        write_up_to(limits.value_bytes, message, &mut text);
        let attributes = [
            (semconv::EXCEPTION_TYPE, error_type.into()),
            (semconv::EXCEPTION_MESSAGE, text.as_str().into()),
        ];
        self.push_event(semconv::EXCEPTION.into(), time, &attributes, limits);
        self.push_attribute(semconv::ERROR_TYPE.into(), error_type.into(), limits);
        self.set_status(Status::error(text));
    }

    /// Appends a link, or counts it as dropped.
    pub(crate) fn push_link(
        &mut self,
        context: &SpanContext,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.links.len() >= limits.links {
            return count(&mut self.dropped_links, 1);
        }
        let (attributes, dropped_attributes) =
            self.push_item_slots(attributes, limits.attributes_per_link, limits);
        let target = LinkTarget {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            flags: context.flags(),
            trace_state: context.trace_state().clone(),
        };
        self.links.push(LinkSlot { target, attributes, dropped_attributes });
    }

    /// Sets the status: `Ok` is final and `Unset` says nothing [OpenTelemetry trace API, set status].
    pub(crate) fn set_status(&mut self, status: Status) {
        if !matches!(self.status, Status::Ok) && !matches!(status, Status::Unset) {
            self.known_room = 0;
            self.status = status;
        }
    }

    /// As [`set_status`](Self::set_status), with a description cut to the limit of a text.
    pub(crate) fn set_status_within(&mut self, status: Status, limits: &Limits) {
        self.set_status(match status {
            Status::Error { description } => Status::error(cut_name(description, limits.value_bytes)),
            status => status,
        });
    }

    /// Sets the name the span is to have in the end.
    pub(crate) fn set_name(&mut self, name: Cow<'static, str>, limits: &Limits) {
        self.name = Some(cut_name(name, limits.name_bytes));
    }

    // Its parts.

    /// Is there a place for an attribute of this key, or one of the same key?
    #[inline]
    fn has_place_for(&mut self, key: &str, limits: &Limits) -> bool {
        if self.slots.len() < limits.attributes {
            return true;
        }
        // Keys set again and again must not crowd out the others.
        self.settle_keys();
        self.slots.len() < limits.attributes || self.slots.iter().any(|slot| self.values.key(slot) == key)
    }

    /// Puts an attribute into the place there is for it.
    #[inline]
    pub(super) fn put(&mut self, slot: Slot, limits: &Limits) {
        if self.slots.len() < limits.attributes {
            self.slots.push(slot);
        } else {
            self.replace(slot);
        }
    }

    pub(super) fn replace(&mut self, slot: Slot) {
        let values = &self.values;
        match self.slots.iter_mut().find(|known| values.key(known) == values.key(&slot)) {
            Some(known) => self.values.replace(known, slot),
            None => self.slots.push(slot),
        }
    }

    #[inline(always)]
    pub(super) fn push_item_slots<K: Clone + Into<Cow<'static, str>>>(
        &mut self,
        attributes: &[(K, Value<'_>)],
        most: usize,
        limits: &Limits,
    ) -> (Range<u32>, u32) {
        let start = self.item_slots.len();
        self.known_room = 0;
        for (key, value) in attributes.iter().take(most) {
            self.push_item_slot(key.clone().into(), value, limits);
        }
        let dropped = attributes.len() - (self.item_slots.len() - start);
        (position(start)..position(self.item_slots.len()), u32::try_from(dropped).unwrap_or(u32::MAX))
    }

    #[inline(always)]
    fn push_item_slot(&mut self, key: Cow<'static, str>, value: &Value<'_>, limits: &Limits) {
        let room = limits.span_bytes.saturating_sub(self.held_bytes());
        match (&key, value) {
            (Cow::Borrowed(key), Value::I64(number)) if room >= size_of::<Slot>() => {
                self.item_slots.push(Slot::of_i64(key, *number));
            }
            (Cow::Borrowed(key), Value::Str(text))
                if text.len() <= limits.value_bytes && room >= text.len() + size_of::<Slot>() =>
            {
                self.item_slots.push(self.values.keep_text(key, text));
            }
            _ => self.push_any_item_slot(key, value, limits),
        }
    }

    #[inline(never)]
    fn push_any_item_slot(&mut self, key: Cow<'static, str>, value: &Value<'_>, limits: &Limits) {
        let needed = kept_bytes(&key) + Values::needed(value, limits) + size_of::<Slot>();
        let room = self.room(needed, limits).checked_sub(size_of::<Slot>());
        let kept = room.and_then(|room| self.values.keep(key, value, limits, room));
        self.item_slots.extend(kept);
    }

    /// The bytes that are free for what is added now; if they are fewer than `needed`, after reclaiming what can be
    /// reclaimed.
    #[inline]
    pub(super) fn room(&mut self, needed: usize, limits: &Limits) -> usize {
        self.known_room = 0;
        let room = limits.span_bytes.saturating_sub(self.held_bytes());
        if room >= needed { room } else { self.reclaim(limits) }
    }

    #[cold]
    fn reclaim(&mut self, limits: &Limits) -> usize {
        self.settle_keys();
        if !self.values.is_compact() {
            self.values.compact(self.slots.iter_mut().chain(&mut self.item_slots));
        }
        limits.span_bytes.saturating_sub(self.held_bytes())
    }

    /// The bytes of its texts, lists and items.
    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
        self.values.bytes() + self.item_slots.len() * size_of::<Slot>() + self.status.description().len()
    }

    // Reading.

    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + (self.slots.capacity() + self.item_slots.capacity()) * size_of::<Slot>()
            + self.events.capacity() * size_of::<EventSlot>()
            + self.links.capacity() * size_of::<LinkSlot>()
            + self.values.reserved_bytes()
            + self.status.description().len()
    }

    pub(crate) fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'_>> + Clone {
        self.values.read(&self.slots)
    }

    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> + Clone {
        self.events.iter().map(|event| event.as_event(&self.item_slots, &self.values))
    }

    pub(crate) fn links(&self) -> impl ExactSizeIterator<Item = Link<'_>> + Clone {
        self.links.iter().map(|link| link.as_link(&self.item_slots, &self.values))
    }

    pub(super) fn items(&self, range: &Range<u32>) -> &[Slot] {
        items(&self.item_slots, range)
    }
}

impl Clone for Details {
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            item_slots: self.item_slots.clone(),
            events: self.events.clone(),
            links: self.links.clone(),
            values: self.values.clone(),
            status: self.status.clone(),
            name: self.name.clone(),
            next_free: None,
            known_room: 0,
            ..*self
        }
    }
}

/// By what a reader sees, not by how the texts lie in the buffer.
impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        self.attributes().eq(other.attributes())
            && self.events().eq(other.events())
            && self.links().eq(other.links())
            && self.status == other.status
            && (self.dropped_attributes, self.dropped_events, self.dropped_links)
                == (other.dropped_attributes, other.dropped_events, other.dropped_links)
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Details")
            .field("attributes", &self.attributes().collect::<Vec<_>>())
            .field("events", &self.events().collect::<Vec<_>>())
            .field("links", &self.links().collect::<Vec<_>>())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

pub(super) fn count(dropped: &mut u32, more: usize) {
    *dropped = dropped.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
}
