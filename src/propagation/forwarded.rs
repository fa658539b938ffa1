//! What proxies say of a request they pass on (floor 2): `Forwarded` [RFC 7239] and its predecessors
//! `X-Forwarded-For`, `-Host` and `-Proto`, which no RFC defines.
//!
//! Reads what one proxy has said, counted from this end: whatever stands before it was written by
//! whoever called that proxy, who must not be able to blank it out. So it is looked at as far only as it takes
//! to tell where it ends. Whether a proxy is to be believed is not known here. Allocates nothing.

use super::propagator::Reason;
use crate::context::{
    Bounded, Extent, Lines, MAX_HEADER_LINES, ascii, is_between_members, is_blank, is_tchar, rsplit_once,
    skip, trim, trim_end, trim_start,
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::ControlFlow::{Break, Continue},
};

/// The header of RFC 7239.
pub const FORWARDED: &str = "forwarded";
/// The header of the clients' addresses.
pub const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// The header of the host that was asked for.
pub const X_FORWARDED_HOST: &str = "x-forwarded-host";
/// The header of the scheme that was used.
pub const X_FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The most hops that are counted; more are taken for as many.
pub const MAX_HOPS: usize = 64;

/// What one proxy says of the request as it came to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop<'a> {
    /// Who called the proxy.
    pub client: Option<Node>,
    /// The host it was called by, perhaps with a port: a name, or an IP address as in a URL.
    pub host: Option<&'a str>,
    /// The scheme it was called with, in lowercase: `http`, `https`, `ws` or `wss`.
    pub scheme: Option<&'static str>,
}

/// Who a proxy was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// This address.
    Address(IpAddr),
    /// Somebody the proxy does not know, or does not name.
    Hidden,
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardedError {
    /// More than 8,192 bytes in all lines of a header.
    #[error("a header of forwarding has more than 8192 bytes")]
    TooLong,
    /// More than 64 lines of a header.
    #[error("a header of forwarding has more than 64 lines")]
    TooMany,
    /// Something other than pairs of a name and a value, or a name twice.
    #[error("the Forwarded header is no list of name=value pairs, each name once")]
    Layout,
    /// `for` or `X-Forwarded-For` with something other than an address.
    #[error("the client of a forwarded request is no IP address, no 'unknown' and no '_name'")]
    Client,
    /// `host` or `X-Forwarded-Host` with a byte that no host has.
    #[error("the host of a forwarded request is none")]
    Host,
    /// `proto` or `X-Forwarded-Proto` with something other than a scheme.
    #[error("the scheme of a forwarded request is none of http, https, ws and wss")]
    Scheme,
}

impl ForwardedError {
    /// The reason to count.
    pub const fn reason(self) -> Reason {
        match self {
            Self::TooLong => Reason::TooLong,
            Self::TooMany => Reason::TooMany,
            _ => Reason::Malformed,
        }
    }
}

/// Reads all lines of `Forwarded` for what the proxy says that is so many hops away: 1 is the one that
/// called this service. It is `None` if the header has fewer elements.
///
/// Names count in any case. Those other than `for`, `host` and `proto` are passed over. What stands before that
/// element, which whoever called the proxy may have written, has to have the layout of elements, since it
/// would not be clear otherwise where the next begins; a line before it may be anything.
///
/// # Errors
///
/// The first thing that is wrong, in that element or behind it; [`Layout`](ForwardedError::Layout) also for
/// what stands before it in its line.
///
/// ```
/// use throughline::propagation::forwarded;
///
/// let lines = ["for=192.0.2.60", "for=10.1.2.3;host=shop.example;proto=https"];
/// let edge = forwarded::parse(lines, 1)?.unwrap_or_default();
/// assert_eq!((edge.host, edge.scheme), (Some("shop.example"), Some("https")));
/// # Ok::<(), forwarded::ForwardedError>(())
/// ```
pub fn parse<'a>(lines: impl Lines<'a>, hops: usize) -> Result<Option<Hop<'a>>, ForwardedError> {
    let mut latest = Latest::new();
    let mut error = None;
    for line in few(&lines)?.as_slice() {
        if let Err(broken) = latest.push_all(line) {
            // Quotes do not span lines: the next one can be read again.
            latest = Latest::new();
            error = Some(broken);
        }
    }
    let hops = hops.clamp(1, MAX_HOPS);
    if latest.at_hop(hops).is_none() {
        return error.map_or(Ok(None), Err);
    }
    (1..=hops).filter_map(|hop| latest.at_hop(hop)).try_fold(None, |_, text| hop(text).map(Some))
}

/// All lines, of which there are few.
fn few<'a>(lines: &impl Lines<'a>) -> Result<Bounded<&'a [u8], MAX_HEADER_LINES>, ForwardedError> {
    let mut few = Bounded::new(&b""[..]);
    match Extent::of(lines) {
        Extent::None => {}
        Extent::One(line) => few.push(line).ok_or(ForwardedError::TooMany)?,
        Extent::Several => {
            let walk = lines.walk(|line| few.push(line).map_or(Break(()), Continue));
            walk.is_continue().then_some(()).ok_or(ForwardedError::TooMany)?;
        }
        Extent::TooLong => return Err(ForwardedError::TooLong),
        Extent::TooMany => return Err(ForwardedError::TooMany),
    }
    Ok(few)
}

