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

/// Where the first byte is that is one of these, from `from` on. Eight bytes are looked at together.
pub(super) fn position_of<const N: usize>(bytes: &[u8], from: usize, wanted: [u8; N]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The lowest bit that is set is that of the lowest byte that is zero; of those above it, some may be wrong.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & ONES << 7;
    let patterns = wanted.map(|byte| u64::from(byte) * ONES);
    let first_of = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        let found = patterns.iter().fold(0, |found, pattern| found | zeros(word ^ pattern));
        (found != 0).then_some(found.trailing_zeros() as usize / 8)
    };
    let rest = bytes.get(from..)?;
    let Some(last) = rest.last_chunk() else {
        return position(bytes, from, |byte| wanted.contains(&byte));
    };
    let (words, _) = rest.as_chunks();
    let mut place = from;
    for word in words {
        if let Some(found) = first_of(word) {
            return Some(place + found);
        }
        place += 8;
    }
    // What of it has been looked at already has none.
    first_of(last).map(|found| bytes.len() - 8 + found)
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
    let least = to.saturating_sub(most);
    let Some(run) = bytes.get(least..to) else {
        return to;
    };
    run.iter().rposition(|byte| !is_part(*byte)).map_or(least, |other| least + other + 1)
}

/// Where `what` begins first, from `from` on.
pub(super) fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let (first, rest) = what.split_first()?;
    let mut from = from;
    loop {
        let start = position_of(bytes, from, [*first])?;
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

pub(super) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// What is percent-encoded here, once or twice, and in how many bytes.
pub(super) fn encoded_at(bytes: &[u8], start: usize) -> Option<(u8, usize)> {
    let byte = |start| {
        let digit = |place| char::from(at(bytes, place)).to_digit(16);
        Some((digit(start)? << 4 | digit(start + 1)?) as u8)
    };
    if at(bytes, start) != b'%' {
        return None;
    }
    match byte(start + 1)? {
        b'%' => Some(byte(start + 3).map_or((b'%', 3), |twice| (twice, 5))),
        once => Some((once, 3)),
    }
}

/// What ends here, percent-encoded or as an escape of JSON or of Rust, and in how many bytes.
pub(super) fn escape_before(bytes: &[u8], end: usize) -> Option<(u8, usize)> {
    let encoded = |width: usize| {
        let (byte, encoded_width) = encoded_at(bytes, end.checked_sub(width)?)?;
        (encoded_width == width).then_some((byte, width))
    };
    let slash = |width: usize| before(bytes, (end + 1).checked_sub(width)?).eq(&b'\\').then_some(width);
    let unicode = |width| {
        let digits = part(bytes, end - 4..end);
        let code =
            digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?));
        let is_unicode = at(bytes, end - 5) == b'u';
        code.filter(|code| is_unicode && *code < 128).map(|code| (code as u8, width))
    };
    encoded(3).or_else(|| encoded(5)).or_else(|| slash(6).and_then(unicode)).or_else(|| {
        let byte = match before(bytes, end) {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return None,
        };
        slash(2).map(|width| (byte, width))
    })
}

/// Can a word begin here? Not amid another one; but behind what an escape stands for, which is read as letters.
pub(super) fn begins_word(bytes: &[u8], start: usize) -> bool {
    !before(bytes, start).is_ascii_alphanumeric()
        || escape_before(bytes, start).is_some_and(|(byte, _)| !byte.is_ascii_alphanumeric())
}

/// Does a word, a quotation or a piece of markup end here?
pub(super) const fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'`' | b'<' | b'>' | b'\\')
}

/// Sets of bytes that are looked up once for each byte of a text.
#[derive(Clone, Copy)]
pub(super) enum Class {
    /// What API keys are made of.
    Key = 1,
    /// What a name before its value is made of.
    Name = 2,
}

impl Class {
    #[inline(always)]
    pub(super) fn has(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & self as u8 != 0)
    }
}

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut rest: &mut [u8] = &mut classes;
    let mut byte = 0_u8;
    while let [first, others @ ..] = rest {
        *first = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                Class::Key as u8 | Class::Name as u8
            }
            b'%' | b'[' | b']' | b'~' => Class::Name as u8,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = others;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::position_of;

    #[test]
    fn the_first_of_two_bytes_wherever_they_are() {
        for length in 0..30 {
            // What differs from a wanted byte by one bit, or by one, and what overflows.
            for other in [0, 1, b'<', b'>', b';', b'9', 0x80, 0x81, b'=' ^ 0x80, 0xFF] {
                let text = vec![other; length];
                for from in 0..=length {
                    assert_eq!(position_of(&text, from, [b'=', b':']), None);
                    for (first, second) in
                        (from..length).flat_map(|first| [(first, first), (first, length - 1)])
                    {
                        let mut text = text.clone();
                        (text[second], text[first]) = (b'=', b':');
                        assert_eq!(position_of(&text, from, [b'=', b':']), Some(first));
                    }
                }
            }
        }
        assert_eq!(position_of(b"", 1, [b'=']), None);
    }
}
