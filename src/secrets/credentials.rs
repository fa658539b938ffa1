//! What follows `Bearer` or `Basic` (floor 0) [RFC 9110, 11.4].
//!
//! Both are words of prose as well. What follows is taken for credentials if nothing else is there, if
//! it is written as a header's value, or if it looks like what the scheme carries.

use super::{
    REDACTED,
    bytes::{before, ends_word, part, position_of, run, run_back, without_punctuation},
};
use std::ops::Range;

/// A bearer token in prose has at least so many characters and a digit among them,
const FEWEST_WITH_DIGIT: usize = 8;
/// or so many.
const FEWEST: usize = 20;
/// So far Basic credentials are decoded, to see whether they have the colon that makes them some.
const MOST_DECODED: usize = 512;

#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Bearer,
    Basic,
}

/// The next credentials, their scheme left out.
pub(super) fn next(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let space = position_of(bytes, from, [b' ', b'\t'])?;
        from = space + 1;
        // How both words end.
        if !matches!(before(bytes, space), b'r' | b'R' | b'c' | b'C') {
            continue;
        }
        let Some((scheme, scheme_start)) = scheme_before(bytes, space) else {
            continue;
        };
        let start = run(bytes, space, is_blank);
        let end = run(bytes, start, |byte| !ends_word(byte) && !matches!(byte, b',' | b';' | b'\''));
        let end = without_punctuation(bytes, start..end);
        let token = part(bytes, start..end);
        if token.is_empty() || token == REDACTED.as_bytes() {
            continue;
        }
        let is_alone = scheme_start == 0 && end == bytes.len();
        if is_alone || is_in_header(bytes, scheme_start) || looks_right(scheme, token) {
            return Some(start..end);
        }
    }
}

const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn scheme_before(bytes: &[u8], end: usize) -> Option<(Scheme, usize)> {
    [(Scheme::Bearer, "bearer"), (Scheme::Basic, "basic")].into_iter().find_map(|(scheme, word)| {
        let start = end.checked_sub(word.len())?;
        let is_word = part(bytes, start..end).eq_ignore_ascii_case(word.as_bytes());
        (is_word && !before(bytes, start).is_ascii_alphanumeric()).then_some((scheme, start))
    })
}

/// Does it follow a colon, an equals sign or an opening quote?
fn is_in_header(bytes: &[u8], scheme_start: usize) -> bool {
    let blanks = run_back(bytes, scheme_start, 4, is_blank);
    matches!(before(bytes, blanks), b':' | b'=' | b'"' | b'\'' | b'`')
}

fn looks_right(scheme: Scheme, token: &[u8]) -> bool {
    match scheme {
        Scheme::Bearer => {
            let has_digit = token.iter().any(u8::is_ascii_digit);
            token.len() >= if has_digit { FEWEST_WITH_DIGIT } else { FEWEST }
        }
        Scheme::Basic => decodes_to_colon(token),
    }
}

/// Is there a colon in what this stands for in base64?
fn decodes_to_colon(token: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut held = 0;
    for byte in token.iter().take(MOST_DECODED) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            if (bits >> held) as u8 == b':' {
                return true;
            }
        }
    }
    false
}