/// The last [`MAX_HOPS`] elements.
struct Latest<'a> {
    elements: [&'a [u8]; MAX_HOPS],
    seen: usize,
}

impl<'a> Latest<'a> {
    const fn new() -> Self {
        Self { elements: [b""; MAX_HOPS], seen: 0 }
    }

    /// The elements of a line, of which nothing but the layout is checked.
    fn push_all(&mut self, line: &'a [u8]) -> Result<(), ForwardedError> {
        let mut rest = line;
        loop {
            // Empty elements are none [RFC 9110, 5.6.1.2].
            rest = trim_start(rest, is_between_members);
            if rest.is_empty() {
                return Ok(());
            }
            let behind = for_each_pair(rest, |_, _| Ok(()))?;
            let element = rest.get(..rest.len() - behind.len()).unwrap_or_default();
            if let Some(place) = self.elements.get_mut(self.seen % MAX_HOPS) {
                *place = element;
            }
            self.seen += 1;
            rest = behind;
        }
    }

    /// The element that stands so far from the end, which is at most [`MAX_HOPS`].
    fn at_hop(&self, hops: usize) -> Option<&'a [u8]> {
        let place = self.seen.checked_sub(hops)?;
        self.elements.get(place % MAX_HOPS).copied()
    }
}

fn hop(element: &[u8]) -> Result<Hop<'_>, ForwardedError> {
    let mut hop = Hop::default();
    for_each_pair(element, |name, value| take_over(&mut hop, name, value))?;
    Ok(hop)
}

/// The pairs of an element; returns what comes behind it: nothing, or a comma [RFC 7239, 4].
fn for_each_pair<'a>(
    mut rest: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), ForwardedError>,
) -> Result<&'a [u8], ForwardedError> {
    loop {
        // A pair may be empty, as behind the last semicolon.
        if !matches!(rest, [] | [b';' | b',' | b' ' | b'\t', ..]) {
            let (name, value, after) = pair(rest).ok_or(ForwardedError::Layout)?;
            each(name, value)?;
            rest = after;
        }
        match rest {
            [b';', after @ ..] => rest = after,
            _ => break,
        }
    }
    match trim_start(rest, is_blank) {
        behind @ ([] | [b',', ..]) => Ok(behind),
        _ => Err(ForwardedError::Layout),
    }
}

fn take_over<'a>(hop: &mut Hop<'a>, name: &[u8], value: &'a [u8]) -> Result<(), ForwardedError> {
    let was_there = if name.eq_ignore_ascii_case(b"for") {
        hop.client.replace(node(value)?).is_some()
    } else if name.eq_ignore_ascii_case(b"host") {
        hop.host.replace(host(value)?).is_some()
    } else if name.eq_ignore_ascii_case(b"proto") {
        hop.scheme.replace(scheme(value)?).is_some()
    } else {
        false
    };
    if was_there { Err(ForwardedError::Layout) } else { Ok(()) }
}

/// A name, its value without quotes, and what comes behind.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let behind_name = skip(text, is_tchar);
    let name = text.get(..text.len() - behind_name.len()).filter(|name| !name.is_empty())?;
    let value = behind_name.strip_prefix(b"=")?;
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let end = end_of_quoted(quoted)?;
        let (value, behind) = quoted.split_at_checked(end)?;
        return Some((name, value, behind.get(1..)?));
    }
    let behind = skip(value, is_tchar);
    let value = value.get(..value.len() - behind.len()).filter(|value| !value.is_empty())?;
    Some((name, value, behind))
}

/// Where the closing quote stands [RFC 9110, 5.6.4]. What is escaped stays so: no value that is read
/// here has a character that needs it.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    for (place, byte) in text.iter().enumerate() {
        match byte {
            0..=8 | 10..=31 | 127 => return None,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(place),
            _ => {}
        }
    }
    None
}

/// A node with or without a port [RFC 7239, 6]; the port is checked and left out.
fn node(value: &[u8]) -> Result<Node, ForwardedError> {
    let read = || {
        let (name, port) = match value {
            [b'[', rest @ ..] => {
                let end = rest.iter().position(|byte| *byte == b']')?;
                let (address, behind) = rest.split_at_checked(end)?;
                let address: Ipv6Addr = ascii(address).parse().ok()?;
                return is_port(behind.get(1..)?).then_some(Node::Address(address.into()));
            }
            _ => match value.iter().position(|byte| *byte == b':') {
                Some(colon) => value.split_at_checked(colon)?,
                None => (value, &b""[..]),
            },
        };
        let node = match name {
            [b'_', rest @ ..] if !rest.is_empty() && rest.iter().all(is_obfuscated) => Node::Hidden,
            _ if name.eq_ignore_ascii_case(b"unknown") => Node::Hidden,
            _ => Node::Address(ascii(name).parse::<Ipv4Addr>().ok()?.into()),
        };
        is_port(port).then_some(node)
    };
    if value.len() > MAX_HOST_BYTES { None } else { read() }.ok_or(ForwardedError::Client)
}

