//! Who a request is addressed to (floor 5): the target's authority, else the `Host` header
//! [RFC 9110, 7.2].

use crate::context::any_byte;
use http::{HeaderValue, Uri, uri::Authority};
use std::borrow::Cow;

/// An authority, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Addressed<'a> {
    /// As it was written.
    pub(super) authority: Cow<'a, str>,
    /// As `server.address` has it: an IPv6 address without its brackets.
    pub(super) host: Cow<'a, str>,
    pub(super) port: Option<u16>,
}

impl<'a> Addressed<'a> {
    /// `None` where neither says it, or the header is no authority.
    pub(super) fn of(uri: &'a Uri, header: Option<&'a HeaderValue>) -> Option<Self> {
        match uri.authority() {
            Some(authority) => Some(Self::from_authority(authority)),
            None => {
                let header = header?;
                header.to_str().ok().and_then(plain).or_else(|| Self::parse(header.as_bytes()))
            }
        }
    }

    pub(super) fn from_authority(authority: &'a Authority) -> Self {
        let text = authority.as_str();
        plain(text).unwrap_or_else(|| Self {
            authority: text.into(),
            host: host(authority).into(),
            port: authority.port_u16(),
        })
    }

    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(text).ok().and_then(plain).or_else(|| {
            let authority = Authority::try_from(text).ok()?;
            let port = authority.port_u16();
            Some(Self {
                host: host(&authority).to_owned().into(),
                authority: authority.to_string().into(),
                port,
            })
        })
    }
}

/// A name or an IPv4 address, with or without a port: most authorities, which one look at each byte finds
/// to be valid. `None` of any other.
fn plain(text: &str) -> Option<Addressed<'_>> {
    /// A colon and the five digits of a port.
    const PORT: usize = 6;

    let (mut number, mut unit, mut colon) = (0_u32, 1, None);
    for (place, byte) in text.bytes().enumerate().rev().take(PORT) {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            colon = Some(place).filter(|_| byte == b':');
            break;
        }
        number += digit * unit;
        unit *= 10;
    }
    let (host, port) = match colon {
        // Without a digit, or beyond what is a port: the long way tells what is meant.
        Some(_) if unit == 1 => return None,
        Some(colon) => (text.get(..colon)?, Some(u16::try_from(number).ok()?)),
        None => (text, None),
    };
    let is_plain = !host.is_empty() && !any_byte(host.as_bytes(), |byte| !is_of_name(byte));
    is_plain.then_some(Addressed { authority: text.into(), host: host.into(), port })
}

const fn is_of_name(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a');
    let digit = byte.wrapping_sub(b'0');
    (letter < 26) | (digit < 10) | (byte == b'.') | (byte == b'-')
}

/// An authority's host, without brackets.
pub(super) fn host(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// The port that a URL of this scheme means if it names none.
pub(super) fn default_port(scheme: &str) -> u16 {
    if matches!(scheme, "https" | "wss") { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the `http` crate takes it apart.
    fn taken_apart(text: &str) -> Option<(String, String, Option<u16>)> {
        let authority: Authority = text.parse().ok()?;
        Some((authority.to_string(), host(&authority).to_owned(), authority.port_u16()))
    }

    fn parsed(text: &str) -> Option<(String, String, Option<u16>)> {
        let Addressed { authority, host, port } = Addressed::parse(text.as_bytes())?;
        Some((authority.into_owned(), host.into_owned(), port))
    }

    #[test]
    fn the_short_way_finds_what_the_long_one_does() {
        let texts = [
            "",
            ":",
            "a",
            "a:",
            ":80",
            "a:0",
            "a:80",
            "a:080",
            "a:65535",
            "a:65536",
            "a:99999",
            "a:+80",
            "a:8a",
            "a:80:80",
            "192.0.2.7:80",
            "[::1]",
            "[::1]:80",
            "::1",
            "u@a",
            "u:p@a:80",
            "a_b",
            "a b",
            "A.b-c:1",
            "a/b",
            "%41",
            "\u{e9}",
        ];
        for text in texts {
            assert_eq!(parsed(text), taken_apart(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text(text in "[a1.:@\\[\\]%_-]{0,12}") {
            prop_assert_eq!(parsed(&text), taken_apart(&text));
        }
    }
}
