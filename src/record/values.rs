//! Keys and values as a span keeps them (floor 2): the texts of all of them in one buffer.

use super::{
    limits::{Limits, cut_at},
    longest::{cut_list, list_bytes, write_up_to},
    view::{Glimpse, View},
};
use crate::value::{Attribute, Value};
use std::{borrow::Cow, fmt};

/// An attribute. What it means stands in the [`Values`] it was made by.
///
/// Plain words, so that one is written straight into its list: what is put together elsewhere first and
/// then moved stalls on its own stores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    key: Key,
    kind: Kind,
    /// A flag, a number, a [`Place`] in the buffer, or a list's index.
    bits: u64,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Static(&'static str),
    Kept(Place),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bool,
    I64,
    F64,
    Text,
    /// A text in which no secret can be: see [`View::Known`].
    Known,
    List,
}

/// A place in the buffer.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    end: u32,
}

impl Place {
    #[inline]
    const fn bits(self) -> u64 {
        self.start as u64 | (self.end as u64) << 32
    }

    const fn of(bits: u64) -> Self {
        Self { start: bits as u32, end: (bits >> 32) as u32 }
    }

    const fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    const fn moved(self, offset: u32) -> Self {
        Self { start: self.start.saturating_add(offset), end: self.end.saturating_add(offset) }
    }
}

/// The texts and lists, and the count of what lies outside of them.
#[derive(Clone, Default)]
#[repr(C)]
pub(super) struct Values {
    text: String,
    lists: Vec<Value<'static>>,
    /// What lists and owned names take.
    other_bytes: usize,
    /// Bytes of `text` and `lists` that no slot points to any more.
    unused: usize,
}

/// By how much the places of slots change whose values are appended to others.
#[derive(Clone, Copy)]
pub(super) struct Offset {
    text: u32,
    lists: u64,
}

impl Values {
    pub(super) const fn new() -> Self {
        Self { text: String::new(), lists: Vec::new(), other_bytes: 0, unused: 0 }
    }

