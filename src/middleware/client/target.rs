//! Where a call goes (floor 5): as its URI says, else the layer's origin, else the `Host` header.

use super::config::Origin;
use crate::{
    middleware::authority::{self, Addressed},
    semconv,
    trace::Attributes,
};
use http::{
    HeaderValue, Uri,
    uri::{PathAndQuery, Scheme},
};

/// Where a call goes.
pub(super) struct Target<'a> {
    uri: &'a Uri,
    scheme: Option<&'a str>,
    addressed: Option<Addressed<'a>>,
}

impl<'a> Target<'a> {
    pub(super) fn of(uri: &'a Uri, host: Option<&'a HeaderValue>, origin: Option<&'a Origin>) -> Self {
        match origin.filter(|_| uri.authority().is_none()) {
            Some(Origin { scheme, authority }) => Self {
                uri,
                scheme: scheme.as_ref().map(Scheme::as_str),
                addressed: Some(Addressed::from_authority(authority)),
            },
            None => Self { uri, scheme: uri.scheme_str(), addressed: Addressed::of(uri, host) },
        }
    }

    /// Describes the request's target as an absolute URL, whichever form it has [RFC 9112, 3.2].
    pub(super) fn describe_url(&self, attributes: &mut Attributes<'_>) {
        let uri = self.uri;
        match (uri.scheme_str(), uri.authority(), &self.addressed) {
            (None, _, Some(addressed)) => {
                let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
                let scheme = self.scheme.unwrap_or("http");
                attributes.joined(semconv::URL_FULL, &[scheme, "://", &addressed.authority, path]);
            }
            (Some(scheme), Some(authority), _) => {
                let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
                let authority = authority.as_str();
                if path.starts_with('?') {
                    // A URL has a path, if only the shortest.
                    attributes.joined(semconv::URL_FULL, &[scheme, "://", authority, "/", path]);
                } else {
                    attributes.joined(semconv::URL_FULL, &[scheme, "://", authority, path]);
                }
            }
            _ => attributes.text(semconv::URL_FULL, &uri.to_string()),
        }
    }

    pub(super) fn describe_server(&self, attributes: &mut Attributes<'_>) {
        if let Some(Addressed { host, port, .. }) = &self.addressed {
            attributes.text(semconv::SERVER_ADDRESS, host);
            let port = port.unwrap_or_else(|| authority::default_port(self.scheme.unwrap_or_default()));
            attributes.number(semconv::SERVER_PORT, port);
        }
    }
}

/// The host that a call goes to for certain. The `Host` header does not say so: what a gateway passes on has
/// its own client's.
pub(super) fn certain_host<'a>(uri: &'a Uri, origin: Option<&'a Origin>) -> Option<&'a str> {
    Some(authority::host(uri.authority().or_else(|| Some(&origin?.authority))?))
}
