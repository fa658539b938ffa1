//! Where a call goes (floor 5): as its URI says, else the layer's origin, else the `Host` header.

use super::config::Origin;
use crate::middleware::authority;
use http::{
    Uri, request,
    uri::{Authority, PathAndQuery, Scheme},
};

/// Where a call goes.
pub(super) struct Target {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    /// Does the call go there? The `Host` header does not say so: what a gateway passes on has its own
    /// client's.
    is_certain: bool,
}

impl Target {
    pub(super) fn of(head: &request::Parts, origin: Option<&Origin>) -> Self {
        match origin.filter(|_| head.uri.authority().is_none()) {
            Some(Origin { scheme, authority }) => {
                Self { scheme: scheme.clone(), authority: Some(authority.clone()), is_certain: true }
            }
            None => Self {
                scheme: head.uri.scheme().cloned(),
                authority: authority::of(head),
                is_certain: head.uri.authority().is_some(),
            },
        }
    }

    pub(super) const fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The host that the call goes to for certain.
    pub(super) fn certain_host(&self) -> Option<&str> {
        self.authority().filter(|_| self.is_certain).map(authority::host)
    }

    pub(super) fn port(&self, authority: &Authority) -> u16 {
        let scheme = self.scheme.as_ref().map_or("", Scheme::as_str);
        authority.port_u16().unwrap_or_else(|| authority::default_port(scheme))
    }

    /// The request's target as an absolute URL, whichever form it has [RFC 9112, 3.2].
    pub(super) fn full_url(&self, uri: &Uri) -> String {
        match (uri.scheme(), &self.authority) {
            (None, Some(authority)) => {
                let scheme = self.scheme.as_ref().map_or("http", Scheme::as_str);
                let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
                format!("{scheme}://{authority}{path}")
            }
            _ => uri.to_string(),
        }
    }
}
