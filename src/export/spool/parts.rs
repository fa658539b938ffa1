//! What records are made of, as bytes (floor 3): numbers, texts, values, lists. Pure; whatever the bytes are, reading
//! them gives a part or `None`, and a count that lies reserves nothing.

use crate::{
    context::TraceState,
    value::{Attribute, Value},
};
use std::borrow::Cow;

pub(super) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    write_number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn write_trace_state(state: &TraceState, out: &mut Vec<u8>) {
    if state.is_empty() {
        out.push(0);
    } else {
        write_text(&state.to_string(), out);
    }
}

pub(super) fn write_attributes<'a>(
    attributes: impl ExactSizeIterator<Item = Attribute<'a>>,
    out: &mut Vec<u8>,
) {
    write_number(attributes.len() as u64, out);
    for attribute in attributes {
        write_text(attribute.key, out);
        write_value(&attribute.value, out);
    }
}

pub(super) fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bool(flag) => out.push(u8::from(*flag)),
        Value::I64(number) => {
            out.push(2);
            write_number(zigzag(*number), out);
        }
        Value::F64(number) => {
            out.push(3);
            out.extend(number.to_le_bytes());
        }
        Value::Str(text) => {
            out.push(4);
            write_text(text, out);
        }
        Value::Bools(flags) => {
            out.push(5);
            write_number(flags.len() as u64, out);
            out.extend(flags.iter().map(|flag| u8::from(*flag)));
        }
        Value::I64s(numbers) => {
            out.push(6);
            write_number(numbers.len() as u64, out);
            numbers.iter().for_each(|number| write_number(zigzag(*number), out));
        }
        Value::F64s(numbers) => {
            out.push(7);
            write_number(numbers.len() as u64, out);
            numbers.iter().for_each(|number| out.extend(number.to_le_bytes()));
        }
        Value::Strs(texts) => {
            out.push(8);
            write_number(texts.len() as u64, out);
            texts.iter().for_each(|text| write_text(text, out));
        }
    }
}

/// Small numbers of either sign become small ones.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Reads from the front of what is left.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn small_number(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// How many items come; each takes a byte at least, so there cannot be more than bytes.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn owned_text(&mut self) -> Option<Cow<'static, str>> {
        Some(Cow::Owned(self.text()?.to_owned()))
    }

    pub(super) fn trace_state(&mut self) -> Option<TraceState> {
        self.text()?.parse().ok()
    }

    pub(super) fn attributes(&mut self) -> Option<Vec<(Cow<'static, str>, Value<'static>)>> {
        let count = self.count()?;
        self.list(count, |reader| Some((reader.owned_text()?, reader.value()?)))
    }

    fn value(&mut self) -> Option<Value<'static>> {
        let [tag] = self.array()?;
        Some(match tag {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            2 => Value::I64(unzigzag(self.number()?)),
            3 => Value::F64(f64::from_le_bytes(self.array()?)),
            4 => Value::Str(self.owned_text()?),
            5 => {
                let count = self.count()?;
                let flags = self.take(count)?.iter().map(|byte| match byte {
                    0 => Some(false),
                    1 => Some(true),
                    _ => None,
                });
                Value::Bools(flags.collect::<Option<_>>()?)
            }
            6 => {
                let count = self.count()?;
                Value::I64s(self.list(count, |reader| Some(unzigzag(reader.number()?)))?.into())
            }
            7 => {
                let count = self.count()?;
                Value::F64s(self.list(count, |reader| Some(f64::from_le_bytes(reader.array()?)))?.into())
            }
            8 => {
                let count = self.count()?;
                Value::Strs(self.list(count, Self::owned_text)?.into())
            }
            _ => return None,
        })
    }

    /// Grows as items are read, so that a count alone reserves nothing.
    fn list<T>(&mut self, count: usize, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Some(items)
    }
}
