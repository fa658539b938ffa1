//! The part of a span that not every span has (floor 2).
//!
//! Built to be used again: texts lie in one buffer, attributes in one list, so that a recycled
//! `Details` takes a typical request's worth without an allocation. Attributes are appended; a key
//! set twice is settled once, by [`Details::settle`], off the caller's thread.

use super::status::Status;
use crate::{
    clock::Timeline,
    context::{SpanContext, TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    semconv,
    value::{Attribute, Value},
};
use std::{borrow::Cow, fmt, ops::Range};

/// How much a span may hold. What is over is dropped and counted.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) attributes: usize,
    pub(crate) events: usize,
    pub(crate) links: usize,
    pub(crate) attributes_per_item: usize,
    pub(crate) value_bytes: usize,
    pub(crate) name_bytes: usize,
    /// All texts and lists together.
    pub(crate) span_bytes: usize,
}

impl Limits {
    /// No limits: for records that have been through them already.
    pub(crate) const NONE: Self = Self {
        attributes: usize::MAX,
        events: usize::MAX,
        links: usize::MAX,
        attributes_per_item: usize::MAX,
        value_bytes: usize::MAX,
        name_bytes: usize::MAX,
        span_bytes: usize::MAX,
    };
}

/// A position in `Details::text`.
type Text = Range<u32>;

#[derive(Clone, Debug, PartialEq)]
struct Slot {
    key: Cow<'static, str>,
    value: SlotValue,
}

#[derive(Clone, Debug, PartialEq)]
enum SlotValue {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(Text),
    List(Box<Value<'static>>),
}

#[derive(Clone, Debug, PartialEq)]
struct EventSlot {
    name: Cow<'static, str>,
    /// Ticks or nanoseconds, as `SpanRecord::start`.
    time: u64,
    attributes: Range<u32>,
    dropped_attributes: u32,
}

/// The span a link points to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkTarget {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) trace_state: TraceState,
}

#[derive(Clone, Debug, PartialEq)]
struct LinkSlot {
    target: LinkTarget,
    attributes: Range<u32>,
    dropped_attributes: u32,
}

/// Attributes, events, links, status and tracestate of one span.
#[derive(Default)]
pub(crate) struct Details {
    slots: Vec<Slot>,
    /// The attributes of events and links, each of which owns a range.
    item_slots: Vec<Slot>,
    events: Vec<EventSlot>,
    links: Vec<LinkSlot>,
    text: String,
    /// What the lists among the values take.
    list_bytes: usize,
    pub(crate) status: Status,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) trace_state: TraceState,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
    /// The next of a free list's buffers; `None` while in use.
    pub(super) next_free: Option<Box<Details>>,
}

pub(crate) static EMPTY_DETAILS: Details = Details::new();

/// An event of a span.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The name.
    pub name: &'a str,
    /// When it happened, in UTC Unix nanoseconds.
    pub unix_nanos: u64,
    /// Attributes left out because there were too many.
    pub dropped_attributes: u32,
    slots: &'a [Slot],
    text: &'a str,
}

impl<'a> Event<'a> {
    /// The event's attributes.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        read_slots(self.slots, self.text)
    }

    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        self.attributes().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    }
}

/// A link of a span to another, of the same trace or not.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    /// Attributes left out because there were too many.
    pub dropped_attributes: u32,
    target: &'a LinkTarget,
    slots: &'a [Slot],
    text: &'a str,
}

impl<'a> Link<'a> {
    /// The trace of the span linked to.
    pub const fn trace_id(&self) -> TraceId {
        self.target.trace_id
    }

    /// The span linked to.
    pub const fn span_id(&self) -> SpanId {
        self.target.span_id
    }

    /// Its trace flags.
    pub const fn flags(&self) -> TraceFlags {
        self.target.flags
    }

    /// Its tracestate.
    pub const fn trace_state(&self) -> &'a TraceState {
        &self.target.trace_state
    }

    /// The link's attributes.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        read_slots(self.slots, self.text)
    }
}

