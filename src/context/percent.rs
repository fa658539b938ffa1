//! Percent-coding and the characters of baggage (floor 1) [W3C Baggage, definition; RFC 3986, 2.1].
//!
//! Knows octets, not members. `+` is a plus sign, not a space.

use super::lines::{MAX_HEADER_BYTES, ascii};
use std::borrow::Cow;

/// `baggage-octet`: `%x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E`.
pub(crate) const fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// A token, such as a header's name [RFC 7230, 3.2.6].
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    const fn is_tchar(byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
    }
    !bytes.is_empty() && bytes.iter().copied().all(is_tchar)
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
    Decoder::default().decode_onto(&mut text, value.as_bytes());
    Cow::Owned(text)
}

/// Decodes values; what one needs of memory serves the next.
#[derive(Default)]
pub(crate) struct Decoder {
    /// The bytes of one unbroken run of `%XX`.
    run: Vec<u8>,
}

impl Decoder {
    /// Appends what the octets in `value` stand for: never more bytes than `value` has. What is no
    /// UTF-8 becomes U+FFFD; a `%` that two hex digits do not follow stands for itself.
    pub(crate) fn decode_onto(&mut self, text: &mut String, value: &[u8]) {
        let mut rest = value;
        while let Some(plain) = rest.iter().position(|byte| *byte == b'%') {
            let Some((before, coded)) = rest.split_at_checked(plain) else { break };
            text.push_str(ascii(before));
            rest = self.decode_run(text, coded);
        }
        text.push_str(ascii(rest));
    }

    /// Decodes the run of `%XX` at the start of `coded`, and returns what comes after it. A character
    /// cannot reach beyond its run, as all octets outside are ASCII.
    fn decode_run<'a>(&mut self, text: &mut String, coded: &'a [u8]) -> &'a [u8] {
        self.run.clear();
        let mut rest = coded;
        while let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            if self.run.capacity() == 0 {
                // Once for all values that follow: a header has no longer run.
                self.run.reserve(MAX_HEADER_BYTES / 3);
            }
            self.run.push(high << 4 | low);
            rest = after;
        }
        for chunk in self.run.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        match rest.split_first() {
            Some((b'%', after)) => {
                text.push('%');
                after
            }
            _ => rest,
        }
    }
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
    }
}
