//! Where to send to (floor 3).

use super::error::SetupError;
use std::fmt;
use ureq::http::{Uri, uri::Scheme};

/// An `http` or `https` URL with a host and without user info. `Debug` leaves its query out.
pub(crate) struct Endpoint {
    uri: Uri,
    host: String,
}

impl Endpoint {
    /// A URL, to be used as it is.
    pub(crate) fn exactly(url: &str) -> Result<Self, SetupError> {
        let uri: Uri = url.trim().parse().map_err(|_| SetupError::Endpoint)?;
        let is_http =
            matches!(uri.scheme(), Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let authority = uri.authority().filter(|_| is_http).ok_or(SetupError::Endpoint)?;
        if authority.as_str().contains('@') {
            return Err(SetupError::EndpointCredentials);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(SetupError::Endpoint);
        }
        Ok(Self { uri, host })
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// In lowercase; an IPv6 address without its brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 })
    }

    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", self.uri.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for url in ["", "localhost:4318", "ftp://a.example/", "http://", "/v1/traces", "http:///x", "a b"] {
            assert!(matches!(Endpoint::exactly(url), Err(SetupError::Endpoint)), "{url}");
        }
        let with_user = Endpoint::exactly("http://ada:s3cret@a.example/");
        assert!(matches!(with_user, Err(SetupError::EndpointCredentials)));
    }

    #[test]
    fn debug_leaves_the_query_out() {
        let endpoint = Endpoint::exactly("https://A.example:8443/in?key=s3cret").unwrap();
        assert_eq!(format!("{endpoint:?}"), "https://A.example:8443/in");
        assert_eq!((endpoint.host(), endpoint.port()), ("a.example", 8443));
        assert_eq!(Endpoint::exactly("http://[::1]").unwrap().host(), "::1");
    }
}
