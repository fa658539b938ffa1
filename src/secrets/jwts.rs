//! JSON Web Tokens (floor 0) [RFC 7515, 7.1; RFC 7516, 7.1]: three or five parts in base64url, dots
//! between them, of which the first is a JSON object.

use super::bytes::{at, before, part, position_of, run};
use std::ops::Range;

/// `{"` in base64, however it goes on, and the same with what writers put between for people to read: a space, a
/// line end and a tab or two or more spaces, or CR LF. Each has a J, an A or a K, which the first test relies on.
const OBJECTS: [&[u8]; 6] = [b"eyJ", b"eyA", b"ewoJ", b"ewogICA", b"ewogICJ", b"ew0K"];
/// The shortest header there can be, `{"alg":"…"}` with one character.
const FEWEST_HEADER_BYTES: usize = 15;
/// With its dots, the others being empty.
pub(super) const FEWEST_BYTES: usize = FEWEST_HEADER_BYTES + 2;
const MOST_PARTS: usize = 5;

/// The next token. Where the text `is_cut`, its last parts may be missing.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let start = position_of(bytes, from, [b'e'])?;
        from = start + 1;
        let rest = part(bytes, start..bytes.len());
        if !matches!(at(bytes, from), b'y' | b'w') || !OBJECTS.iter().any(|object| rest.starts_with(object)) {
            continue;
        }
        let header_end = run(bytes, start, is_base64url);
        // A later start in the same run has a shorter header and the same rest.
        from = header_end;
        if header_end - start >= FEWEST_HEADER_BYTES
            && let Some(end) = parts_end(bytes, header_end, is_cut)
        {
            return Some(start..end);
        }
    }
}

fn parts_end(bytes: &[u8], header_end: usize, is_cut: bool) -> Option<usize> {
    let mut end = header_end;
    let mut parts = 1;
    while parts < MOST_PARTS && at(bytes, end) == b'.' {
        end = run(bytes, end + 1, is_base64url);
        parts += 1;
    }
    let goes_on_behind_the_cut = is_cut && end == bytes.len();
    if parts < 3 && !goes_on_behind_the_cut {
        return None;
    }
    // The last part of an unsigned token is empty; its dot may as well end a sentence.
    while before(bytes, end) == b'.' {
        end -= 1;
    }
    Some(end)
}

const fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
