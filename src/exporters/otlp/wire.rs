//! Protocol Buffers' wire format (floor 4): what OTLP needs of it, and no more
//! [Protocol Buffers, encoding].
//!
//! Fields are given by their tag, the number and the wire type in one. A field that has its default value
//! is left out by those who write it, as is usual, not here.

/// The tag of a field whose value is a varint.
pub(super) const fn varint_tag(field: u8) -> u8 {
    field << 3
}

/// The tag of a field of 8 bytes.
pub(super) const fn fixed64_tag(field: u8) -> u8 {
    field << 3 | 1
}

/// The tag of a text, of bytes, or of a message.
pub(super) const fn bytes_tag(field: u8) -> u8 {
    field << 3 | 2
}

/// How many bytes a varint takes.
#[inline]
pub(super) const fn varint_len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// How many bytes a field takes whose value has so many, its tag and its length included.
#[inline]
pub(super) const fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

#[inline]
pub(super) fn put_varint(to: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

#[inline]
pub(super) fn put_varint_field(to: &mut Vec<u8>, tag: u8, value: u64) {
    to.push(tag);
    put_varint(to, value);
}

#[inline]
pub(super) fn put_fixed64(to: &mut Vec<u8>, tag: u8, value: u64) {
    to.push(tag);
    to.extend_from_slice(&value.to_le_bytes());
}

#[inline]
pub(super) fn put_bytes(to: &mut Vec<u8>, tag: u8, value: &[u8]) {
    put_head(to, tag, value.len());
    to.extend_from_slice(value);
}

/// The tag and the length of a field whose value follows.
#[inline]
pub(super) fn put_head(to: &mut Vec<u8>, tag: u8, len: usize) {
    to.push(tag);
    put_varint(to, len as u64);
}

/// A message whose length is known once it has been written: it is given the room that most lengths need,
/// and moved by a byte or two where that was wrong.
pub(super) fn put_message(to: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    const ROOM: usize = 2;
    to.push(tag);
    let start = to.len();
    to.extend_from_slice(&[0; ROOM]);
    write(to);
    let end = to.len();
    let len = end - start - ROOM;
    let needed = varint_len(len as u64);
    if needed > ROOM {
        to.resize(end + needed - ROOM, 0);
    }
    if needed != ROOM {
        to.copy_within(start + ROOM..end, start + needed);
        to.truncate(start + needed + len);
    }
    let mut rest = len as u64;
    for (position, byte) in to.iter_mut().skip(start).take(needed).enumerate() {
        *byte = rest as u8 & 0x7f | if position + 1 < needed { 0x80 } else { 0 };
        rest >>= 7;
    }
}

/// Reads the fields of a message that may come from anywhere: each is the bytes it has, or the end.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

/// A field as it is found.
#[derive(Debug, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u32, u64),
    Bytes(u32, &'a [u8]),
    /// Of a type that nobody here looks at.
    Other,
}

/// Not a message.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed;

impl<'a> Fields<'a> {
    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0).ok_or(Malformed)?;
        Ok(Some(match key & 7 {
            0 => Field::Varint(number, self.varint()?),
            1 => self.take(8).map(|_| Field::Other)?,
            2 => {
                let len = self.varint()?;
                Field::Bytes(number, self.take(usize::try_from(len).map_err(|_| Malformed)?)?)
            }
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return Err(Malformed),
        }))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for position in 0..10 {
            let [byte] = *self.take(1)? else {
                return Err(Malformed);
            };
            value |= u64::from(byte & 0x7f) << (position * 7);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_change_at_powers_of_128() {
        assert_eq!(varint_len(0), 1);
        for bits in 0..64 {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, 1 << bits);
            assert_eq!(bytes.len(), varint_len(1 << bits), "2^{bits}");
            assert_eq!(bytes.len(), varint_len((1 << bits) | ((1 << bits) - 1)), "2^{} - 1", bits + 1);
        }
    }

    #[test]
    fn a_message_of_any_length_is_prefixed_by_it() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
            let mut bytes = vec![9];
            put_message(&mut bytes, bytes_tag(2), |to| to.extend_from_slice(&content));
            let mut expected = vec![9];
            prost::encoding::bytes::encode(2, &content, &mut expected);
            assert!(bytes == expected, "{len}");
        }
    }

    proptest! {
        #[test]
        fn what_prost_writes_is_read(number in 1_u32..1 << 29, value: u64, bytes: Vec<u8>) {
            let mut text = Vec::new();
            prost::encoding::uint64::encode(number, &value, &mut text);
            prost::encoding::bytes::encode(number, &bytes, &mut text);
            prost::encoding::fixed64::encode(number, &value, &mut text);
            prost::encoding::float::encode(number, &1.5, &mut text);
            let mut fields = Fields(&text);
            prop_assert_eq!(fields.next(), Ok(Some(Field::Varint(number, value))));
            prop_assert_eq!(fields.next(), Ok(Some(Field::Bytes(number, &bytes))));
            prop_assert_eq!(fields.next(), Ok(Some(Field::Other)));
            prop_assert_eq!(fields.next(), Ok(Some(Field::Other)));
            prop_assert_eq!(fields.next(), Ok(None));
        }

        #[test]
        fn anything_else_is_refused_or_ends(text: Vec<u8>) {
            let mut fields = Fields(&text);
            let mut found = 0;
            while let Ok(Some(_)) = fields.next() {
                found += 1;
                prop_assert!(found <= text.len());
            }
        }
    }
}
