//! Who a request is addressed to (floor 5): the target's authority, else the `Host` header
//! [RFC 9110, 7.2].

use http::{header::HOST, request, uri::Authority};

/// `None` where neither says it, or the header is no authority.
pub(super) fn of(head: &request::Parts) -> Option<Authority> {
    match head.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(head.headers.get(HOST)?.as_bytes()).ok(),
    }
}

/// The host as `server.address` has it: an IPv6 address without its brackets.
pub(super) fn host(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// The port that a URL of this scheme means if it names none.
pub(super) fn default_port(scheme: &str) -> u16 {
    if matches!(scheme, "https" | "wss") { 443 } else { 80 }
}
