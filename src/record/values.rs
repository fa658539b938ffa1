//! Keys and values as a span keeps them (floor 2): the texts of all of them in one buffer.

use super::limits::{Limits, cut_at, owned_bytes};
use crate::value::{Attribute, Value};
use std::{borrow::Cow, fmt, ops::Range};

/// An attribute. What it means stands in the [`Values`] it was made by.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: Cow<'static, str>,
    value: SlotValue,
}

#[derive(Clone, Debug)]
enum SlotValue {
    Bool(bool),
    I64(i64),
    F64(f64),
    /// A place in the buffer.
    Text(Range<u32>),
    List(Box<Value<'static>>),
}

/// A value where it lies.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(&'a str),
    Other(&'a Value<'static>),
}

impl<'a> View<'a> {
    #[inline]
    pub(crate) fn value(self) -> Value<'a> {
        match self {
            Self::Bool(flag) => Value::Bool(flag),
            Self::I64(number) => Value::I64(number),
            Self::F64(number) => Value::F64(number),
            Self::Text(text) => Value::from(text),
            Self::Other(value) => value.reborrow(),
        }
    }

    /// Of a value that lies elsewhere.
    pub(crate) fn of(value: &'a Value<'static>) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(*flag),
            Value::I64(number) => Self::I64(*number),
            Value::F64(number) => Self::F64(*number),
            Value::Str(text) => Self::Text(text),
            other => Self::Other(other),
        }
    }
}

/// The buffer, and the count of what lies outside of it.
#[derive(Clone, Default)]
pub(super) struct Values {
    text: String,
    /// What lists, owned keys and owned names take.
    other_bytes: usize,
    /// Bytes of `text` that no slot points to any more.
    unused: usize,
}

impl Values {
    pub(super) const fn new() -> Self {
        Self { text: String::new(), other_bytes: 0, unused: 0 }
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
    #[inline]
    pub(super) fn keep(
        &mut self,
        key: Cow<'static, str>,
        value: &Value<'_>,
        limits: &Limits,
        room: usize,
    ) -> Option<Slot> {
        let key_bytes = owned_bytes(&key);
        let room = room.checked_sub(key_bytes)?;
        let value = match value {
            Value::Bool(flag) => SlotValue::Bool(*flag),
            Value::I64(number) => SlotValue::I64(*number),
            Value::F64(number) => SlotValue::F64(*number),
            Value::Str(text) => {
                let text = Some(cut_at(text, limits.value_bytes)).filter(|text| text.len() <= room)?;
                let start = self.text.len();
                self.text.push_str(text);
                self.text_from(start)
            }
            list => {
                let list = cut_list(list, limits.value_bytes);
                let bytes = Some(list_bytes(&list)).filter(|bytes| *bytes <= room)?;
                self.other_bytes += bytes;
                SlotValue::List(Box::new(list))
            }
        };
        self.other_bytes += key_bytes;
        Some(Slot { key, value })
    }

    /// Keeps a text for which there is room.
    #[inline]
    pub(super) fn keep_text(&mut self, key: &'static str, text: &str) -> Slot {
        let start = self.text.len();
        self.text.push_str(text);
        Slot { key: Cow::Borrowed(key), value: self.text_from(start) }
    }

    /// As [`keep`](Self::keep), of a text that is yet to be formatted.
    pub(super) fn keep_formatted(
        &mut self,
        key: Cow<'static, str>,
        text: fmt::Arguments<'_>,
        limits: &Limits,
        room: usize,
    ) -> Option<Slot> {
        let key_bytes = owned_bytes(&key);
        let room = room.checked_sub(key_bytes)?;
        let start = self.text.len();
        let is_whole = write_up_to(limits.value_bytes.min(room), text, &mut self.text);
        if !is_whole && room < limits.value_bytes {
            self.text.truncate(start);
            return None;
        }
        self.other_bytes += key_bytes;
        Some(Slot { key, value: self.text_from(start) })
    }

    fn text_from(&self, start: usize) -> SlotValue {
        SlotValue::Text(position(start)..position(self.text.len()))
    }

    /// The most bytes that keeping a value takes.
    #[inline]
    pub(super) fn needed(value: &Value<'_>, limits: &Limits) -> usize {
        match value {
            Value::Bool(_) | Value::I64(_) | Value::F64(_) => 0,
            Value::Str(text) => text.len().min(limits.value_bytes),
            list => list_bytes(list),
        }
    }

    /// Gives a slot the value of another, which is no more.
    pub(super) fn replace(&mut self, slot: &mut Slot, by: Slot) {
        let old = std::mem::replace(&mut slot.value, by.value);
        self.forget(Slot { key: by.key, value: old });
    }

    /// Gives a slot another key.
    pub(super) fn rename(&mut self, slot: &mut Slot, key: Cow<'static, str>) {
        self.other_bytes = (self.other_bytes + owned_bytes(&key)).saturating_sub(owned_bytes(&slot.key));
        slot.key = key;
    }

    /// Counts what a slot that is no more has left.
    pub(super) fn forget(&mut self, slot: Slot) {
        let other_bytes = owned_bytes(&slot.key);
        let other_bytes = match slot.value {
            SlotValue::List(list) => other_bytes + list_bytes(&list),
            SlotValue::Text(range) => {
                self.unused += range.len();
                other_bytes
            }
            SlotValue::Bool(_) | SlotValue::I64(_) | SlotValue::F64(_) => other_bytes,
        };
        self.other_bytes = self.other_bytes.saturating_sub(other_bytes);
    }

    /// Writes the texts of these slots, which are all there are, into a buffer without gaps.
    pub(super) fn compact<'s>(&mut self, slots: impl Iterator<Item = &'s mut Slot>) {
        let old = std::mem::take(&mut self.text);
        self.unused = 0;
        for slot in slots {
            if let SlotValue::Text(range) = &slot.value {
                let start = self.text.len();
                self.text.push_str(text_at(&old, range));
                slot.value = self.text_from(start);
            }
        }
    }