impl Details {
    pub(crate) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            item_slots: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            text: String::new(),
            list_bytes: 0,
            status: Status::Unset,
            name: None,
            trace_state: TraceState::EMPTY,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            next_free: None,
        }
    }

    /// Appends an attribute, or counts it as dropped.
    pub(crate) fn push_attribute(&mut self, key: Cow<'static, str>, value: Value<'_>, limits: &Limits) {
        if self.slots.len() >= limits.attributes {
            // Keys set again and again must not crowd out the others.
            self.settle();
            if self.slots.len() >= limits.attributes && !self.slots.iter().any(|slot| slot.key == key) {
                self.dropped_attributes = self.dropped_attributes.saturating_add(1);
                return;
            }
        }
        match self.store(value, limits) {
            Some(value) => self.slots.push(Slot { key, value }),
            None => self.dropped_attributes = self.dropped_attributes.saturating_add(1),
        }
    }

    /// Appends an attribute whose value is written straight into the buffer.
    pub(crate) fn push_formatted(
        &mut self,
        key: Cow<'static, str>,
        value: fmt::Arguments<'_>,
        limits: &Limits,
    ) {
        let start = self.text.len();
        let mut bounded = BoundedText { text: &mut self.text, room: limits.value_bytes };
        // An error only says that the limit was reached: the text is cut there.
        let _cut = fmt::Write::write_fmt(&mut bounded, value);
        let range = text_range(start, self.text.len());
        if self.slots.len() >= limits.attributes {
            let written = self.text.split_off(start);
            self.push_attribute(key, written.into(), limits);
        } else {
            self.slots.push(Slot { key, value: SlotValue::Text(range) });
        }
    }

    /// Appends an event, or counts it as dropped.
    pub(crate) fn push_event(
        &mut self,
        name: Cow<'static, str>,
        time: u64,
        attributes: &[(&'static str, Value<'_>)],
        limits: &Limits,
    ) {
        if self.events.len() >= limits.events {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        let (attributes, dropped_attributes) = self.push_item_slots(attributes, limits);
        self.events.push(EventSlot {
            name: cut_name(name, limits.name_bytes),
            time,
            attributes,
            dropped_attributes,
        });
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
        // An error only says that the limit was reached: the text is cut there.
        let _cut =
            fmt::Write::write_fmt(&mut BoundedText { text: &mut text, room: limits.value_bytes }, message);
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
            self.dropped_links = self.dropped_links.saturating_add(1);
            return;
        }
        let (attributes, dropped_attributes) = self.push_item_slots(attributes, limits);
        self.links.push(LinkSlot {
            target: LinkTarget {
                trace_id: context.trace_id(),
                span_id: context.span_id(),
                flags: context.flags(),
                trace_state: context.trace_state().clone(),
            },
            attributes,
            dropped_attributes,
        });
    }

    fn push_item_slots<K: Clone + Into<Cow<'static, str>>>(
        &mut self,
        attributes: &[(K, Value<'_>)],
        limits: &Limits,
    ) -> (Range<u32>, u32) {
        let start = self.item_slots.len();
        for (key, value) in attributes.iter().take(limits.attributes_per_item) {
            if let Some(value) = self.store(value.reborrow(), limits) {
                self.item_slots.push(Slot { key: key.clone().into(), value });
            }
        }
        let dropped = attributes.len() - (self.item_slots.len() - start);
        (text_range(start, self.item_slots.len()), u32::try_from(dropped).unwrap_or(u32::MAX))
    }

    /// Keeps a value, cut to its limit; `None` if the span is full.
    fn store(&mut self, value: Value<'_>, limits: &Limits) -> Option<SlotValue> {
        let value = match value {
            Value::Bool(flag) => SlotValue::Bool(flag),
            Value::I64(number) => SlotValue::I64(number),
            Value::F64(number) => SlotValue::F64(number),
            Value::Str(value) => {
                let value = cut_at(&value, limits.value_bytes);
                let start = self.text.len();
                if value.len() > limits.span_bytes.saturating_sub(self.held_bytes()) {
                    return None;
                }
                self.text.push_str(value);
                SlotValue::Text(text_range(start, self.text.len()))
            }
            list => {
                let list = cut_list(list, limits.value_bytes);
                let bytes = list_bytes(&list);
                if bytes > limits.span_bytes.saturating_sub(self.held_bytes()) {
                    return None;
                }
                self.list_bytes += bytes;
                SlotValue::List(Box::new(list))
            }
        };
        Some(value)
    }

    /// The bytes of its texts and lists.
    #[inline]
    pub(crate) fn held_bytes(&self) -> usize {
        self.text.len() + self.list_bytes
    }

    /// Sets an attribute at once: a key that is there already gets the new value.
    pub(super) fn set_attribute(&mut self, key: Cow<'static, str>, value: Value<'_>) {
        let Some(value) = self.store(value, &Limits::NONE) else {
            return;
        };
        match self.slots.iter_mut().find(|slot| slot.key == key) {
            Some(slot) => slot.value = value,
            None => self.slots.push(Slot { key, value }),
        }
    }

    /// Puts back attributes of a record that is read; no key comes twice.
    pub(super) fn restore_attributes(&mut self, attributes: Vec<(Cow<'static, str>, Value<'static>)>) {
        for (key, value) in attributes {
            if let Some(value) = self.store(value, &Limits::NONE) {
                self.slots.push(Slot { key, value });
            }
        }
    }

    /// Puts back an event of a record that is read.
    pub(super) fn restore_event(
        &mut self,
        name: Cow<'static, str>,
        unix_nanos: u64,
        attributes: &[(Cow<'static, str>, Value<'static>)],
        dropped_attributes: u32,
    ) {
        let (attributes, _) = self.push_item_slots(attributes, &Limits::NONE);
        self.events.push(EventSlot { name, time: unix_nanos, attributes, dropped_attributes });
    }

    /// Puts back a link of a record that is read.
    pub(super) fn restore_link(
        &mut self,
        target: LinkTarget,
        attributes: &[(Cow<'static, str>, Value<'static>)],
        dropped_attributes: u32,
    ) {
        let (attributes, _) = self.push_item_slots(attributes, &Limits::NONE);
        self.links.push(LinkSlot { target, attributes, dropped_attributes });
    }

    /// Takes over what `later` holds, as if it had been set here after all that is here.
    pub(crate) fn append(&mut self, mut later: Box<Self>, limits: &Limits) {
        self.set_status(std::mem::take(&mut later.status));
        if later.name.is_some() {
            self.name = later.name.take();
        }
        self.dropped_attributes = self.dropped_attributes.saturating_add(later.dropped_attributes);
        self.dropped_events = self.dropped_events.saturating_add(later.dropped_events);
        self.dropped_links = self.dropped_links.saturating_add(later.dropped_links);
        if later.held_bytes() > limits.span_bytes.saturating_sub(self.held_bytes()) {
            self.dropped_attributes = self.dropped_attributes.saturating_add(later.slots.len() as u32);
            self.dropped_events = self.dropped_events.saturating_add(later.events.len() as u32);
            self.dropped_links = self.dropped_links.saturating_add(later.links.len() as u32);
            return;
        }
        let text_offset = self.text.len() as u32;
        self.text.push_str(&later.text);
        self.list_bytes += later.list_bytes;
        let item_offset = self.item_slots.len() as u32;
        for mut slot in later.slots.drain(..) {
            slot.value.shift(text_offset);
            if self.slots.len() < limits.attributes || self.slots.iter().any(|known| known.key == slot.key) {
                self.slots.push(slot);
            } else {
                self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            }
        }
        self.item_slots.extend(later.item_slots.drain(..).map(|mut slot| {
            slot.value.shift(text_offset);
            slot
        }));
        for mut event in later.events.drain(..) {
            shift(&mut event.attributes, item_offset);
            if self.events.len() < limits.events {
                self.events.push(event);
            } else {
                self.dropped_events = self.dropped_events.saturating_add(1);
            }
        }
        for mut link in later.links.drain(..) {
            shift(&mut link.attributes, item_offset);
            if self.links.len() < limits.links {
                self.links.push(link);
            } else {
                self.dropped_links = self.dropped_links.saturating_add(1);
            }
        }
    }

    /// Sets the status: `Ok` is final and `Unset` says nothing [OpenTelemetry trace API, set status].
    pub(crate) fn set_status(&mut self, status: Status) {
        if !matches!(self.status, Status::Ok) && !matches!(status, Status::Unset) {
            self.status = status;
        }
    }

    /// Leaves each key once, at its first place, with its last value.
    pub(crate) fn settle(&mut self) {
        // Most spans set no key twice: a 64-bit sketch of the keys says so without comparing them.
        let mut seen = 0_u64;
        let mut maybe_twice = false;
        for slot in &self.slots {
            let mark = 1 << (sketch(&slot.key) & 63);
            maybe_twice |= seen & mark != 0;
            seen |= mark;
        }
        if !maybe_twice {
            return;
        }
        let mut kept: Vec<Slot> = Vec::with_capacity(self.slots.len());
        for slot in self.slots.drain(..) {
            match kept.iter_mut().find(|known| known.key == slot.key) {
                Some(known) => known.value = slot.value,
                None => kept.push(slot),
            }
        }
        self.slots = kept;
    }

    /// Turns the events' ticks into UTC Unix nanoseconds.
    pub(super) fn resolve_times(&mut self, timeline: &Timeline, correction: i64) {
        for event in &mut self.events {
            event.time = timeline.resolve(event.time, correction);
        }
    }

    /// Empties the buffers for another span, keeping what memory a typical span needs.
    pub(super) fn clear(&mut self) {
        /// More than this is given back: one huge span must not make every later one huge.
        const KEPT_TEXT_BYTES: usize = 1024;
        const KEPT_SLOTS: usize = 32;

        self.slots.clear();
        self.slots.shrink_to(KEPT_SLOTS);
        self.item_slots.clear();
        self.item_slots.shrink_to(KEPT_SLOTS);
        self.events.clear();
        self.events.shrink_to(KEPT_SLOTS);
        self.links.clear();
        self.links.shrink_to(KEPT_SLOTS);
        self.text.clear();
        self.text.shrink_to(KEPT_TEXT_BYTES);
        self.list_bytes = 0;
        self.status = Status::Unset;
        self.name = None;
        self.trace_state = TraceState::EMPTY;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }

    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + (self.slots.capacity() + self.item_slots.capacity()) * size_of::<Slot>()
            + self.events.capacity() * size_of::<EventSlot>()
            + self.links.capacity() * size_of::<LinkSlot>()
            + self.text.capacity()
            + self.list_bytes
    }

    pub(crate) fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'_>> + Clone {
        read_slots(&self.slots, &self.text)
    }

    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> + Clone {
        self.events.iter().map(|event| Event {
            name: &event.name,
            unix_nanos: event.time,
            dropped_attributes: event.dropped_attributes,
            slots: self.items(&event.attributes),
            text: &self.text,
        })
    }

    pub(crate) fn links(&self) -> impl ExactSizeIterator<Item = Link<'_>> + Clone {
        self.links.iter().map(|link| Link {
            dropped_attributes: link.dropped_attributes,
            target: &link.target,
            slots: self.items(&link.attributes),
            text: &self.text,
        })
    }

    fn items(&self, range: &Range<u32>) -> &[Slot] {
        self.item_slots.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

impl Clone for Details {
    fn clone(&self) -> Self {
        Self {
            slots: self.slots.clone(),
            item_slots: self.item_slots.clone(),
            events: self.events.clone(),
            links: self.links.clone(),
            text: self.text.clone(),
            status: self.status.clone(),
            name: self.name.clone(),
            trace_state: self.trace_state.clone(),
            next_free: None,
            ..*self
        }
    }
}

/// By what a reader sees, not by how the texts lie in the buffer.
impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        fn items_eq<'a>(
            one: impl Iterator<Item = Attribute<'a>>,
            other: impl Iterator<Item = Attribute<'a>>,
        ) -> bool {
            one.eq(other)
        }
        items_eq(self.attributes(), other.attributes())
            && self.events.len() == other.events.len()
            && self.links.len() == other.links.len()
            && self.events().zip(other.events()).all(|(one, other)| {
                one.name == other.name
                    && one.unix_nanos == other.unix_nanos
                    && one.dropped_attributes == other.dropped_attributes
                    && items_eq(one.attributes(), other.attributes())
            })
            && self.links().zip(other.links()).all(|(one, other)| {
                one.target == other.target && items_eq(one.attributes(), other.attributes())
            })
            && self.status == other.status
            && self.trace_state == other.trace_state
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

