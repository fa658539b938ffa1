//! Who a request is addressed to (floor 5): the target's authority, else the `Host` header
//! [RFC 9110, 7.2]. Forwarded headers are not looked at: anybody can send them.

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
