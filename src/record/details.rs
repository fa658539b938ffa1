//! The part of a span that not every span has (floor 2).
//!
//! Built to be used again: texts lie in one buffer, attributes in one list, so that a recycled
//! `Details` takes a typical request's worth without an allocation. Attributes are appended; a key
//! set twice is settled once, by [`Details::settle`], off the caller's thread.

use crate::{
    clock::Timeline,
    context::{SpanContext, TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    record::Status,
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
        let value = store(&mut self.text, value, limits);
        self.slots.push(Slot { key, value });
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
            let value = store(&mut self.text, value.reborrow(), limits);
            self.item_slots.push(Slot { key: key.clone().into(), value });
        }
        let dropped = attributes.len().saturating_sub(limits.attributes_per_item);
        (text_range(start, self.item_slots.len()), u32::try_from(dropped).unwrap_or(u32::MAX))
    }

    /// Sets an attribute at once: a key that is there already gets the new value.
    pub(super) fn set_attribute(&mut self, key: Cow<'static, str>, value: Value<'_>) {
        let value = store(&mut self.text, value, &Limits::NONE);
        match self.slots.iter_mut().find(|slot| slot.key == key) {
            Some(slot) => slot.value = value,
            None => self.slots.push(Slot { key, value }),
        }
    }

    /// Puts back attributes of a record that is read; no key comes twice.
    pub(super) fn restore_attributes(&mut self, attributes: Vec<(Cow<'static, str>, Value<'static>)>) {
        for (key, value) in attributes {
            let value = store(&mut self.text, value, &Limits::NONE);
            self.slots.push(Slot { key, value });
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
        let text_offset = self.text.len() as u32;
        self.text.push_str(&later.text);
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
        self.set_status(std::mem::take(&mut later.status));
        if later.name.is_some() {
            self.name = later.name.take();
        }
        self.dropped_attributes = self.dropped_attributes.saturating_add(later.dropped_attributes);
        self.dropped_events = self.dropped_events.saturating_add(later.dropped_events);
        self.dropped_links = self.dropped_links.saturating_add(later.dropped_links);
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
        self.status = Status::Unset;
        self.name = None;
        self.trace_state = TraceState::EMPTY;
        self.dropped_attributes = 0;
        self.dropped_events = 0;
        self.dropped_links = 0;
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let lists = self
            .slots
            .iter()
            .chain(&self.item_slots)
            .map(|slot| match &slot.value {
                SlotValue::List(list) => list_bytes(list),
                _ => 0,
            })
            .sum::<usize>();
        size_of::<Self>()
            + (self.slots.capacity() + self.item_slots.capacity()) * size_of::<Slot>()
            + self.events.capacity() * size_of::<EventSlot>()
            + self.links.capacity() * size_of::<LinkSlot>()
            + self.text.capacity()
            + lists
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

fn store(text: &mut String, value: Value<'_>, limits: &Limits) -> SlotValue {
    match value {
        Value::Bool(flag) => SlotValue::Bool(flag),
        Value::I64(number) => SlotValue::I64(number),
        Value::F64(number) => SlotValue::F64(number),
        Value::Str(value) => {
            let start = text.len();
            text.push_str(cut_at(&value, limits.value_bytes));
            SlotValue::Text(text_range(start, text.len()))
        }
        Value::Strs(list) => {
            let cut = |item: &Cow<'_, str>| Cow::Owned(cut_at(item, limits.value_bytes).to_owned());
            SlotValue::List(Box::new(Value::Strs(list.iter().map(cut).collect())))
        }
        list => SlotValue::List(Box::new(list.into_owned())),
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