    /// All bytes that are held, the unused ones included.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.other_bytes
    }

    /// As [`bytes`](Self::bytes), with the memory that is reserved.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.text.capacity() + self.other_bytes
    }

    /// Is there nothing that [`compact`](Self::compact) would free?
    pub(super) const fn is_compact(&self) -> bool {
        self.unused == 0
    }

    /// Keeps an attribute, its value cut to `limits`; `None` if it takes more than `room` bytes.
    pub(super) fn keep(
        &mut self,
        key: Cow<'static, str>,
        value: &Value<'_>,
        limits: &Limits,
        room: usize,
    ) -> Option<Slot> {
        let room = room.checked_sub(kept_bytes(&key))?;
        let (kind, bits) = match value {
            Value::Bool(flag) => (Kind::Bool, u64::from(*flag)),
            Value::I64(number) => (Kind::I64, *number as u64),
            Value::F64(number) => (Kind::F64, number.to_bits()),
            Value::Str(text) => {
                let text = Some(cut_at(text, limits.value_bytes)).filter(|text| text.len() <= room)?;
                (Kind::Text, self.keep_str(text).bits())
            }
            list => {
                let list = cut_list(list, limits.value_bytes);
                let bytes = Some(list_bytes(&list)).filter(|bytes| *bytes <= room)?;
                self.other_bytes += bytes;
                self.lists.push(list);
                (Kind::List, self.lists.len() as u64 - 1)
            }
        };
        Some(Slot { key: self.keep_key(key), kind, bits })
    }

    /// Keeps a text for which there is room.
    #[inline(always)]
    pub(super) fn keep_text(&mut self, key: &'static str, text: &str) -> Slot {
        Slot { key: Key::Static(key), kind: Kind::Text, bits: self.keep_str(text).bits() }
    }

    /// The bytes of text to which a place can still point.
    pub(super) fn most_text(&self) -> usize {
        (u32::MAX as usize).saturating_sub(self.text.len())
    }

    /// Can it be added without an allocation?
    #[inline(always)]
    pub(super) fn has_memory_for(&self, text: &str) -> bool {
        text.len() <= self.text.capacity() - self.text.len()
    }

    /// The slot of a text that is yet to be [added](Self::add): no longer than [`most_text`](Self::most_text).
    #[inline(always)]
    pub(super) fn next_text(&self, key: &'static str, text: &str) -> Slot {
        let start = self.text.len();
        let place = Place { start: start as u32, end: (start + text.len()) as u32 };
        Slot { key: Key::Static(key), kind: Kind::Text, bits: place.bits() }
    }

    /// Adds a text for which there is memory.
    #[inline(always)]
    pub(super) fn add(&mut self, text: &str) {
        // Always so. It keeps a call that allocates from being compiled into what is usual.
        if self.has_memory_for(text) {
            self.text.push_str(text);
        }
    }

    /// Where the text ends now.
    pub(super) const fn mark(&self) -> usize {
        self.text.len()
    }

    /// Takes back the texts kept since.
    pub(super) fn reset(&mut self, mark: usize) {
        self.text.truncate(mark);
    }

    /// As [`keep_text`](Self::keep_text), of a text that comes in parts.
    pub(super) fn keep_joined(&mut self, key: &'static str, parts: &[&str]) -> Slot {
        let start = self.text.len();
        parts.iter().for_each(|part| self.text.push_str(part));
        Slot { key: Key::Static(key), kind: Kind::Text, bits: self.text_from(start).bits() }
    }

    /// As [`keep`](Self::keep), of a text that is yet to be formatted.
    pub(super) fn keep_formatted(
        &mut self,
        key: Cow<'static, str>,
        text: fmt::Arguments<'_>,
        limits: &Limits,
        room: usize,
    ) -> Option<Slot> {
        let room = room.checked_sub(kept_bytes(&key))?;
        let start = self.text.len();
        let is_whole = write_up_to(limits.value_bytes.min(room), text, &mut self.text);
        if !is_whole && room < limits.value_bytes {
            self.text.truncate(start);
            return None;
        }
        let place = self.text_from(start);
        Some(Slot { key: self.keep_key(key), kind: Kind::Text, bits: place.bits() })
    }

    fn keep_key(&mut self, key: Cow<'static, str>) -> Key {
        match key {
            Cow::Borrowed(key) => Key::Static(key),
            Cow::Owned(key) => Key::Kept(self.keep_str(&key)),
        }
    }

    #[inline(always)]
    fn keep_str(&mut self, text: &str) -> Place {
        let start = self.text.len();
        self.text.push_str(text);
        self.text_from(start)
    }

    #[inline(always)]
    fn text_from(&self, start: usize) -> Place {
        Place { start: position(start), end: position(self.text.len()) }
    }

    /// The most bytes that keeping a value takes.
    pub(super) fn needed(value: &Value<'_>, limits: &Limits) -> usize {
        match value {
            Value::Bool(_) | Value::I64(_) | Value::F64(_) => 0,
            Value::Str(text) => text.len().min(limits.value_bytes),
            list => list_bytes(list),
        }
    }

    /// Gives a slot the value of another, which is no more.
    pub(super) fn replace(&mut self, slot: &mut Slot, by: Slot) {
        let old = Slot { key: by.key, ..*slot };
        (slot.kind, slot.bits) = (by.kind, by.bits);
        self.forget(old);
    }

    /// Gives a slot another key.
    pub(super) fn rename(&mut self, slot: &mut Slot, key: Cow<'static, str>) {
        if let Key::Kept(place) = slot.key {
            self.unused += place.len();
        }
        slot.key = self.keep_key(key);
    }

    /// Counts what a slot that is no more has left.
    pub(super) fn forget(&mut self, slot: Slot) {
        if let Key::Kept(place) = slot.key {
            self.unused += place.len();
        }
        match slot.kind {
            Kind::Text | Kind::Known => self.unused += Place::of(slot.bits).len(),
            Kind::List => {
                if let Some(list) = self.lists.get_mut(slot.bits as usize) {
                    // Its place in the list of lists stays until the next compaction.
                    self.other_bytes -= list_bytes(list) - list_bytes(&NOTHING);
                    self.unused += list_bytes(&NOTHING);
                    *list = NOTHING;
                }
            }
            Kind::Bool | Kind::I64 | Kind::F64 => {}
        }
    }

    /// Leaves only what these slots point to, which are all there are.
    pub(super) fn compact<'s>(&mut self, slots: impl Iterator<Item = &'s mut Slot>) {
        let old = std::mem::take(&mut self.text);
        let mut old_lists = std::mem::take(&mut self.lists);
        self.unused = 0;
        for slot in slots {
            if let Key::Kept(place) = slot.key {
                slot.key = Key::Kept(self.keep_str(text_at(&old, place)));
            }
            if let Kind::Text | Kind::Known = slot.kind {
                slot.bits = self.keep_str(text_at(&old, Place::of(slot.bits))).bits();
            }
            if let Kind::List = slot.kind
                && let Some(list) = old_lists.get_mut(slot.bits as usize)
            {
                slot.bits = self.lists.len() as u64;
                self.lists.push(std::mem::replace(list, NOTHING));
            }
        }
        self.other_bytes -= (old_lists.len() - self.lists.len()) * list_bytes(&NOTHING);
    }

    /// Takes over another buffer; its slots have to be [moved](Slot::moved) by what is returned.
    pub(super) fn append(&mut self, later: &mut Self) -> Offset {
        let offset = Offset { text: position(self.text.len()), lists: self.lists.len() as u64 };
        self.text.push_str(&later.text);
        self.lists.append(&mut later.lists);
        self.other_bytes += later.other_bytes;
        self.unused += later.unused;
        offset
    }

    /// Counts the bytes that a name has on the heap.
    pub(super) fn count_name(&mut self, bytes: usize) {
        self.other_bytes += bytes;
    }

    /// Gives back what a large buffer has reserved beyond its text.
    pub(super) fn trim(&mut self) {
        /// Less is not worth moving the text for.
        const SLACK: usize = 4096;

        if self.text.capacity() - self.text.len() > SLACK.max(self.text.len() / 4) {
            self.text.shrink_to_fit();
        }
    }

    /// Empties the buffer and keeps at most `kept_bytes` of it.
    #[inline]
    pub(super) fn clear(&mut self, kept_bytes: usize) {
        self.text.clear();
        if self.text.capacity() > kept_bytes {
            self.text.shrink_to(kept_bytes);
        }
        if self.lists.capacity() > 0 {
            self.lists = Vec::new();
        }
        self.other_bytes = 0;
        self.unused = 0;
    }

    /// A slot's key, if that is a literal; else it was put together.
    #[inline]
    pub(super) const fn literal_key(slot: &Slot) -> Option<&'static str> {
        match slot.key {
            Key::Static(key) => Some(key),
            Key::Kept(_) => None,
        }
    }

    /// A slot's key.
    #[inline]
    pub(super) fn key<'a>(&'a self, slot: &Slot) -> &'a str {
        match slot.key {
            Key::Static(key) => key,
            Key::Kept(place) => text_at(&self.text, place),
        }
    }

    pub(super) fn read<'a>(
        &'a self,
        slots: &'a [Slot],
    ) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        slots.iter().map(|slot| Attribute { key: self.key(slot), value: self.value(slot) })
    }

    /// A text in which a secret may be.
    #[inline(always)]
    pub(super) fn text(&self, slot: &Slot) -> Option<&[u8]> {
        if !matches!(slot.kind, Kind::Text) {
            return None;
        }
        let Place { start, end } = Place::of(slot.bits);
        self.text.as_bytes().get(start as usize..end as usize)
    }

    /// As [`view`](Self::view), for a look at all values of all spans.
    #[inline(always)]
    pub(super) fn glimpse<'a>(&'a self, slot: &Slot) -> Glimpse<'a> {
        match slot.kind {
            Kind::Text => self.text(slot).map_or(Glimpse::Harmless, Glimpse::Text),
            Kind::I64 => Glimpse::I64(slot.bits as i64),
            Kind::F64 => Glimpse::F64(f64::from_bits(slot.bits)),
            Kind::Known => Glimpse::Harmless,
            Kind::Bool => Glimpse::Bool,
            Kind::List => self.lists.get(slot.bits as usize).map_or(Glimpse::Harmless, Glimpse::List),
        }
    }

    /// What a slot means.
    #[inline]
    pub(super) fn value<'a>(&'a self, slot: &Slot) -> Value<'a> {
        self.view(slot).value()
    }

    /// As [`value`](Self::value), without anything that would have to be dropped.
    #[inline]
    pub(super) fn view<'a>(&'a self, slot: &Slot) -> View<'a> {
        match slot.kind {
            Kind::Bool => View::Bool(slot.bits != 0),
            Kind::I64 => View::I64(slot.bits as i64),
            Kind::F64 => View::F64(f64::from_bits(slot.bits)),
            Kind::Text => View::Text(text_at(&self.text, Place::of(slot.bits))),
            Kind::Known => View::Known(text_at(&self.text, Place::of(slot.bits))),
            Kind::List => self.lists.get(slot.bits as usize).map_or(View::Bool(false), View::Other),
        }
    }
}

