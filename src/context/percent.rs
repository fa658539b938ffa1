//! Percent-coding and the characters of baggage (floor 1) [W3C Baggage, definition; RFC 3986, 2.1].
//!
//! Knows octets, not members. `+` is a plus sign, not a space, but in [`Coding::Form`]. The tests of a
//! byte have no branches: `all_bytes` then takes many bytes at once.

use super::lines::{MAX_HEADER_BYTES, all_bytes, any_byte};
use std::borrow::Cow;

/// What a value in a header stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `%XX` is a byte.
    Percent,
    /// `%XX` is a byte and `+` a space, as in the fields of a form.
    Form,
    /// Itself.
    Plain,
}

/// Is it all `baggage-octet`, `%x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E`?
pub(crate) fn are_octets(bytes: &[u8]) -> bool {
    all_bytes(bytes, is_octet)
}

/// Is it a token, as the name of a header is [RFC 7230, 3.2.6]?
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all_bytes(bytes, is_tchar)
}

pub(crate) const fn is_octet(byte: u8) -> bool {
    is_visible(byte) & (byte != b'"') & (byte != b',') & (byte != b';') & (byte != b'\\')
}

/// All that is visible but the delimiters.
pub(crate) const fn is_tchar(byte: u8) -> bool {
    is_visible(byte)
        & (byte != b'"')
        & !((b'(' <= byte) & (byte <= b')'))
        & (byte != b',')
        & (byte != b'/')
        & !((b':' <= byte) & (byte <= b'@'))
        & !((b'[' <= byte) & (byte <= b']'))
        & (byte != b'{')
        & (byte != b'}')
}

const fn is_visible(byte: u8) -> bool {
    (b'!' <= byte) & (byte <= b'~')
}

/// Must it be written as `%XX`? `%` itself must, or it would be taken for the start of one.
const fn is_coded(byte: u8) -> bool {
    !is_octet(byte) || byte == b'%'
}

/// The bytes of `value` once encoded.
pub(crate) fn encoded_len(value: &str) -> usize {
    value.bytes().map(|byte| if is_coded(byte) { 3 } else { 1 }).sum()
}

/// Appends `value`, encoded.
pub(crate) fn encode_onto(text: &mut String, value: &str) {
    encode_where(text, value, is_coded);
}

/// Appends `value` so that every decoder of forms or URLs reads the same: all but what RFC 3986, 2.3
/// calls unreserved is encoded.
pub(crate) fn encode_form_onto(text: &mut String, value: &str) {
    encode_where(text, value, |byte| {
        !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
    });
}

fn encode_where(text: &mut String, value: &str, is_coded: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from);
    for byte in value.bytes() {
        if is_coded(byte) {
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            text.push(char::from(byte));
        }
    }
}

/// What a value stands for.
pub(crate) fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    Decoder::default().decode_onto(&mut text, value.as_bytes(), Coding::Percent);
    Cow::Owned(text)
}

/// Decodes values; what one needs of memory serves the next.
#[derive(Default)]
pub(crate) struct Decoder {
    /// Bytes beyond ASCII that follow one another, not yet read as UTF-8.
    pending: Vec<u8>,
}

impl Decoder {
    /// Appends what `value`, which is UTF-8, stands for: never more bytes than `value` has. What is no
    /// UTF-8 once decoded becomes U+FFFD; a `%` that two hex digits do not follow stands for itself.
    pub(crate) fn decode_onto(&mut self, text: &mut String, value: &[u8], coding: Coding) {
        let mut rest = std::str::from_utf8(value).unwrap_or_default();
        let is_form = coding == Coding::Form;
        let has_meaning = |byte| (byte == b'%') | (is_form & (byte == b'+'));
        if coding == Coding::Plain || !any_byte(value, has_meaning) {
            text.push_str(rest);
            return;
        }
        while let Some((run, sign, after)) = split_at_sign(rest, has_meaning) {
            self.push_str(text, run);
            rest = after;
            match (sign, escape(after)) {
                (b'%', Some((byte, after))) => {
                    self.push(text, byte);
                    rest = after;
                }
                (b'%', None) => self.push(text, b'%'),
                _ => self.push(text, b' '),
            }
        }
        self.push_str(text, rest);
        self.flush(text);
    }

    fn push_str(&mut self, text: &mut String, run: &str) {
        if !run.is_empty() {
            self.flush(text);
            text.push_str(run);
        }
    }

    fn push(&mut self, text: &mut String, byte: u8) {
        if byte.is_ascii() {
            self.flush(text);
            text.push(char::from(byte));
        } else {
            self.hold(byte);
        }
    }

    fn hold(&mut self, byte: u8) {
        if self.pending.capacity() == 0 {
            // Enough for all values of a header, so that this happens once.
            self.pending.reserve(MAX_HEADER_BYTES / 3);
        }
        self.pending.push(byte);
    }

    fn flush(&mut self, text: &mut String) {
        if self.pending.is_empty() {
            return;
        }
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.pending.clear();
    }
}

/// What comes before the first sign, an ASCII character, the sign, and what comes after it.
fn split_at_sign(text: &str, is_sign: impl Fn(u8) -> bool) -> Option<(&str, u8, &str)> {
    let place = text.bytes().position(is_sign)?;
    let (before, from) = text.split_at_checked(place)?;
    Some((before, from.bytes().next()?, from.get(1..)?))
}

/// The byte that two hex digits stand for, and what comes after them.
fn escape(text: &str) -> Option<(u8, &str)> {
    let [high, low] = *text.as_bytes().first_chunk()?;
    Some((hex(high)? << 4 | hex(low)?, text.get(2..)?))
}

/// Either case is read [RFC 3986, 2.1].
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &str) -> String {
        let mut text = String::new();
        encode_onto(&mut text, value);
        text
    }

    #[test]
    fn a_percent_sign_without_two_digits_stands_for_itself() {
        for value in ["%", "%%", "%4", "%zz", "%+1", "%4g", "a%"] {
            assert_eq!(decoded(value), value);
        }
        assert_eq!(decoded("%%41%"), "%A%");
        assert_eq!(decoded("%C3%%A9"), "\u{fffd}%\u{fffd}");
    }

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(value in any::<String>()) {
            let text = encoded(&value);
            prop_assert!(text.bytes().all(is_octet));
            prop_assert_eq!(text.len(), encoded_len(&value));
            prop_assert_eq!(decoded(&text), value);
        }

        #[test]
        fn bad_utf8_is_replaced_as_the_standard_library_does(bytes in any::<Vec<u8>>()) {
            let text: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            let result = decoded(&text);
            prop_assert!(result.len() <= text.len());
            prop_assert_eq!(result, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn what_is_encoded_as_in_a_form_comes_back_by_either_decoder(value in any::<String>()) {
            let mut text = String::new();
            encode_form_onto(&mut text, &value);
            prop_assert!(text.bytes().all(is_octet));
            for coding in [Coding::Form, Coding::Percent] {
                let mut result = String::new();
                Decoder::default().decode_onto(&mut result, text.as_bytes(), coding);
                prop_assert_eq!(&result, &value);
            }
        }

        #[test]
        fn no_value_gets_longer(value in "[%+a-f0-9é🦀 ]{0,20}") {
            for coding in [Coding::Form, Coding::Percent, Coding::Plain] {
                let mut result = String::new();
                Decoder::default().decode_onto(&mut result, value.as_bytes(), coding);
                prop_assert!(result.len() <= value.len(), "{:?}", result);
            }
        }
    }
}
