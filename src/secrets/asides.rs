//! Names with their values in rarer forms (floor 0): percent-encoded within another value, as in
//! `?next=%2Fcallback%3Fcode%3D…`; as an option, `--password …`; as an element, `<password>…</password>`.

use super::{
    Names, Secret, Secrets,
    bytes::{
        Class, at, before, encoded_at, ends_word, escape_before, is_blank, is_quote, part, position_of,
        run_back, run_within, without_punctuation,
    },
    names::MOST_NAME_BYTES,
    pairs::{Form, is_new, name_start},
    prose::is_prose,
    values,
};
use std::ops::Range;

/// As long as a name is when each of its bytes is encoded.
const MOST_ENCODED_BYTES: usize = 3 * MOST_NAME_BYTES;

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
        let sign = position_of(bytes, from, [b'%', b'>', b'-'])?;
        from = sign + 1;
        let found = match at(bytes, sign) {
            b'%' => encoded(bytes, sign, names, form),
            b'>' => element(bytes, sign, names).map(|value| (value, Secret::Assignment)),
            _ => option(bytes, sign, names).map(|value| (value, Secret::Assignment)),
        };
        if let Some((value, kind)) = found
            && kinds.has(kind)
            && is_new(part(bytes, value.clone()))
            && !values::is_placeholder(part(bytes, value.clone()))
        {
            return Some((value, kind));
        }
    }
}

/// The value behind an encoded `=`, or `:` in JSON.
fn encoded(bytes: &[u8], sign: usize, names: &Names, form: Form) -> Option<(Range<usize>, Secret)> {
    let (byte, width) = encoded_at(bytes, sign).filter(|(byte, _)| matches!(byte, b'=' | b':'))?;
    let quote = escape_before(bytes, sign).filter(|(byte, _)| is_quote(*byte));
    let end = quote.map_or(sign, |(_, width)| sign - width);
    if byte == b':' && quote.is_none() {
        return None;
    }
    let start = run_back(bytes, end, MOST_ENCODED_BYTES, |byte| Class::Name.has(byte));
    let (start, before) = name_start(bytes, start..end);
    let name = part(bytes, start.max(end.saturating_sub(MOST_NAME_BYTES))..end);
    let is_query = quote.is_none() && matches!(before, b'?' | b'&' | b'#' | b';');
    let is_secret = if is_query { names.is_secret_query(name) } else { names.is_secret_key(name) };
    let kind = if is_query { Secret::Query } else { Secret::Assignment };
    is_secret.then(|| (encoded_value(bytes, sign + width, (byte, width), form), kind))
}

/// To the encoded `&` or `#`, or quote if it begins with one; else to where the value ends that all of it is in.
fn encoded_value(bytes: &[u8], start: usize, sign: (u8, usize), form: Form) -> Range<usize> {
    let quote = encoded_at(bytes, start).filter(|(byte, _)| is_quote(*byte));
    let start = quote.map_or(start, |(_, width)| start + width);
    let ends_around = |byte| matches!(byte, b'&' | b'#') || (!form.is_url && ends_word(byte));
    let ends = |place: usize| match (encoded_at(bytes, place), quote) {
        (None, _) => false,
        (found, Some(_)) => {
            found == quote && escape_before(bytes, place).is_none_or(|(byte, _)| byte != b'\\')
        }
        (Some((byte, width)), None) => {
            let closes =
                if sign.0 == b':' { matches!(byte, b',' | b'}') } else { matches!(byte, b'&' | b'#') };
            width == sign.1 && closes
        }
    };
    let is_end = |place: &usize| match at(bytes, *place) {
        b'%' => ends(*place),
        byte => ends_around(byte),
    };
    let end = (start..bytes.len()).find(is_end).unwrap_or(bytes.len());
    let is_closed = form.is_url || at(bytes, end) == b'%';
    start..if is_closed { end } else { without_punctuation(bytes, start..end) }
}

/// The text of an element without attributes.
fn element(bytes: &[u8], sign: usize, names: &Names) -> Option<Range<usize>> {
    let start = run_back(bytes, sign, MOST_NAME_BYTES, |byte| Class::Name.has(byte));
    let name = part(bytes, start..sign);
    if !matches!(before(bytes, start), b'<' | b':') || !names.is_secret_key(name) {
        return None;
    }
    let end = position_of(bytes, sign + 1, [b'<'])?;
    // Behind the closing tag's prefix, if it has one. So `Vec<Password>` is none.
    let tag = part(bytes, end..bytes.len()).strip_prefix(b"</")?;
    let tag = part(tag, 0..run_within(tag, 0, 2 * MOST_NAME_BYTES, |byte| byte != b'>'));
    tag.ends_with(name).then_some(sign + 1..end)
}

/// What follows an option of a command, in a line or in a printed list.
fn option(bytes: &[u8], sign: usize, names: &Names) -> Option<Range<usize>> {
    let start = sign + 2;
    if at(bytes, sign + 1) != b'-' || Class::Name.has(before(bytes, sign)) {
        return None;
    }
    let end = run_within(bytes, start, MOST_NAME_BYTES, |byte| Class::Name.has(byte));
    let is_item = is_quote(at(bytes, end));
    let behind = end + usize::from(is_item) + usize::from(is_item && at(bytes, end + 1) == b',');
    let value = run_within(bytes, behind, values::MOST_BLANKS, is_blank);
    let is_apart = value > end && (!is_item || is_quote(at(bytes, value)));
    // `--password <PASSWORD>` says how it is used.
    if !is_apart
        || matches!(at(bytes, value), b'-' | b'<' | b'[')
        || !names.is_secret_key(part(bytes, start..end))
    {
        return None;
    }
    (is_item || !is_prose(bytes, value)).then(|| values::value(bytes, value))
}
