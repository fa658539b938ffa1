//! Where baggage may go (floor 5).

use crate::middleware::addresses::is_private;
use std::{borrow::Cow, net::IpAddr};

/// Decides which hosts a client hands baggage on to. A closure of the same form does.
///
/// ```
/// # use throughline::{Tracer, middleware::ClientLayer};
/// # fn layer(tracer: &Tracer) -> ClientLayer {
/// ClientLayer::new(tracer).baggage_to(|host: &str| host == "stock.example.com")
/// # }
/// ```
pub trait Destinations: Send + Sync {
    /// May this host have baggage? It is as the request's URI has it, without port and user info, and an
    /// IPv6 address without brackets.
    fn contain(&self, host: &str) -> bool;
}

impl<F: Fn(&str) -> bool + Send + Sync> Destinations for F {
    fn contain(&self, host: &str) -> bool {
        self(host)
    }
}

/// Hosts of one's own network, as far as their names tell: the default.
///
/// - addresses: loopback, private [RFC 1918; RFC 4193] and link-local;
/// - names of one label, which begin with a letter: `stock`, `localhost`;
/// - names below `localhost` [RFC 6761], `local` [RFC 6762], `home.arpa` [RFC 8375], `internal`, which is
///   reserved for private use, and `svc`, as in Kubernetes: `stock.shop.svc`;
/// - those that are added.
///
/// A label with a dot behind it is none of them: no search domain is added to it.
///
/// ```
/// use throughline::middleware::{Destinations, OwnNetwork};
///
/// let own = OwnNetwork::new().and("stock.example.com").and(".corp.example");
/// assert!(own.contain("10.1.2.3") && own.contain("stock") && own.contain("tax.corp.example"));
/// assert!(!own.contain("example.com") && !own.contain("corp.example"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct OwnNetwork {
    added: Vec<Cow<'static, str>>,
}

impl OwnNetwork {
    /// The hosts that are told by their names alone.
    pub const fn new() -> Self {
        Self { added: Vec::new() }
    }

    /// This host as well or, where it begins with a dot, all hosts below. Case does not count.
    #[must_use]
    pub fn and(mut self, host: impl Into<Cow<'static, str>>) -> Self {
        self.added.push(host.into());
        self
    }
}

const OWN_SUFFIXES: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".svc"];

impl Destinations for OwnNetwork {
    fn contain(&self, host: &str) -> bool {
        if let Ok(address) = host.parse::<IpAddr>() {
            return is_private(address) || self.added.iter().any(|added| added == host);
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !host.bytes().all(is_name) {
            return false;
        }
        // What begins with a digit may be an address in one of the spellings of `inet_aton`.
        let is_label = host.starts_with(|first: char| first.is_ascii_alphabetic()) && !host.contains('.');
        let name = host.strip_suffix('.').unwrap_or(host);
        is_label
            || OWN_SUFFIXES.iter().any(|suffix| is_below(name, suffix))
            || self.added.iter().any(|added| match added.starts_with('.') {
                true => is_below(name, added),
                false => added.eq_ignore_ascii_case(name),
            })
    }
}

/// Does the name end so, with something before?
fn is_below(name: &str, suffix: &str) -> bool {
    let place = name.len().checked_sub(suffix.len()).filter(|place| *place > 0);
    place.and_then(|place| name.get(place..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}
