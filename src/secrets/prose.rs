//! Is it a sentence or a value that stands behind `password: ` (floor 0)?
//!
//! A value stands alone or is no plain word; a sentence has several plain words, or one that is said of values.

use super::bytes::{at, is_blank, part, run, run_within};
use std::ops::Range;

/// So much of a line is looked at.
const MOST_BYTES: usize = 256;

/// What is said of a secret, what stands for none, and what a sentence begins with; in lowercase.
const SAID: [&str; 98] = [
    "a",
    "absent",
    "accepted",
    "all",
    "an",
    "at",
    "bad",
    "blank",
    "bool",
    "bytes",
    "can",
    "can't",
    "cannot",
    "changed",
    "contains",
    "could",
    "couldn't",
    "denied",
    "did",
    "didn't",
    "disabled",
    "does",
    "doesn't",
    "empty",
    "enabled",
    "error",
    "exceeds",
    "expected",
    "expired",
    "failed",
    "false",
    "for",
    "forbidden",
    "found",
    "from",
    "got",
    "has",
    "hidden",
    "ignored",
    "incorrect",
    "int",
    "invalid",
    "is",
    "isn't",
    "it",
    "long",
    "malformed",
    "masked",
    "may",
    "mismatch",
    "missing",
    "must",
    "needs",
    "never",
    "nil",
    "no",
    "none",
    "not",
    "null",
    "ok",
    "only",
    "optional",
    "please",
    "present",
    "redacted",
    "refused",
    "rejected",
    "required",
    "revoked",
    "set",
    "short",
    "should",
    "str",
    "string",
    "text",
    "that",
    "the",
    "this",
    "to",
    "too",
    "true",
    "unable",
    "undefined",
    "unknown",
    "unset",
    "unsupported",
    "use",
    "valid",
    "was",
    "wasn't",
    "weak",
    "while",
    "will",
    "with",
    "without",
    "wrong",
    "you",
    "your",
];

/// Is it prose from `start` to the line's end?
pub(super) fn is_prose(bytes: &[u8], start: usize) -> bool {
    let line = Line::at(bytes, start);
    let mut words = line.words();
    let Some(first) = words.next() else {
        return true;
    };
    if line.is_said(&first) {
        return true;
    }
    match words.next() {
        // `hunter, user=ada` and `hunter user: ada` are values as well.
        Some(second) if !line.ends_clause(&first) && !line.is_name(&second) => {
            let are_numbers = line.is_number(&first) && line.is_number(&second);
            line.is_plain(&first) && line.is_plain(&second) && !are_numbers
        }
        _ => false,
    }
}

/// The same behind a header's name: credentials have a scheme before them, cookies a name.
pub(super) fn is_prose_in_header(bytes: &[u8], start: usize) -> bool {
    let line = Line::at(bytes, start);
    let mut words = line.words();
    let Some(first) = words.next() else {
        return true;
    };
    let is_one = words.next().is_none();
    let is_lowercase = !at(bytes, first.start).is_ascii_uppercase();
    line.is_said(&first) && is_one || is_lowercase && !is_one && line.words().all(|word| line.is_plain(&word))
}

pub(super) const fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r' || byte == 0
}

/// What is looked at of a line.
struct Line<'a> {
    /// To its end.
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Line<'a> {
    fn at(bytes: &'a [u8], start: usize) -> Self {
        let end = run_within(bytes, start, MOST_BYTES, |byte| !is_line_end(byte));
        Self { bytes: part(bytes, 0..end), start }
    }

    /// What stands between blanks, without the punctuation around it.
    fn words(&self) -> impl Iterator<Item = Range<usize>> {
        let mut from = self.start;
        std::iter::from_fn(move || {
            let start = run(self.bytes, from, is_blank);
            from = run(self.bytes, start, |byte| !is_blank(byte));
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
            let word = part(self.bytes, start..from);
            match word.iter().position(is_word).zip(word.iter().rposition(is_word)) {
                Some((first, last)) => Some(start + first..start + last + 1),
                None => (start < from).then_some(start..from),
            }
        })
    }

    fn word(&self, word: &Range<usize>) -> &'a [u8] {
        part(self.bytes, word.clone())
    }

    fn is_said(&self, word: &Range<usize>) -> bool {
        SAID.iter().any(|said| said.as_bytes().eq_ignore_ascii_case(self.word(word)))
    }

    /// Letters, the first of them a capital or not, with a hyphen or an apostrophe between them; or a number.
    fn is_plain(&self, word: &Range<usize>) -> bool {
        let is_letter =
            |byte: &u8| byte.is_ascii_lowercase() || !byte.is_ascii() || matches!(byte, b'-' | b'\'');
        let is_word = |first: &u8, rest: &[u8]| {
            (first.is_ascii_alphabetic() || !first.is_ascii()) && rest.iter().all(is_letter)
        };
        self.is_number(word)
            || self.word(word).split_first().is_some_and(|(first, rest)| is_word(first, rest))
    }

    /// A range or a dash as well.
    fn is_number(&self, word: &Range<usize>) -> bool {
        self.word(word).iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
    }

    fn ends_clause(&self, word: &Range<usize>) -> bool {
        matches!(at(self.bytes, word.end), b',' | b';' | b')' | b']' | b'}' | b'"' | b'\'' | b'`')
    }

    fn is_name(&self, word: &Range<usize>) -> bool {
        matches!(at(self.bytes, word.end), b':' | b'=')
    }
}