/// In the place of a list that is no more.
const NOTHING: Value<'static> = Value::Bool(false);

impl Slot {
    #[inline(always)]
    pub(super) const fn of_i64(key: &'static str, number: i64) -> Self {
        Self { key: Key::Static(key), kind: Kind::I64, bits: number as u64 }
    }

    /// The same of a text in which no secret can be.
    #[inline(always)]
    pub(super) const fn known(mut self) -> Self {
        self.kind = Kind::Known;
        self
    }

    /// The slot of values that have been appended to others.
    pub(super) fn moved(mut self, offset: Offset) -> Self {
        if let Key::Kept(place) = &mut self.key {
            *place = place.moved(offset.text);
        }
        match self.kind {
            Kind::Text | Kind::Known => self.bits = Place::of(self.bits).moved(offset.text).bits(),
            Kind::List => self.bits += offset.lists,
            Kind::Bool | Kind::I64 | Kind::F64 => {}
        }
        self
    }
}

/// The bytes that keeping a key takes.
#[expect(clippy::ptr_arg, reason = "whether it is owned is the question")]
pub(super) fn kept_bytes(key: &Cow<'static, str>) -> usize {
    match key {
        Cow::Borrowed(_) => 0,
        Cow::Owned(key) => key.len(),
    }
}

/// A place in a buffer or list. Limits keep them below 4 GiB; beyond, reading finds nothing.
#[inline(always)]
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn text_at(text: &str, place: Place) -> &str {
    text.get(place.start as usize..place.end as usize).unwrap_or_default()
}
