//! Where a value in a text begins and ends (floor 0), if it is known to be a secret.
//!
//! In doubt, more belongs to it: what is left of a secret is worth more than what is lost around it. A value is a
//! word with the quotations and brackets in it, as programs print them: `hunter2`, `"hunter2"`, `b'hunter2'`,
//! `Some(Secret("hunter2"))`, `["a", "b"]`, `Password { inner: "hunter2" }`.

use super::bytes::{at, escape_before, is_quote, part, position, run, run_within, without_punctuation};
use std::ops::Range;

/// So many blanks, line ends among them, may stand between a name, a sign and a value.
pub(super) const MOST_BLANKS: usize = 64;
/// So many backslashes stand before a quote: enough for a quotation in a quotation in a quotation in one.
pub(super) const MOST_BACKSLASHES: usize = 15;
const MOST_WRAPPERS: usize = 4;
const MOST_WRAPPER_NAME_BYTES: usize = 64;
/// A bracket amid a word is followed so far to where it closes.
const MOST_GROUP_BYTES: usize = 256;

/// Behind the blanks at `start`, which may be written out as escapes.
pub(super) fn behind_blanks(bytes: &[u8], start: usize) -> usize {
    let most = start + MOST_BLANKS;
    let mut start = start;
    while start < most {
        start = match at(bytes, start) {
            b' ' | b'\t' | b'\n' | b'\r' => start + 1,
            b'\\' if is_written_blank(bytes, start) => start + 2,
            _ => break,
        };
    }
    start.min(bytes.len())
}

/// Before the blanks that end there.
pub(super) fn before_blanks(bytes: &[u8], end: usize) -> usize {
    let least = end.saturating_sub(MOST_BLANKS);
    let mut end = end;
    while end > least {
        end = match at(bytes, end - 1) {
            b' ' | b'\t' | b'\n' | b'\r' => end - 1,
            b'n' | b'r' | b't' => match escape_before(bytes, end) {
                Some((_, 2)) => end - 2,
                _ => break,
            },
            _ => break,
        };
    }
    end
}

/// Is this backslash the first half of `\n` or the like?
pub(super) fn is_written_blank(bytes: &[u8], backslash: usize) -> bool {
    matches!(at(bytes, backslash + 1), b'n' | b'r' | b't')
}

/// The value that begins here; without its quotes, if it is a quotation, and without the names around it that
/// say so, as in `Some("…")`.
pub(super) fn value(bytes: &[u8], start: usize) -> Range<usize> {
    let content = unwrapped(bytes, start);
    if let Some(opening) = Opening::at(bytes, content) {
        let end = opening.content_end(bytes, bytes.len()).unwrap_or(bytes.len());
        let behind = opening.behind(end);
        let is_whole = if content == start {
            !at(bytes, behind).is_ascii_alphanumeric()
        } else {
            at(bytes, behind) == b')'
        };
        if is_whole || end == bytes.len() {
            return opening.content..end;
        }
    } else if content > start {
        let end = word_end(bytes, content);
        let closing = run_within(bytes, end, MOST_WRAPPERS, |byte| byte == b')');
        if closing > end && !at(bytes, closing).is_ascii_alphanumeric() {
            return content..end;
        }
    }
    start..word_end(bytes, start)
}

/// Is it a quotation, with such names around it or not?
pub(super) fn is_quotation(bytes: &[u8], start: usize) -> bool {
    Opening::at(bytes, unwrapped(bytes, start)).is_some()
}

/// Behind `Some(`, `Ok(Secret(`, and the like.
fn unwrapped(bytes: &[u8], start: usize) -> usize {
    let mut start = start;
    for _ in 0..MOST_WRAPPERS {
        match type_end(bytes, start) {
            Some(end) if at(bytes, end) == b'(' => start = end + 1,
            _ => break,
        }
    }
    start
}

/// Does a value begin here that a program has printed: `Secret(…`, `Secret { …`?
pub(super) fn is_printed(bytes: &[u8], start: usize) -> bool {
    type_end(bytes, start).is_some_and(|end| {
        matches!(at(bytes, end), b'(' | b'{') || (at(bytes, end) == b' ' && at(bytes, end + 1) == b'{')
    })
}

/// Where a type's or variant's name ends that begins here.
fn type_end(bytes: &[u8], start: usize) -> Option<usize> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    at(bytes, start).is_ascii_uppercase().then(|| run_within(bytes, start, MOST_WRAPPER_NAME_BYTES, is_name))
}

/// How a quotation is opened: by a quote, with the backslashes before it that a quotation around it asks for.
pub(super) struct Opening {
    pub(super) content: usize,
    quote: u8,
    backslashes: usize,
}

