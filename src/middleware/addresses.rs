//! Which addresses belong to one's own network (floor 5).

use std::net::IpAddr;

/// Loopback, private [RFC 1918; RFC 4193] or link-local: no route leads to it from outside. An IPv4
/// address counts the same where it is mapped into IPv6.
pub(super) const fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn ranges_end_where_they_should() {
        let private = [
            "127.0.0.1",
            "127.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "169.254.0.1",
            "169.254.255.255",
            "::1",
            "fc00::",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "::ffff:10.1.2.3",
            "::ffff:127.0.0.1",
        ];
        let public = [
            "126.255.255.255",
            "128.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "100.64.0.1",
            "0.0.0.0",
            "8.8.8.8",
            "::",
            "::2",
            "fbff::1",
            "fe00::1",
            "fe7f::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "::10.1.2.3",
            "64:ff9b::10.1.2.3",
        ];
        for address in private {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in public {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
