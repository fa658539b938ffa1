//! E-mail addresses (floor 0) [RFC 5321, 4.1.2], as far as people have them: no quotes, no comments, ASCII.

use super::{
    bytes::{part, position, run_back, run_within},
    user_info,
};
use std::ops::Range;

const MOST_LOCAL_BYTES: usize = 64;
const MOST_DOMAIN_BYTES: usize = 255;

/// The next address. Where the text `is_cut`, its end may be missing.
pub(super) fn next(bytes: &[u8], from: usize, is_cut: bool) -> Option<Range<usize>> {
    let mut from = from;
    loop {
        let at = position(bytes, from, |byte| byte == b'@')?;
        from = at + 1;
        let start = run_back(bytes, at, MOST_LOCAL_BYTES, is_local);
        let domain_end = run_within(bytes, from, MOST_DOMAIN_BYTES, is_domain);
        let is_replaced_user = part(bytes, 0..at).ends_with(user_info::REPLACEMENT.as_bytes());
        if start == at || is_replaced_user {
            continue;
        }
        if let Some(length) = domain_length(part(bytes, from..domain_end)) {
            return Some(start..from + length);
        }
        if is_cut && domain_end == bytes.len() {
            return Some(start..domain_end);
        }
    }
}

/// How much of it is a domain: names with dots between them, the last of letters.
fn domain_length(text: &[u8]) -> Option<usize> {
    let tail = text.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let domain = part(text, 0..text.len() - tail);
    let dot = domain.iter().rposition(|byte| *byte == b'.')?;
    let top = part(domain, dot + 1..domain.len());
    let is_domain = dot > 0 && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    is_domain.then_some(domain.len())
}

const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'!' | b'#' | b'$' | b'*' | b'^' | b'{' | b'}' | b'~'
        )
}

const fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}