impl Opening {
    pub(super) fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let end = run_within(bytes, start, MOST_BACKSLASHES, |byte| byte == b'\\');
        let quote = at(bytes, end);
        is_quote(quote).then_some(Self { content: end + 1, quote, backslashes: end - start })
    }

    /// Where what is quoted ends, before the closing quote and its backslashes.
    fn content_end(&self, bytes: &[u8], most: usize) -> Option<usize> {
        let bytes = part(bytes, 0..most);
        let mut from = self.content;
        loop {
            let first = position(bytes, from, |byte| byte == self.quote || byte == b'\\')?;
            let quote = run(bytes, first, |byte| byte == b'\\');
            from = quote + 1;
            if at(bytes, quote) != self.quote {
                continue;
            }
            let backslashes = quote - first;
            // Each quotation around it doubles the backslashes, those that stand for one in the value as well.
            // Fewer belong to a quotation around this one.
            let closes = backslashes % (2 * (self.backslashes + 1)) == self.backslashes;
            if self.backslashes == 0 && closes && at(bytes, from) == self.quote {
                // A quote in SQL.
                from += 1;
            } else if closes || backslashes < self.backslashes {
                return Some(quote - backslashes.min(self.backslashes));
            }
        }
    }

    fn behind(&self, content_end: usize) -> usize {
        content_end + self.backslashes + 1
    }
}

/// Where the word that begins here ends, with what is quoted or in brackets in it.
pub(super) fn word_end(bytes: &[u8], start: usize) -> usize {
    let mut place = start;
    // What it must not be cut back behind.
    let mut least = start;
    // One that does not close is looked for once.
    let (mut brackets_close, mut quotations_close) = (true, true);
    while place < bytes.len() {
        let byte = at(bytes, place);
        let behind = match byte {
            b'(' | b'[' | b'{' if brackets_close => {
                let behind = group_end(bytes, place, start);
                brackets_close = behind.is_some();
                behind
            }
            b'"' | b'\'' | b'`' | b'\\' if place > start && ends_around(bytes, place, start) => break,
            b'"' | b'\'' | b'`' | b'\\' if quotations_close => {
                let behind = quotation_end(bytes, place, bytes.len());
                quotations_close = behind.is_some() || byte == b'\\';
                behind
            }
            b'&' | b';' => break,
            b',' | b')' | b']' | b'}' if ends_clause(bytes, place) => break,
            b' ' if at(bytes, place + 1) == b'{' && type_end(bytes, start) == Some(place) => Some(place + 1),
            _ if byte.is_ascii_whitespace() || byte.is_ascii_control() => break,
            _ => None,
        };
        place = behind.unwrap_or(place + 1);
        least = behind.unwrap_or(least);
    }
    without_punctuation(bytes, start..place).max(least)
}

/// Behind the bracket that closes this one. One that a value begins with may close anywhere, or nowhere.
fn group_end(bytes: &[u8], open: usize, start: usize) -> Option<usize> {
    let is_value = open == start || type_end(bytes, start).is_some_and(|end| open <= end + 1);
    let most = if is_value { bytes.len() } else { bytes.len().min(open + MOST_GROUP_BYTES) };
    let mut depth = 0_usize;
    let mut place = open;
    let mut quotations_close = true;
    while place < most {
        let byte = at(bytes, place);
        let is_apostrophe = byte == b'\'' && at(bytes, place - 1).is_ascii_alphanumeric();
        place = match Opening::at(bytes, place) {
            Some(opening) if quotations_close && !is_apostrophe => {
                let end = opening.content_end(bytes, most);
                quotations_close = end.is_some();
                end.map_or(opening.content, |end| opening.behind(end))
            }
            _ => place + 1,
        };
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 1 => return Some(place),
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    is_value.then_some(bytes.len())
}

/// Behind the quotation that is opened here, if one is.
fn quotation_end(bytes: &[u8], open: usize, most: usize) -> Option<usize> {
    let opening = Opening::at(bytes, open)?;
    Some(opening.behind(opening.content_end(bytes, most)?))
}

/// Does what this comma or closing bracket belongs to stand around the word?
fn ends_clause(bytes: &[u8], place: usize) -> bool {
    let next = at(bytes, place + 1);
    if at(bytes, place) == b',' {
        return is_quote(next) || b"([{\\".contains(&next);
    }
    is_quote(next) || next.is_ascii_whitespace() || b"\0,;.:)]}&\\".contains(&next)
}

/// Does a quotation or a line around the word end here, at a quote or a backslash?
fn ends_around(bytes: &[u8], place: usize, start: usize) -> bool {
    if at(bytes, place) == b'\\' {
        return is_written_blank(bytes, place) || Opening::at(bytes, place).is_some();
    }
    // `b"…"`, `r'…'`.
    let before = part(bytes, start..place);
    let is_prefix = matches!(before.len(), 1 | 2) && before.iter().all(|byte| b"bBuUrRfFcC".contains(byte));
    let next = at(bytes, place + 1);
    let goes_on = !(next.is_ascii_whitespace()
        || next.is_ascii_control()
        || is_quote(next)
        || b",;:)]}>&.!?\\/|<".contains(&next));
    !(goes_on || (is_prefix && quotation_end(bytes, place, bytes.len()).is_some()))
}

/// Does it stand for a value that is elsewhere, or for none?
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let is_numbered = |rest: &[u8]| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
    match value {
        b"?" | b"%s" | b"null" | b"None" | b"nil" | b"true" | b"false" | b"undefined" => true,
        [b'$', rest @ ..] => is_numbered(rest),
        masked => !masked.is_empty() && masked.iter().all(|byte| *byte == b'*'),
    }
}
