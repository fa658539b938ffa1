//! Records as JSON (floor 2): the shape that the documentation of [`record`](super) describes.
//!
//! Types of its own rather than derives on the records: the shape stays as it is when these change.

mod read;
mod write;

use crate::context::TraceFlags;
use serde::{Deserialize, Deserializer, Serializer, de};
use std::borrow::Cow;

/// The flags' byte as two hex digits.
mod trace_flags {
    use super::{Cow, Deserialize, Deserializer, Serializer, TraceFlags, de};

    pub(super) fn serialize<S: Serializer>(flags: &TraceFlags, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02x}", flags.bits()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TraceFlags, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bits = match *text.as_bytes() {
            [high, low] => digit(high).zip(digit(low)).map(|(high, low)| (high << 4 | low) as u8),
            _ => None,
        };
        bits.map(TraceFlags::from_bits).ok_or_else(|| de::Error::custom("expected two hex digits"))
    }
}
