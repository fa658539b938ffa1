//! Names with their values in texts (floor 0): `?token=…`, `password=…`, `"password": "…"`, `Cookie: …`.

use super::{
    Names, REDACTED, Secret, Secrets,
    bytes::{
        Class, at, before, encoded_at, ends_word, escape_before, is_blank, is_quote, part, position_of, run,
        run_back, without_punctuation,
    },
    names::{MOST_NAME_BYTES, Weight},
    prose::{is_line_end, is_prose, is_prose_in_header},
    values::{self, MOST_BACKSLASHES, MOST_BLANKS, Opening},
};
use std::ops::Range;

/// So far back of a name the place is looked for where it begins.
const MOST_RUN_BYTES: usize = 1024;
/// So far back the brace is looked for in which `{a:1,b:2}` stands.
const MOST_OBJECT_BYTES: usize = 256;

/// What is known of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// It is a URL or a part of one, with nothing before or behind.
    pub(crate) is_url: bool,
    /// It begins with a query, without its `?`.
    pub(crate) is_query: bool,
}

/// What the first test has seen of the text: without it, less of that has to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traits {
    /// Colons in it may stand between names and values.
    pub(super) has_colons: bool,
    /// Something in it may be percent-encoded.
    pub(super) is_encoded: bool,
}

/// The next value that its name says is a secret, and which of `kinds` it is.
pub(super) fn next(
    bytes: &[u8],
    from: usize,
    traits: Traits,
    names: &Names,
    form: Form,
    kinds: Secrets,
) -> Option<(Range<usize>, Secret)> {
    let mut from = from;
    loop {
        let sign = if traits.has_colons {
            position_of(bytes, from, [b'=', b':'])?
        } else {
            position_of(bytes, from, [b'='])?
        };
        from = sign + 1;
        if at(bytes, sign) == b':' && !may_assign(bytes, sign) {
            continue;
        }
        // Nearly no name is a secret's.
        let run = Run::before(bytes, sign);
        if !names.may_be_secret(part(bytes, run.range.clone()), traits.is_encoded) {
            continue;
        }
        let Some(name) = run.name(bytes) else {
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
        if let Some(value) = value.filter(|value| is_new(part(bytes, value.clone()))) {
            return Some((value, kind));
        }
    }
}

/// Is there a value that has not been taken out yet?
pub(super) fn is_new(value: &[u8]) -> bool {
    !value.is_empty() && value != REDACTED.as_bytes()
}

/// Can this colon stand between a name and its value? Not where nothing is on either side of it, as in URLs and
/// times, but in `{a:1,b:2}`.
fn may_assign(bytes: &[u8], colon: usize) -> bool {
    let is_beside = |byte: u8| is_quote(byte) || is_blank(byte);
    is_beside(before(bytes, colon))
        || is_beside(at(bytes, colon + 1))
        || at(bytes, colon + 1).is_ascii_whitespace()
        || at(bytes, colon + 1) == b'\\'
        || values::is_printed(bytes, colon + 1)
        || is_in_object(bytes, colon)
}

fn is_in_object(bytes: &[u8], colon: usize) -> bool {
    let name = run_back(bytes, colon, MOST_NAME_BYTES, |byte| Class::Name.has(byte));
    match before(bytes, name) {
        b'{' => name < colon,
        b',' => part(bytes, name.saturating_sub(MOST_OBJECT_BYTES)..name).contains(&b'{'),
        _ => false,
    }
}

/// The bytes before a sign that a name may have, and perhaps more than the name.
struct Run {
    range: Range<usize>,
    is_quoted: bool,
}

impl Run {
    fn before(bytes: &[u8], sign: usize) -> Self {
        let mut end = values::before_blanks(bytes, sign);
        let is_quoted = is_quote(before(bytes, end));
        if is_quoted {
            end = run_back(bytes, end - 1, MOST_BACKSLASHES, |byte| byte == b'\\');
        } else {
            end = run_back(bytes, end, MOST_BLANKS, |byte| byte == b'+');
        }
        Self { range: run_back(bytes, end, MOST_RUN_BYTES, |byte| Class::Name.has(byte))..end, is_quoted }
    }

    fn name(self, bytes: &[u8]) -> Option<Name> {
        let Self { range, is_quoted } = self;
        let end = range.end;
        let (start, before) = name_start(bytes, range);
        let range = start.max(end.saturating_sub(MOST_NAME_BYTES))..end;
        (!range.is_empty()).then_some(Name { range, is_quoted, before })
    }
}

struct Name {
    range: Range<usize>,
    is_quoted: bool,
    /// What stands before it, what escapes it decoded.
    before: u8,
}

impl Name {
    fn is_in_query(&self, bytes: &[u8], sign: usize, form: Form) -> bool {
        let follows = matches!(self.before, b'?' | b'&' | b'#') || (form.is_url && self.before == b';');
        let is_first = form.is_query && self.before == 0;
        at(bytes, sign) == b'=' && !self.is_quoted && (is_first || follows)
    }
}

/// Where in a run of a name's bytes the name begins, and what stands before it. What separates names may be
/// encoded.
pub(super) fn name_start(bytes: &[u8], run: Range<usize>) -> (usize, u8) {
    let encoded = (run.start..run.end).rev().filter(|place| at(bytes, *place) == b'%').find_map(|place| {
        let (byte, width) = encoded_at(bytes, place)?;
        let is_behind = place + width < run.end;
        (is_behind && is_separator(byte)).then_some((place + width, width, byte))
    });
    if let Some((start, width, byte)) = encoded {
        // Blanks before a name do not count.
        return (start, if byte == b' ' { before_name(bytes, start - width) } else { byte });
    }
    // An escape's letters are read as the name's first: `\u0026`, `\n`.
    if before(bytes, run.start) == b'\\' {
        let escape = [2, 6].into_iter().find_map(|width| {
            let end = run.start + width - 1;
            let (byte, found) = escape_before(bytes, end)?;
            (found == width && end < run.end).then_some((end, byte))
        });
        if let Some(escape) = escape {
            return escape;
        }
    }
    (run.start, before_name(bytes, run.start))
}

/// What stands before a name, blanks left out that a query's names may have.
fn before_name(bytes: &[u8], start: usize) -> u8 {
    let is_html = part(bytes, 0..start).ends_with(b"&amp;");
    let start = run_back(bytes, start, MOST_NAME_BYTES, |byte| byte == b'+');
    if is_html { b'&' } else { before(bytes, start) }
}

const fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric()
        && byte.is_ascii()
        && !matches!(byte, b'-' | b'_' | b'.' | b'[' | b']' | b'~' | b'%')
}

