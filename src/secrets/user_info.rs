//! User names and passwords in URLs (floor 0) [RFC 3986, 3.2.1], the URL percent-encoded or not.

use super::bytes::{at, before, encoded_at, ends_word, part, position_of, run, run_within};
use std::ops::Range;

/// What the semantic conventions put in its place [OpenTelemetry, url.full].
pub(super) const REPLACEMENT: &str = "REDACTED:REDACTED";
/// How far a password that has a `/`, `?` or `#` in clear is followed.
const MOST_BROKEN_BYTES: usize = 256;
/// The same of one with a space in it.
const MOST_SPACED_BYTES: usize = 64;
const MOST_PORT_DIGITS: usize = 5;

/// The next user info, without its `@`.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let slash = position_of(bytes, from, [b'/', b'%'])?;
        from = slash + 1;
        let Some(slashes) = Slashes::at(bytes, slash) else {
            continue;
        };
        from = slashes.end;
        let user_info = user_info(bytes, &slashes, is_cut);
        if let Some(user_info) = user_info
            && !user_info.is_empty()
            && part(bytes, user_info.clone()) != REPLACEMENT.as_bytes()
        {
            return Some(user_info);
        }
    }
}

/// The two before an authority: `//`, `\/\/` as in JSON, or encoded.
struct Slashes {
    end: usize,
    is_encoded: bool,
    /// A scheme's colon, or nothing at all, is before them.
    are_a_url_s: bool,
}

impl Slashes {
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let rest = part(bytes, start..bytes.len());
        if let Some((b'/', width)) = encoded_at(bytes, start) {
            return (encoded_at(bytes, start + width) == Some((b'/', width))).then_some(Self {
                end: start + 2 * width,
                is_encoded: true,
                are_a_url_s: true,
            });
        }
        let is_escaped = rest.starts_with(b"/\\/");
        if !is_escaped && !rest.starts_with(b"//") {
            return None;
        }
        let first = start - usize::from(is_escaped && before(bytes, start) == b'\\');
        let previous = before(bytes, first);
        // Else it is a path's: what follows has to look like a name with a password.
        let may_begin = previous.is_ascii_whitespace() || b"([{<\"'`=,>".contains(&previous);
        let are_a_url_s = first == 0 || previous == b':';
        let end = start + if is_escaped { 3 } else { 2 };
        (are_a_url_s || may_begin).then_some(Self { end, is_encoded: false, are_a_url_s })
    }
}

fn user_info(bytes: &[u8], slashes: &Slashes, is_cut: bool) -> Option<Range<usize>> {
    let start = slashes.end;
    let ends_authority = |place: usize| match at(bytes, place) {
        b'/' | b'?' | b'#' => true,
        b'&' => slashes.is_encoded,
        b'%' => {
            slashes.is_encoded && encoded_at(bytes, place).is_some_and(|(byte, _)| b"/?#".contains(&byte))
        }
        _ => ends_url(bytes, place),
    };
    let end = (start..bytes.len()).find(|place| ends_authority(*place)).unwrap_or(bytes.len());
    if let Some(end) = last_at(bytes, start..end, slashes.is_encoded) {
        let has_password = slashes.are_a_url_s || part(bytes, start..end).contains(&b':');
        return has_password.then_some(start..end);
    }
    if !slashes.are_a_url_s || has_port(bytes, start..end, is_cut) {
        return None;
    }
    // No port follows the colon, so it was no host that stood before it.
    let most = bytes.len().min(start + MOST_BROKEN_BYTES);
    let word = (start..most).find(|place| ends_url(bytes, *place)).unwrap_or(most);
    if let Some(end) = last_at(bytes, start..word, slashes.is_encoded) {
        return Some(start..end);
    }
    if is_cut && word == bytes.len() {
        return Some(start..word);
    }
    let is_begun = word == end && before(bytes, word) != b':';
    let spaced = run_within(bytes, word, MOST_SPACED_BYTES, |byte| byte == b' ' || !ends_word(byte));
    let at = part(bytes, word..spaced).iter().position(|byte| *byte == b'@')?;
    is_begun.then_some(start..word + at)
}

/// Does the URL end here? Some write the domain of a user before a backslash.
fn ends_url(bytes: &[u8], place: usize) -> bool {
    let byte = at(bytes, place);
    let is_name = byte == b'\\' && at(bytes, place + 1).is_ascii_alphanumeric();
    ends_word(byte) && !is_name
}

/// Where the last `@` is.
fn last_at(bytes: &[u8], range: Range<usize>, is_encoded: bool) -> Option<usize> {
    range.rev().find(|place| {
        at(bytes, *place) == b'@'
            || (is_encoded && encoded_at(bytes, *place).is_some_and(|(byte, _)| byte == b'@'))
    })
}

/// Is it a host, with a port or without? A number that is cut may have been a part of a password.
fn has_port(bytes: &[u8], authority: Range<usize>, is_cut: bool) -> bool {
    let is_at_cut = is_cut && authority.end == bytes.len();
    let is_followed = matches!(at(bytes, authority.end), b'/' | b'?' | b'#');
    let authority = part(bytes, authority);
    let Some(colon) = authority.iter().rposition(|byte| *byte == b':') else {
        return true;
    };
    // Text may follow that is none of the URL's: `http://host:80: refused`.
    let port = part(authority, colon + 1..authority.len());
    let digits = run(port, 0, |byte| byte.is_ascii_digit());
    // An address in brackets has colons of its own.
    if authority.starts_with(b"[") && port.ends_with(b"]") {
        return true;
    }
    let is_number = (1..=MOST_PORT_DIGITS).contains(&digits) && !at(port, digits).is_ascii_alphanumeric();
    (is_number || (port.is_empty() && !is_followed)) && !is_at_cut
}
