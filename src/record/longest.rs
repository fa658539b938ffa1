//! The longest part of a text or list that a limit lets through (floor 2).

use super::limits::cut_at;
use crate::value::Value;
use std::{borrow::Cow, fmt};

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
pub(super) fn cut_list(list: &Value<'_>, bytes: usize) -> Value<'static> {
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

/// What a list takes, its texts included.
pub(super) fn list_bytes(list: &Value<'_>) -> usize {
    size_of::<Value<'_>>()
        + match list {
            Value::Bools(items) => items.len(),
            Value::I64s(items) => items.len() * 8,
            Value::F64s(items) => items.len() * 8,
            Value::Strs(items) => items.iter().map(|item| item.len() + size_of::<String>()).sum(),
            _ => 0,
        }
}