impl SlotValue {
    fn shift(&mut self, by: u32) {
        if let Self::Text(range) = self {
            shift(range, by);
        }
    }
}

/// Takes text up to a limit, then says that it is full.
struct BoundedText<'a> {
    text: &'a mut String,
    room: usize,
}

impl fmt::Write for BoundedText<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let cut = cut_at(piece, self.room);
        self.text.push_str(cut);
        self.room -= cut.len();
        if cut.len() == piece.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

fn shift(range: &mut Range<u32>, by: u32) {
    range.start = range.start.saturating_add(by);
    range.end = range.end.saturating_add(by);
}

fn text_range(start: usize, end: usize) -> Range<u32> {
    u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(end).unwrap_or(u32::MAX)
}

/// The longest head of `text` of at most `bytes` bytes that ends between characters.
pub(crate) fn cut_at(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

pub(crate) fn cut_name(name: Cow<'static, str>, bytes: usize) -> Cow<'static, str> {
    if name.len() <= bytes {
        return name;
    }
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(cut_at(name, bytes)),
        Cow::Owned(name) => Cow::Owned(cut_at(&name, bytes).to_owned()),
    }
}

/// A list's longest head of at most `bytes` bytes, owned.
fn cut_list(list: Value<'_>, bytes: usize) -> Value<'static> {
    fn head<T: Clone>(items: &[T], bytes: usize) -> Cow<'static, [T]> {
        items.iter().take(bytes / size_of::<T>()).cloned().collect()
    }
    match list {
        Value::Bools(items) => Value::Bools(head(&items, bytes)),
        Value::I64s(items) => Value::I64s(head(&items, bytes)),
        Value::F64s(items) => Value::F64s(head(&items, bytes)),
        Value::Strs(items) => {
            let mut room = bytes;
            let cut = items.iter().map_while(|item| {
                let text = cut_at(item, room);
                let fits = !text.is_empty() || item.is_empty();
                room = room.saturating_sub(text.len().max(size_of::<String>()));
                fits.then(|| Cow::Owned(text.to_owned()))
            });
            Value::Strs(cut.collect())
        }
        single => single.into_owned(),
    }
}

fn read_slots<'a>(
    slots: &'a [Slot],
    text: &'a str,
) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
    slots.iter().map(move |slot| Attribute {
        key: &slot.key,
        value: match &slot.value {
            SlotValue::Bool(flag) => Value::Bool(*flag),
            SlotValue::I64(number) => Value::I64(*number),
            SlotValue::F64(number) => Value::F64(*number),
            SlotValue::Text(range) => {
                Value::from(text.get(range.start as usize..range.end as usize).unwrap_or_default())
            }
            SlotValue::List(list) => list.reborrow(),
        },
    })
}

fn list_bytes(list: &Value<'_>) -> usize {
    size_of::<Value<'_>>()
        + match list {
            Value::Bools(items) => items.len(),
            Value::I64s(items) => items.len() * 8,
            Value::F64s(items) => items.len() * 8,
            Value::Strs(items) => items.iter().map(|item| item.len() + size_of::<String>()).sum(),
            _ => 0,
        }
}

/// A cheap hash of a key: equal keys have equal sketches.
fn sketch(key: &str) -> usize {
    let bytes = key.as_bytes();
    let last = bytes.last().copied().map_or(0, usize::from);
    let middle = bytes.get(bytes.len() / 2).copied().map_or(0, usize::from);
    bytes.len().wrapping_mul(7) ^ last.wrapping_mul(31) ^ middle.wrapping_mul(17)
}