    /// Takes over another buffer; its slots have to be [moved](Slot::moved) by what is returned.
    pub(super) fn append(&mut self, later: &Self) -> u32 {
        let offset = position(self.text.len());
        self.text.push_str(&later.text);
        self.other_bytes += later.other_bytes;
        self.unused += later.unused;
        offset
    }

    /// Counts the bytes that a name has on the heap.
    pub(super) fn count_name(&mut self, bytes: usize) {
        self.other_bytes += bytes;
    }

    /// Empties the buffer and keeps at most `kept_bytes` of it.
    pub(super) fn clear(&mut self, kept_bytes: usize) {
        self.text.clear();
        self.text.shrink_to(kept_bytes);
        self.other_bytes = 0;
        self.unused = 0;
    }

    pub(super) fn read<'a>(
        &'a self,
        slots: &'a [Slot],
    ) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        slots.iter().map(|slot| Attribute { key: &slot.key, value: self.value(slot) })
    }

    /// What a slot means.
    #[inline]
    pub(super) fn value<'a>(&'a self, slot: &'a Slot) -> Value<'a> {
        self.view(slot).value()
    }

    /// As [`value`](Self::value), without anything that would have to be dropped.
    #[inline]
    pub(super) fn view<'a>(&'a self, slot: &'a Slot) -> View<'a> {
        match &slot.value {
            SlotValue::Bool(flag) => View::Bool(*flag),
            SlotValue::I64(number) => View::I64(*number),
            SlotValue::F64(number) => View::F64(*number),
            SlotValue::Text(range) => View::Text(text_at(&self.text, range)),
            SlotValue::List(list) => View::Other(list),
        }
    }
}

impl Slot {
    #[inline]
    pub(super) const fn of_i64(key: &'static str, number: i64) -> Self {
        Self { key: Cow::Borrowed(key), value: SlotValue::I64(number) }
    }

    /// The slot of a buffer that has been appended to another at `offset`.
    pub(super) fn moved(mut self, offset: u32) -> Self {
        if let SlotValue::Text(range) = &mut self.value {
            range.start = range.start.saturating_add(offset);
            range.end = range.end.saturating_add(offset);
        }
        self
    }
}

/// A place in a buffer or list. Limits keep them below 4 GiB; beyond, reading finds nothing.
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn text_at<'a>(text: &'a str, range: &Range<u32>) -> &'a str {
    text.get(range.start as usize..range.end as usize).unwrap_or_default()
}

/// Formats at the end of `to`, no more than `bytes`, cut between characters; false if it was cut.
pub(super) fn write_up_to(bytes: usize, text: fmt::Arguments<'_>, to: &mut String) -> bool {
    let mut bounded = Bounded { text: to, room: bytes, is_whole: true };
    let _stopped = fmt::Write::write_fmt(&mut bounded, text);
    bounded.is_whole
}

/// Takes text up to a limit, then says that it is full, and stays so.
struct Bounded<'a> {
    text: &'a mut String,
    room: usize,
    is_whole: bool,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let cut = cut_at(piece, self.room);
        self.text.push_str(cut);
        if cut.len() == piece.len() {
            self.room -= cut.len();
            return Ok(());
        }
        (self.room, self.is_whole) = (0, false);
        Err(fmt::Error)
    }
}

/// A list's longest head of at most `bytes` bytes, owned.
fn cut_list(list: &Value<'_>, bytes: usize) -> Value<'static> {
    fn head<T: Clone>(items: &[T], bytes: usize) -> Cow<'static, [T]> {
        items.iter().take(bytes / size_of::<T>()).cloned().collect()
    }
    match list {
        Value::Bools(items) => Value::Bools(head(items, bytes)),
        Value::I64s(items) => Value::I64s(head(items, bytes)),
        Value::F64s(items) => Value::F64s(head(items, bytes)),
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
        single => single.clone().into_owned(),
    }
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
