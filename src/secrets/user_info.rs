//! User names and passwords in URLs (floor 0) [RFC 3986, 3.2.1].

use super::bytes::{at, before, ends_word, find, part, run, run_within};
use std::ops::Range;

/// What the semantic conventions put in its place [OpenTelemetry, url.full].
pub(super) const REPLACEMENT: &str = "REDACTED:REDACTED";
/// How far a password that has a `/`, `?` or `#` in clear is followed.
const MOST_BROKEN_BYTES: usize = 256;

/// The next user info, without its `@`.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let slashes = find(bytes, from, b"//")?;
        let start = slashes + 2;
        from = start;
        if slashes > 0 && before(bytes, slashes) != b':' {
            continue;
        }
        let end = run(bytes, start, |byte| !ends_word(byte) && !matches!(byte, b'/' | b'?' | b'#'));
        let user_info = match last_at(bytes, start..end) {
            Some(end) => start..end,
            None if has_port(bytes, start..end) => continue,
            // No port follows the colon, so it was no host that stood before it.
            None => {
                let end = run_within(bytes, start, MOST_BROKEN_BYTES, |byte| !ends_word(byte));
                match last_at(bytes, start..end) {
                    Some(end) => start..end,
                    None if is_cut && end == bytes.len() => start..end,
                    None => continue,
                }
            }
        };
        if !user_info.is_empty() && part(bytes, user_info.clone()) != REPLACEMENT.as_bytes() {
            return Some(user_info);
        }
    }
}

fn last_at(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    let start = range.start;
    part(bytes, range).iter().rposition(|byte| *byte == b'@').map(|at| start + at)
}

/// Is it a host, with a port or without?
fn has_port(bytes: &[u8], authority: Range<usize>) -> bool {
    let authority = part(bytes, authority);
    match authority.iter().rposition(|byte| *byte == b':') {
        None => true,
        // Text may follow that is none of the URL's: `http://host:80: refused`.
        Some(colon) => {
            let port = part(authority, colon + 1..authority.len());
            let digits = run(port, 0, |byte| byte.is_ascii_digit());
            !at(port, digits).is_ascii_alphanumeric()
        }
    }
}