fn in_query(bytes: &[u8], sign: usize, name: &Name, names: &Names, form: Form) -> Option<Range<usize>> {
    if !names.is_secret_query(part(bytes, name.range.clone())) {
        return None;
    }
    let start = sign + 1;
    let (first, second) = (at(bytes, start), at(bytes, start + 1));
    // A shell's quotation, say, and not one in which the URL is.
    if !form.is_url && ends_word(first) && first.is_ascii_graphic() && second.is_ascii_alphanumeric() {
        return Some(values::value(bytes, start));
    }
    if form.is_url {
        return Some(start..run(bytes, start, |byte| !matches!(byte, b'&' | b'#')));
    }
    let end = run(bytes, start, |byte| !ends_word(byte) && !matches!(byte, b'&' | b'#'));
    Some(start..without_punctuation(bytes, start..end))
}

fn in_text(bytes: &[u8], sign: usize, name: &Name, names: &Names) -> Option<Range<usize>> {
    // First, so that only a value that counts is walked over.
    let text = part(bytes, name.range.clone());
    // As it is sent: `api_key` is a name of a program's.
    let is_sent = |name: &str| !name.contains('_') && names.is_secret_header(name);
    let is_header = std::str::from_utf8(text).is_ok_and(is_sent);
    let weight = if is_header { Weight::Strong } else { names.weight(text)? };
    let (start, is_sure) = value_start(bytes, sign, name)?;
    if is_sure {
        return word(bytes, start);
    }
    let is_quoted = Opening::at(bytes, start).is_some();
    if is_quoted || values::is_printed(bytes, start) {
        let value =
            (weight == Weight::Strong || values::is_quotation(bytes, start)).then(|| word(bytes, start))?;
        return value;
    }
    if is_header {
        return if is_prose_in_header(bytes, start) { None } else { line(bytes, start, name) };
    }
    if weight == Weight::Weak || is_prose(bytes, start) { None } else { word(bytes, start) }
}

/// Where the value begins, and whether it is surely none of prose.
fn value_start(bytes: &[u8], sign: usize, name: &Name) -> Option<(usize, bool)> {
    let mut is_sure = at(bytes, sign) == b'=' || name.is_quoted;
    let mut start = sign + 1;
    match (at(bytes, sign), at(bytes, start)) {
        // A comparison, or the end of a text in base64; a path, as code has them.
        (b'=', b'=') | (b':', b':') => return None,
        (b'=', b'>') => start += 1,
        (b':', b'=') => {
            start += 1;
            is_sure = true;
        }
        _ => {}
    }
    let behind = values::behind_blanks(bytes, start);
    // On the next line there may be something else.
    let is_on_line =
        !part(bytes, start..behind).iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'n' | b'r'));
    let is_there = is_on_line || name.is_quoted || Opening::at(bytes, behind).is_some();
    is_there.then_some((behind, is_sure))
}

fn word(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let value = values::value(bytes, start);
    (!values::is_placeholder(part(bytes, value.clone()))).then_some(value)
}

/// A header's value, to the end of the line or of the quotation in which the header stands.
fn line(bytes: &[u8], start: usize, name: &Name) -> Option<Range<usize>> {
    let quote = is_quote(name.before).then_some(name.before);
    let mut end = start;
    while end < bytes.len() {
        let byte = at(bytes, end);
        let is_end = is_line_end(byte)
            || Some(byte) == quote
            || (byte == b'\\'
                && (values::is_written_blank(bytes, end)
                    || quote.is_some_and(|quote| at(bytes, end + 1) == quote)));
        if is_end {
            break;
        }
        end += 1;
    }
    let blanks = end - run_back(bytes, end, end - start, is_blank);
    let value = part(bytes, start..end - blanks);
    // Credentials behind their scheme have been taken out already.
    let scheme = run(value, 0, |byte| byte.is_ascii_alphabetic());
    let credentials = run(value, scheme, is_blank);
    let is_done = scheme > 0 && part(value, credentials..value.len()).starts_with(REDACTED.as_bytes());
    (!is_done || value.contains(&b'=')).then_some(start..end - blanks)
}
