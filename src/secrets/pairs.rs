//! Names with their values in texts (floor 0): `?token=…`, `password=…`, `"password": "…"`.

use super::{
    Names, REDACTED, Secret, Secrets,
    bytes::{
        Class, at, before, ends_word, find, part, position, position_of, run, run_back, run_within,
        without_punctuation,
    },
};
use std::ops::Range;

const MOST_NAME_BYTES: usize = 64;
const MOST_BLANKS: usize = 4;

/// What is known of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// It is a URL or a part of one, with nothing before or behind.
    pub(crate) is_url: bool,
    /// It begins with a query, without its `?`.
    pub(crate) is_query: bool,
}

/// The next value that its name says is a secret, and which of `kinds` it is.
pub(super) fn next(
    bytes: &[u8],
    from: usize,
    names: &Names,
    form: Form,
    kinds: Secrets,
) -> Option<(Range<usize>, Secret)> {
    let mut from = from;
    loop {
        let sign = position_of(bytes, from, [b'=', b':'])?;
        from = sign + 1;
        if at(bytes, sign) == b':' && !may_assign(bytes, sign) {
            continue;
        }
        let Some(name) = Name::before(bytes, sign) else {
            continue;
        };
        let kind = if name.is_in_query(bytes, sign, form) { Secret::Query } else { Secret::Assignment };
        if !kinds.has(kind) {
            continue;
        }
        let value = match kind {
            Secret::Query => in_query(bytes, sign, &name, names, form),
            _ => in_text(bytes, sign, &name, names),
        };
        if let Some(value) = value
            && !value.is_empty()
            && part(bytes, value.clone()) != REDACTED.as_bytes()
        {
            return Some((value, kind));
        }
    }
}

/// Can this colon stand between a name and its value? Not where there is no quotation on either side of it,
/// as in URLs and times.
fn may_assign(bytes: &[u8], colon: usize) -> bool {
    let is_beside = |byte| is_quote(byte) || byte == b' ';
    is_beside(before(bytes, colon))
        || is_beside(at(bytes, colon + 1))
        || matches!(at(bytes, colon + 1), b'\\' | b'S')
}

struct Name {
    range: Range<usize>,
    is_quoted: bool,
    /// It stands directly before the sign.
    is_adjacent: bool,
}

impl Name {
    fn before(bytes: &[u8], sign: usize) -> Option<Self> {
        let mut end = run_back(bytes, sign, MOST_BLANKS, |byte| byte == b' ');
        let is_quoted = is_quote(before(bytes, end));
        if is_quoted {
            end -= 1;
            // A quotation within a quotation.
            end -= usize::from(before(bytes, end) == b'\\');
        }
        let start = run_back(bytes, end, MOST_NAME_BYTES + 1, |byte| Class::Name.has(byte));
        let is_name = start < end && end - start <= MOST_NAME_BYTES;
        is_name.then_some(Self { range: start..end, is_quoted, is_adjacent: end == sign })
    }

    fn is_in_query(&self, bytes: &[u8], sign: usize, form: Form) -> bool {
        let is_first = self.range.start == 0 && form.is_query;
        let follows = matches!(before(bytes, self.range.start), b'?' | b'&' | b'#');
        self.is_adjacent && at(bytes, sign) == b'=' && (is_first || follows)
    }
}

fn in_query(bytes: &[u8], sign: usize, name: &Name, names: &Names, form: Form) -> Option<Range<usize>> {
    if !names.is_secret_query(part(bytes, name.range.clone())) {
        return None;
    }
    let start = sign + 1;
    if form.is_url {
        return Some(start..run(bytes, start, |byte| !matches!(byte, b'&' | b'#')));
    }
    let end = run(bytes, start, |byte| !ends_word(byte) && !matches!(byte, b'&' | b'#'));
    Some(start..without_punctuation(bytes, start..end))
}

fn in_text(bytes: &[u8], sign: usize, name: &Name, names: &Names) -> Option<Range<usize>> {
    // First, so that only a value that counts is walked over.
    if !names.is_secret_key(part(bytes, name.range.clone())) {
        return None;
    }
    let mut start = value_start(bytes, sign)?;
    let is_escaped = at(bytes, start) == b'\\' && is_quote(at(bytes, start + 1));
    start += usize::from(is_escaped);
    let first = at(bytes, start);
    if is_quote(first) {
        return Some(start + 1..quotation_end(bytes, start + 1, first, is_escaped));
    }
    // `token: expired` is prose, `"token": 7` is not; what a list or an object has in it is looked at by
    // itself.
    let is_prose = at(bytes, sign) == b':' && !name.is_quoted;
    if is_prose || matches!(first, b'{' | b'[' | b'(') {
        return None;
    }
    let end = run(bytes, start, |byte| !ends_word(byte) && !is_quote(byte) && !matches!(byte, b'&' | b';'));
    let value = start..without_punctuation(bytes, start..end);
    (!is_placeholder(part(bytes, value.clone()))).then_some(value)
}

fn value_start(bytes: &[u8], sign: usize) -> Option<usize> {
    let mut start = sign + 1;
    match (at(bytes, sign), at(bytes, start)) {
        // A comparison, or the end of a text in base64; a path, as code has them.
        (b'=', b'=') | (b':', b':') => return None,
        (b'=', b'>') => start += 1,
        _ => {}
    }
    start = run_within(bytes, start, MOST_BLANKS, |byte| byte == b' ');
    let is_option = part(bytes, start..bytes.len()).starts_with(b"Some(");
    Some(if is_option { start + b"Some(".len() } else { start })
}

/// The place of the closing quote, of its backslash if that is escaped; else the end.
fn quotation_end(bytes: &[u8], start: usize, quote: u8, is_escaped: bool) -> usize {
    if is_escaped {
        return find(bytes, start, &[b'\\', quote]).unwrap_or(bytes.len());
    }
    let mut end = start;
    loop {
        match position(bytes, end, |byte| byte == quote || byte == b'\\') {
            Some(backslash) if at(bytes, backslash) == b'\\' => end = backslash + 2,
            Some(close) => return close,
            None => return bytes.len(),
        }
    }
}

/// Does it stand for a value that is elsewhere, or for none?
fn is_placeholder(value: &[u8]) -> bool {
    let is_numbered = |rest: &[u8]| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
    match value {
        b"?" | b"%s" | b"null" | b"None" | b"nil" | b"true" | b"false" | b"undefined" => true,
        [b'$', rest @ ..] => is_numbered(rest),
        masked => !masked.is_empty() && masked.iter().all(|byte| *byte == b'*'),
    }
}

const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}