/// Nothing, or a colon and a port, perhaps an obfuscated one.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', b'_', rest @ ..] => !rest.is_empty() && rest.iter().all(is_obfuscated),
        [b':', digits @ ..] => {
            digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) && ascii(digits).parse::<u16>().is_ok()
        }
        _ => false,
    }
}

const fn is_obfuscated(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// A name or an address, with or without a port.
fn host(value: &[u8]) -> Result<&str, ForwardedError> {
    let is_name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~');
    let is_host = || {
        let (has_name, port) = match value {
            [b'[', rest @ ..] => {
                let end = rest.iter().position(|byte| *byte == b']')?;
                let (address, behind) = rest.split_at_checked(end)?;
                (ascii(address).parse::<Ipv6Addr>().is_ok(), behind.get(1..)?)
            }
            _ => {
                let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
                let (name, port) = value.split_at_checked(end)?;
                (!name.is_empty() && name.iter().all(is_name_byte), port)
            }
        };
        Some(has_name && is_port(port) && !port.starts_with(b":_"))
    };
    if value.len() <= MAX_HOST_BYTES && is_host() == Some(true) {
        Ok(ascii(value))
    } else {
        Err(ForwardedError::Host)
    }
}

/// A name of 253 bytes [RFC 1035, 2.3.4], and a port. Nor has a node more, for which there is no rule.
const MAX_HOST_BYTES: usize = 259;

fn scheme(value: &[u8]) -> Result<&'static str, ForwardedError> {
    let known = ["http", "https", "ws", "wss"];
    let known = known.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(value));
    known.ok_or(ForwardedError::Scheme)
}

/// Reads all lines of `X-Forwarded-For`, as [`parse`] does: the client that the proxy names which is so
/// many hops away. Here an IPv6 address may stand without brackets, and what stands before that client may be
/// anything.
///
/// # Errors
///
/// The first thing that is wrong from the end of the list on, up to that client.
pub fn parse_for<'a>(lines: impl Lines<'a>, hops: usize) -> Result<Option<Node>, ForwardedError> {
    Ok(from_the_end(&lines, hops, listed_node)?.and_then(Found::at_its_place))
}

/// As [`parse_for`], for `X-Forwarded-Host`. Few proxies make a list of it: a single member counts
/// whatever `hops` is.
///
/// # Errors
///
/// As [`parse_for`].
pub fn parse_host<'a>(lines: impl Lines<'a>, hops: usize) -> Result<Option<&'a str>, ForwardedError> {
    Ok(from_the_end(&lines, hops, host)?.map(Found::value))
}

/// As [`parse_host`], for `X-Forwarded-Proto`.
///
/// # Errors
///
/// As [`parse_for`].
pub fn parse_proto<'a>(lines: impl Lines<'a>, hops: usize) -> Result<Option<&'static str>, ForwardedError> {
    Ok(from_the_end(&lines, hops, scheme)?.map(Found::value))
}

fn listed_node(member: &[u8]) -> Result<Node, ForwardedError> {
    // No address is that long.
    let bare = ascii(member.get(..member.len().min(MAX_HOST_BYTES)).unwrap_or_default()).parse::<Ipv6Addr>();
    bare.map_or_else(|_| node(member), |address| Ok(Node::Address(address.into())))
}

/// A member of a list.
enum Found<T> {
    /// The one that stands so far from the end.
    AtItsPlace(T),
    /// The only one.
    Single(T),
}

impl<T> Found<T> {
    fn at_its_place(self) -> Option<T> {
        match self {
            Self::AtItsPlace(value) => Some(value),
            Self::Single(_) => None,
        }
    }

    fn value(self) -> T {
        match self {
            Self::AtItsPlace(value) | Self::Single(value) => value,
        }
    }
}

/// The member that stands so far from the end: it and those behind it are read, the others not.
fn from_the_end<'a, T>(
    lines: &impl Lines<'a>,
    hops: usize,
    read: impl Fn(&'a [u8]) -> Result<T, ForwardedError>,
) -> Result<Option<Found<T>>, ForwardedError> {
    let hops = hops.clamp(1, MAX_HOPS);
    let (mut seen, mut last) = (0, None);
    for line in few(lines)?.as_slice().iter().rev() {
        let mut rest = trim_end(line, is_between_members);
        while !rest.is_empty() {
            let (before, member) = rsplit_once(rest, b',').unwrap_or((b"", rest));
            rest = trim_end(before, is_between_members);
            seen += 1;
            let value = read(trim(member))?;
            if seen == hops {
                return Ok(Some(Found::AtItsPlace(value)));
            }
            last = Some(value);
        }
    }
    Ok(last.filter(|_| seen == 1).map(Found::Single))
}
