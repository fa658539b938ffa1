//! Walking over bytes (floor 0). Positions past the end are the end.

use std::ops::Range;

/// The byte there; 0 past the end.
pub(super) fn at(bytes: &[u8], position: usize) -> u8 {
    bytes.get(position).copied().unwrap_or(0)
}

/// The byte before; 0 at the start.
pub(super) fn before(bytes: &[u8], position: usize) -> u8 {
    position.checked_sub(1).map_or(0, |position| at(bytes, position))
}

pub(super) fn part(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// Where the first byte that `is_wanted` is, from `from` on.
pub(super) fn position(bytes: &[u8], from: usize, is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let found = bytes.get(from..)?.iter().position(|byte| is_wanted(*byte))?;
    Some(from + found)
}

/// Where the run of bytes that begins at `from` ends.
pub(super) fn run(bytes: &[u8], from: usize, is_part: impl Fn(u8) -> bool) -> usize {
    position(bytes, from, |byte| !is_part(byte)).unwrap_or(bytes.len())
}

/// As [`run`], of at most `most` bytes.
pub(super) fn run_within(bytes: &[u8], from: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let end = bytes.len().min(from.saturating_add(most));
    position(part(bytes, 0..end), from, |byte| !is_part(byte)).unwrap_or(end)
}

/// Where the run of at most `most` bytes that ends before `to` begins.
pub(super) fn run_back(bytes: &[u8], to: usize, most: usize, is_part: impl Fn(u8) -> bool) -> usize {
    let run = part(bytes, to.saturating_sub(most)..to).iter().rev().take_while(|byte| is_part(**byte));
    to - run.count()
}

/// Where `what` begins first, from `from` on.
pub(super) fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let (first, rest) = what.split_first()?;
    let mut from = from;
    loop {
        let start = position(bytes, from, |byte| byte == *first)?;
        from = start + 1;
        if part(bytes, from..bytes.len()).starts_with(rest) {
            return Some(start);
        }
    }
}

/// The end of a range without what closes a sentence, a bracket or a quotation behind it.
pub(super) fn without_punctuation(bytes: &[u8], range: Range<usize>) -> usize {
    let is_closing = |byte: &&u8| {
        matches!(**byte, b'.' | b',' | b':' | b';' | b'!' | b'?' | b')' | b']' | b'}' | b'\'' | b'>')
    };
    let closing = part(bytes, range.clone()).iter().rev().take_while(is_closing).count();
    // A text that is nothing else is what was meant.
    if closing == range.len() { range.end } else { range.end - closing }
}

/// Does a word, a quotation or a piece of markup end here?
pub(super) const fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'`' | b'<' | b'>' | b'\\')
}
