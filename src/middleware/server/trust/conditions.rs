//! What can be asked about a request before it is believed (floor 5), and how answers are combined.

use crate::middleware::addresses::is_private;
use http::{HeaderName, request};
use std::{borrow::Cow, fmt, hint::black_box, net::SocketAddr};

/// A request as it arrives.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    head: &'a request::Parts,
    peer: Option<SocketAddr>,
}

impl<'a> Arrival<'a> {
    /// A request that came over a connection from this address, where that is known.
    pub const fn new(head: &'a request::Parts, peer: Option<SocketAddr>) -> Self {
        Self { head, peer }
    }

    /// The request's head.
    pub const fn head(&self) -> &'a request::Parts {
        self.head
    }

    /// The other end of the connection, as [`ServerLayer::peer`](crate::middleware::ServerLayer::peer)
    /// tells it: a proxy, if there is one.
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}

/// Something that holds of a request or does not. A closure of the same form is a condition.
///
/// Must not block, and should not panic: that would be a panic in the service.
pub trait Condition: Send + Sync {
    /// Does it hold of this request?
    fn holds(&self, arrival: &Arrival<'_>) -> bool;

    /// Headers whose values are secrets of the condition's. The layer marks them as sensitive, so that they are
    /// not recorded, even where they are named.
    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }

    /// Both hold. The other is asked only if this one does.
    fn and(self, other: impl Condition) -> impl Condition
    where
        Self: Sized,
    {
        And(self, other)
    }

    /// At least one of both holds. The other is asked only if this one does not.
    fn or(self, other: impl Condition) -> impl Condition
    where
        Self: Sized,
    {
        Or(self, other)
    }

    /// It does not hold.
    fn not(self) -> impl Condition
    where
        Self: Sized,
    {
        Not(self)
    }
}

impl<F: Fn(&Arrival<'_>) -> bool + Send + Sync> Condition for F {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        self(arrival)
    }
}

struct And<A, B>(A, B);

impl<A: Condition, B: Condition> Condition for And<A, B> {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        self.0.holds(arrival) && self.1.holds(arrival)
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        [self.0.secret_headers(), self.1.secret_headers()].concat()
    }
}

struct Or<A, B>(A, B);

impl<A: Condition, B: Condition> Condition for Or<A, B> {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        self.0.holds(arrival) || self.1.holds(arrival)
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        [self.0.secret_headers(), self.1.secret_headers()].concat()
    }
}

struct Not<A>(A);

impl<A: Condition> Condition for Not<A> {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        !self.0.holds(arrival)
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        self.0.secret_headers()
    }
}

/// The other end of the connection has an address of one's own network: loopback, private
/// [RFC 1918; RFC 4193] or link-local, an IPv4 address also where it is mapped into IPv6.
///
/// Behind a proxy every peer has one: there, ask for an [`EdgeHeader`]. Does not hold where the peer's
/// address is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrivatePeer;

impl Condition for PrivatePeer {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        arrival.peer().is_some_and(|peer| is_private(peer.ip()))
    }
}

/// The request has one line of a header, with a value that only one's own edge knows to set.
///
/// The value is compared in a time that does not depend on it. It is neither recorded nor logged, even
/// if the header is among those to be recorded.
#[derive(Clone)]
pub struct EdgeHeader {
    name: HeaderName,
    value: Box<[u8]>,
}

impl EdgeHeader {
    /// Asks for this header with this value. An empty value never fits.
    pub fn new(name: HeaderName, value: impl AsRef<[u8]>) -> Self {
        Self { name, value: value.as_ref().into() }
    }
}

impl Condition for EdgeHeader {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        let mut lines = arrival.head().headers.get_all(&self.name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => !self.value.is_empty() && are_same(line.as_bytes(), &self.value),
            _ => false,
        }
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        vec![self.name.clone()]
    }
}

/// Not the value.
impl fmt::Debug for EdgeHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EdgeHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Compares in a time that depends on the lengths only: how far two texts are the same must not show.
fn are_same(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |all, (one, other)| black_box(all | (one ^ other)));
    one.len() == other.len() && difference == 0
}

/// The request's path is this one or lies below it.
///
/// Compared as it was sent, neither decoded nor normalised, by whole segments: `/hooks` is a prefix of
/// `/hooks` and `/hooks/7`, not of `/hooksmith`. A path with `.` or `..` among its segments, encoded or not,
/// lies below none: what is reached by it is not for its beginning to say.
#[derive(Clone, Debug)]
pub struct PathPrefix(Cow<'static, str>);

impl PathPrefix {
    /// Asks for this path and those below; slashes at its end do not count.
    pub fn new(prefix: impl Into<Cow<'static, str>>) -> Self {
        Self(prefix.into())
    }
}

impl Condition for PathPrefix {
    fn holds(&self, arrival: &Arrival<'_>) -> bool {
        let path = arrival.head().uri.path();
        let below = path.strip_prefix(self.0.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !path.split('/').any(is_dots)
    }
}

/// Is it `.` or `..`, as a server that decodes it would see it?
fn is_dots(segment: &str) -> bool {
    let mut dots = 0;
    let mut rest = segment;
    while !rest.is_empty() {
        let is_coded = rest.get(..3).is_some_and(|code| code.eq_ignore_ascii_case("%2e"));
        let length = if is_coded { 3 } else { 1 };
        let is_dot = is_coded || rest.starts_with('.');
        rest = rest.get(length..).unwrap_or_default();
        dots += 1;
        if !is_dot || dots > 2 {
            return false;
        }
    }
    dots > 0
}
