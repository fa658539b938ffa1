//! The way to the server (floor 3): straight, or through a proxy that is asked to connect.
//!
//! Which variable counts, and for which hosts none does, follows what curl and Go's `net/http` agree
//! on, and Go where they differ.

use super::{endpoint::Endpoint, error::SetupError};
use crate::variables::{InvalidVariable, Variables};
use std::net::IpAddr;
use ureq::{Proxy, http::Uri};

/// Which way to take.
#[derive(Default)]
pub(super) enum Way {
    /// As the environment says.
    #[default]
    Environment,
    Straight,
    /// Through this proxy, for every host.
    Through(String),
}

impl Way {
    pub(super) fn resolve(
        &self,
        endpoint: &Endpoint,
        variables: &Variables,
    ) -> Result<Option<Proxy>, SetupError> {
        match self {
            Self::Straight => Ok(None),
            Self::Through(url) => parse(url).map(Some).ok_or(SetupError::Proxy),
            Self::Environment => Ok(from_environment(endpoint, variables)?),
        }
    }
}

fn from_environment(endpoint: &Endpoint, variables: &Variables) -> Result<Option<Proxy>, InvalidVariable> {
    // Behind CGI, `HTTP_PROXY` is what a request's header `Proxy` says.
    let text = |name: &'static str| variables.text(name, || InvalidVariable::new(name, "a UTF-8 text"));
    let is_cgi = text("REQUEST_METHOD")?.is_some();
    let names: &[&'static str] = match (endpoint.is_secure(), is_cgi) {
        (true, _) => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        (false, true) => &["http_proxy", "all_proxy", "ALL_PROXY"],
        (false, false) => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    for name in names.iter().copied() {
        let error = || InvalidVariable::new(name, "the http or https URL of a proxy");
        if let Some(url) = variables.text(name, error)? {
            let proxy = parse(&url).ok_or_else(error)?;
            return Ok(Some(proxy).filter(|_| !is_excepted(endpoint, variables)));
        }
    }
    Ok(None)
}

fn parse(url: &str) -> Option<Proxy> {
    let url = url.trim();
    let scheme = url.parse::<Uri>().ok()?.scheme_str().map(str::to_owned);
    matches!(scheme.as_deref(), None | Some("http" | "https")).then(|| Proxy::new(url).ok()).flatten()
}

fn is_excepted(endpoint: &Endpoint, variables: &Variables) -> bool {
    let (host, address) = (endpoint.host(), endpoint.host().parse::<IpAddr>().ok());
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let error = || InvalidVariable::new("NO_PROXY", "a UTF-8 text");
    let list =
        ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| variables.text(name, error).ok().flatten());
    list.unwrap_or_default().split(',').any(|entry| excepts(entry.trim(), host, address, endpoint.port()))
}

/// Does an entry of `NO_PROXY` name this host: `*`, a domain, an address or a network, each but the first
/// and the last with a port or without?
fn excepts(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        return address.is_some_and(|address| is_within(address, network, bits));
    }
    let entry = match entry.rsplit_once(':') {
        Some((name, named)) if !name.contains(':') || name.ends_with(']') => {
            if named.parse() != Ok(port) {
                return false;
            }
            name
        }
        _ => entry,
    };
    let entry = entry.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if let Some(address) = address {
        return entry.parse() == Ok(address);
    }
    let domain = entry.trim_start_matches('*').trim_start_matches('.');
    let rest = host.strip_suffix(domain);
    // `.example.com` is for what is below, `example.com` for itself as well.
    !domain.is_empty() && rest.is_some_and(|rest| rest.ends_with('.') || rest.is_empty() && domain == entry)
}

fn is_within(address: IpAddr, network: &str, bits: &str) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let ((address, width), (network, network_width)) = (number(address), number(network));
    width == network_width && bits <= width && (address ^ network).checked_shr(width - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn proxy(url: &str, variables: &'static [(&'static str, &'static str)]) -> Option<String> {
        let lookup = move |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let endpoint = Endpoint::exactly(url).unwrap();
        let way = Way::Environment.resolve(&endpoint, &Variables(Box::new(lookup)));
        way.unwrap().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn the_scheme_of_the_endpoint_chooses_the_variable() {
        const BOTH: &[(&str, &str)] =
            &[("HTTPS_PROXY", "http://s.example:3128"), ("http_proxy", "p.example")];
        assert_eq!(proxy("https://a.example", BOTH).as_deref(), Some("s.example:3128"));
        assert_eq!(proxy("http://a.example", BOTH).as_deref(), Some("p.example:80"));
        assert_eq!(proxy("http://a.example", &[("HTTPS_PROXY", "http://s.example")]), None);
        assert_eq!(
            proxy("http://a.example", &[("ALL_PROXY", "https://t.example")]).as_deref(),
            Some("t.example:443")
        );
        const CGI: &[(&str, &str)] = &[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil.example")];
        assert_eq!(proxy("http://a.example", CGI), None);
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_networks() {
        let straight = |host: &str, list: &'static str| {
            let address = host.parse().ok();
            list.split(',').any(|entry| excepts(entry, host, address, 4318))
        };
        for (host, list, expected) in [
            ("a.example", "*", true),
            ("a.example", "b.example,a.example", true),
            ("x.a.example", "a.example", true),
            ("xa.example", "a.example", false),
            ("a.example", ".a.example", false),
            ("x.a.example", "*.a.example", true),
            ("a.example", "a.example:4318", true),
            ("a.example", "a.example:443", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "0.0.0.0/0", true),
            ("10.1.2.3", "3", false),
            ("fd00::1", "fd00::/8", true),
            ("fd00::1", "[fd00::1]:4318", true),
            ("a.example", "", false),
        ] {
            assert_eq!(straight(host, list), expected, "{host} in {list}");
        }
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy_of_the_environment() {
        for url in ["http://localhost:4318", "http://127.0.0.1:4318", "http://[::1]:4318"] {
            assert_eq!(proxy(url, &[("ALL_PROXY", "http://p.example")]), None, "{url}");
        }
    }

    #[test]
    fn a_bad_proxy_is_named_by_its_variable() {
        let variables =
            Variables(Box::new(|name| (name == "HTTPS_PROXY").then(|| "socks5://u:s3cret@p".into())));
        let endpoint = Endpoint::exactly("https://a.example").unwrap();
        let error = Way::Environment.resolve(&endpoint, &variables).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable HTTPS_PROXY has to be the http or https URL of a proxy"
        );
    }
}
