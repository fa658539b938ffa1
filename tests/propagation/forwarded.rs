//! What proxies say of a request: Forwarded [RFC 7239] and X-Forwarded-*.

use proptest::prelude::*;
use std::{cell::Cell, net::IpAddr};
use throughline::propagation::{
    MAX_HEADER_BYTES, MAX_HEADER_LINES, Reason,
    forwarded::{ForwardedError, Hop, MAX_HOPS, Node, parse, parse_for, parse_host, parse_proto},
};

fn address(text: &str) -> Option<Node> {
    Some(Node::Address(text.parse().unwrap()))
}

fn hop<'a>(
    client: Option<Node>,
    host: impl Into<Option<&'a str>>,
    scheme: impl Into<Option<&'static str>>,
) -> Hop<'a> {
    let mut hop = Hop::default();
    (hop.client, hop.host, hop.scheme) = (client, host.into(), scheme.into());
    hop
}

#[test]
fn what_the_rfc_shows_is_read() {
    let v6 = || address("2001:db8:cafe::17");
    for (line, expected) in [
        ("for=\"_gazonk\"", hop(Some(Node::Hidden), None, None)),
        ("For=\"[2001:db8:cafe::17]:4711\"", hop(v6(), None, None)),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", hop(address("192.0.2.60"), None, "http")),
        ("for=192.0.2.43, for=198.51.100.17", hop(address("198.51.100.17"), None, None)),
        ("for=unknown", hop(Some(Node::Hidden), None, None)),
        ("for=_SEVKISEK", hop(Some(Node::Hidden), None, None)),
        ("for=\"192.0.2.43:47011\"", hop(address("192.0.2.43"), None, None)),
        ("for=\"192.0.2.43:_port\"", hop(address("192.0.2.43"), None, None)),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", hop(Some(Node::Hidden), None, None)),
        ("host=shop.example", hop(None, "shop.example", None)),
        ("HOST=\"shop.example:8443\";PROTO=HTTPS", hop(None, "shop.example:8443", "https")),
        ("secret=\"a,b;c=\\\"d\";proto=wss", hop(None, None, "wss")),
        (" for=192.0.2.60 ,, ", hop(address("192.0.2.60"), None, None)),
        ("for=192.0.2.60;", hop(address("192.0.2.60"), None, None)),
        (";;proto=ws", hop(None, None, "ws")),
    ] {
        assert_eq!(parse([line], 1), Ok(Some(expected)), "{line}");
    }
    assert_eq!(parse([""; 0], 1), Ok(None));
    assert_eq!(parse(["", " , "], 1), Ok(None));
}

#[test]
fn what_breaks_a_rule_is_refused() {
    use ForwardedError::{Client, Host, Layout, Scheme};
    // Twice the same is no fault of the layout by which elements are told apart.
    let twice = ["for=192.0.2.60;for=192.0.2.61", "proto=http;Proto=https", "host=a;HOST=b"];
    for (line, error) in [
        ("for", Layout),
        ("for=", Layout),
        ("=192.0.2.60", Layout),
        ("for =192.0.2.60", Layout),
        ("for= 192.0.2.60", Layout),
        ("for=192.0.2.60; proto=http", Layout),
        ("for=192.0.2.60 proto=http", Layout),
        ("for=192.0.2.60;for=192.0.2.61", Layout),
        ("proto=http;Proto=https", Layout),
        ("host=a;HOST=b", Layout),
        ("for=192.0.2.43:47011", Layout),
        ("for=\"192.0.2.60", Layout),
        ("for=\"192.0.2.60\\", Layout),
        ("for=\"192.0.2.60\"x", Layout),
        ("for=\"a\u{1}\"", Layout),
        ("for=[2001:db8::1]", Layout),
        ("for=shop.example", Client),
        ("for=192.0.2.256", Client),
        ("for=192.0.2.060", Client),
        ("for=\"192.0.2.60:\"", Client),
        ("for=\"192.0.2.60:65536\"", Client),
        ("for=\"192.0.2.60:+1\"", Client),
        ("for=\"192.0.2.60:000001\"", Client),
        ("for=\"2001:db8::1\"", Client),
        ("for=\"[2001:db8::1\"", Client),
        ("for=\"[192.0.2.60]\"", Client),
        ("for=\"[2001:db8::1]80\"", Client),
        ("for=_", Client),
        ("for=\"_a b\"", Client),
        ("for=\"\"", Client),
        ("host=\"\"", Host),
        ("host=\"ada@shop.example\"", Host),
        ("host=\"shop.example/a\"", Host),
        ("host=\"shop\\.example\"", Host),
        ("host=\"[::\"", Host),
        ("host=\"[192.0.2.1]\"", Host),
        ("host=\"shop:\"", Host),
        ("host=\"shop:99999\"", Host),
        ("host=\"shop:_x\"", Host),
        ("host=\":80\"", Host),
        ("proto=gopher", Scheme),
        ("proto=\"http \"", Scheme),
    ] {
        assert_eq!(parse([line], 1), Err(error), "{line}");
        assert_eq!(error.reason(), Reason::Malformed);
        // Behind the element that counts it was written by a proxy that is as near or nearer.
        assert_eq!(parse(["for=192.0.2.60", line], 2), Err(error), "{line}");
        // Before it, it is anybody's: it only must not be unclear where it ends.
        let nearest = Ok(Some(hop(address("192.0.2.60"), None, None)));
        assert_eq!(parse([line, "for=192.0.2.60"], 1), nearest, "{line}");
        let is_clear = error != Layout || twice.contains(&line);
        let joined = format!("{line}, for=192.0.2.60");
        assert_eq!(parse([&joined], 1), if is_clear { nearest } else { Err(Layout) }, "{line}");
    }
}

/// What a caller cannot do to what the proxy has appended.
#[test]
fn nobody_blanks_out_what_stands_behind_what_they_write() {
    let quad = "203.0.113.7";
    for forged in
        ["x", "999.1.1.1", "_", "evil host", "\"", ",,,", "a=b", "::::", "\u{e9}", &"1,".repeat(3_000)]
    {
        for lines in [vec![format!("{forged}, {quad}")], vec![forged.to_owned(), quad.to_owned()]] {
            assert_eq!(parse_for(&lines, 1), Ok(address(quad)), "{forged}");
        }
        assert_eq!(parse_host([&format!("{forged},shop.example")], 1), Ok(Some("shop.example")));
        assert_eq!(parse_proto([&format!("{forged},https")], 1), Ok(Some("https")));
        // What a proxy says that is further away has to be read as well.
        let further = parse_for([&format!("{forged}, {quad}")], 2);
        assert!(further.is_err() || matches!(forged, ",,," | "1,") || forged.len() > 100, "{forged}");
    }
    for forged in [
        "for=x",
        "host=\"a b\"",
        "proto=gopher",
        "for=1;for=2",
        "a=b",
        "x=\"a,\\\",b\"",
        &"a=b,".repeat(1_900),
    ] {
        let joined = format!("{forged}, for={quad};proto=https");
        assert_eq!(parse([&joined], 1), Ok(Some(hop(address(quad), None, "https"))), "{forged}");
    }
    for forged in ["for=\"", "for", ";;=", "\"", "for=a b"] {
        let lines = [forged.to_owned(), format!("for={quad}")];
        assert_eq!(parse(&lines, 1), Ok(Some(hop(address(quad), None, None))), "{forged}: a line of its own");
        assert_eq!(parse(&lines, 2), Err(ForwardedError::Layout), "{forged}");
        // What stands before the break is as many elements away as nobody knows.
        let before = [format!("for=192.0.2.9, {forged}"), format!("for={quad}")];
        assert_eq!(parse(&before, 2), Err(ForwardedError::Layout), "{forged}");
    }
}

#[test]
fn hops_are_counted_from_this_end() {
    let lines = ["for=192.0.2.1,for=192.0.2.2", "for=192.0.2.3"];
    let read = |hops| parse(lines, hops).unwrap().and_then(|hop| hop.client);
    assert_eq!(
        [read(1), read(2), read(3)].map(Option::unwrap),
        [3, 2, 1].map(|last| { Node::Address(IpAddr::from([192, 0, 2, last])) })
    );
    assert_eq!(read(4), None, "a proxy that has not written says nothing");
    assert_eq!(read(0), read(1));
}

#[test]
fn the_older_headers_are_lists_too() {
    for (line, client) in [
        ("192.0.2.60", address("192.0.2.60")),
        ("192.0.2.60:4711", address("192.0.2.60")),
        ("192.0.2.60, evil", None),
        ("evil, 192.0.2.60", address("192.0.2.60")),
        ("2001:db8::1", address("2001:db8::1")),
        ("[2001:db8::1]:443", address("2001:db8::1")),
        ("10.0.0.1 ,\t192.0.2.60 ,", address("192.0.2.60")),
        ("unknown", Some(Node::Hidden)),
    ] {
        match client {
            Some(_) => assert_eq!(parse_for([line], 1), Ok(client), "{line}"),
            None => assert_eq!(parse_for([line], 1), Err(ForwardedError::Client), "{line}"),
        }
    }
    assert_eq!(parse_for(["10.0.0.1", "10.0.0.2"], 2), Ok(address("10.0.0.1")));
    assert_eq!(parse_for(["10.0.0.1"], 2), Ok(None));
    assert_eq!(parse_for([""; 0], 1), Ok(None));
    // Of these most proxies write one and no list.
    assert_eq!(parse_host(["shop.example"], 3), Ok(Some("shop.example")));
    assert_eq!(parse_host(["a.example, b.example"], 1), Ok(Some("b.example")));
    assert_eq!(parse_host(["a.example, b.example"], 2), Ok(Some("a.example")));
    assert_eq!(parse_host(["a.example, b.example"], 3), Ok(None));
    assert_eq!(parse_host(["a b"], 1), Err(ForwardedError::Host));
    assert_eq!(parse_host(["h".repeat(260)].each_ref(), 1), Err(ForwardedError::Host));
    assert_eq!(parse_proto(["HTTPS"], 2), Ok(Some("https")));
    assert_eq!(parse_proto(["https, ftp"], 2), Err(ForwardedError::Scheme), "the nearer proxy's");
    assert_eq!(parse_proto(["ftp, https"], 1), Ok(Some("https")));
    assert_eq!(parse_host(["", " , shop.example ,", "\t"], 2), Ok(Some("shop.example")), "a single one");
    assert_eq!(parse_for(["192.0.2.1", "192.0.2.2,,", ", 192.0.2.3"], 2), Ok(address("192.0.2.2")));
}

#[test]
fn so_many_hops_are_counted() {
    let all: Vec<String> = (0..200).map(|number| format!("192.0.2.{number}")).collect();
    let last = |hops: usize| address(&all[200 - hops]);
    let pairs = all.iter().map(|address| format!("for={address}")).collect::<Vec<_>>().join(",");
    for hops in [1, 2, 63, MAX_HOPS] {
        assert_eq!(parse_for([&all.join(",")], hops), Ok(last(hops)));
        assert_eq!(parse([&pairs], hops).unwrap().unwrap().client, last(hops));
    }
    for hops in [MAX_HOPS + 1, 200, usize::MAX] {
        assert_eq!(parse_for([&all.join(",")], hops), Ok(last(MAX_HOPS)));
        assert_eq!(parse([&pairs], hops).unwrap().unwrap().client, last(MAX_HOPS));
    }
}

#[test]
fn more_than_the_cap_is_not_read() {
    let long = "for=192.0.2.60,".repeat(MAX_HEADER_BYTES / 15 + 1);
    assert_eq!(parse([&*long], 1), Err(ForwardedError::TooLong));
    assert_eq!(parse_for([&*"192.0.2.60,".repeat(800)], 1), Err(ForwardedError::TooLong));
    assert_eq!(ForwardedError::TooLong.reason(), Reason::TooLong);
    assert_eq!(
        parse([&long[..MAX_HEADER_BYTES / 15 * 15]], 1).unwrap().unwrap().client,
        address("192.0.2.60")
    );
    for line in ["", "192.0.2.60"] {
        let lines = vec![line; MAX_HEADER_LINES + 1];
        assert_eq!(parse_for(&lines, 1), Err(ForwardedError::TooMany));
        assert_eq!(parse(&lines, 1), Err(ForwardedError::TooMany));
        assert!(parse_for(&lines[1..], 1).is_ok());
    }
    assert_eq!(ForwardedError::TooMany.reason(), Reason::TooMany);
}

#[test]
fn lines_without_end_are_not_walked_to_the_end() {
    let walked = Cell::new(0);
    for line in ["", ",", "1.2.3.4", "for=1.2.3.4"] {
        let lines = std::iter::repeat_n(line.as_bytes(), 1_000_000).inspect(|_| walked.set(walked.get() + 1));
        assert_eq!(parse(lines.clone(), 2), Err(ForwardedError::TooMany));
        assert_eq!(parse_for(lines.clone(), 2), Err(ForwardedError::TooMany));
        assert_eq!(parse_host(lines.clone(), 2), Err(ForwardedError::TooMany));
        assert_eq!(parse_proto(lines, 2), Err(ForwardedError::TooMany));
        assert_eq!(walked.replace(0), 4 * (MAX_HEADER_LINES + 1), "once each");
    }
}

/// An element as a proxy writes it, and what is to be read.
fn element() -> impl Strategy<Value = (String, Option<IpAddr>, Option<String>, Option<&'static str>)> {
    let client = proptest::option::of((any::<IpAddr>(), proptest::option::of(any::<u16>())));
    let host = proptest::option::of("[a-z]{1,8}(\\.[a-z]{2,5}){0,2}(:[1-9][0-9]{0,3})?");
    let scheme = proptest::option::of(prop_oneof![Just("http"), Just("https"), Just("ws"), Just("wss")]);
    (client, host, scheme, any::<bool>()).prop_map(|(client, host, scheme, reversed)| {
        let mut pairs = Vec::new();
        if let Some((address, port)) = client {
            let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            pairs.push(format!("for=\"{address}{port}\""));
        }
        pairs.extend(host.as_ref().map(|host| format!("Host=\"{host}\"")));
        pairs.extend(scheme.map(|scheme| format!("proto={scheme}")));
        pairs.push("by=_proxy".to_owned());
        if reversed {
            pairs.reverse();
        }
        (pairs.join(";"), client.map(|(address, _)| address), host, scheme)
    })
}

proptest! {
    #[test]
    fn what_proxies_write_is_read_hop_by_hop(
        elements in proptest::collection::vec(element(), 1..8),
        one_line: bool,
    ) {
        let texts: Vec<&str> = elements.iter().map(|(text, ..)| &**text).collect();
        let joined = texts.join(", ");
        let lines = if one_line { vec![&*joined] } else { texts };
        for (place, (_, client, host, scheme)) in elements.iter().rev().enumerate() {
            let expected = hop(client.map(Node::Address), host.as_deref(), *scheme);
            prop_assert_eq!(parse(lines.as_slice(), place + 1), Ok(Some(expected)));
        }
        prop_assert_eq!(parse(lines.as_slice(), elements.len() + 1), Ok(None));
    }

    #[test]
    fn no_bytes_panic_and_what_is_read_was_there(
        lines in proptest::collection::vec(
            proptest::collection::vec(
                prop_oneof![
                    "for=|host=|proto=|https|192\\.0\\.2\\.1|\\[::1\\]|\"|;|,|:80|\\\\| |_x|unknown",
                    any::<u8>().prop_map(|byte| char::from(byte).to_string()),
                ],
                0..20,
            ).prop_map(|parts| parts.concat()),
            0..3,
        ),
        hops in 0_usize..4,
    ) {
        let read = parse(lines.as_slice(), hops);
        if let Ok(Some(Hop { host: Some(host), .. })) = read {
            prop_assert!(lines.iter().any(|line| line.contains(host)));
        }
        if let Ok(Some(host)) = parse_host(lines.as_slice(), hops) {
            prop_assert!(lines.iter().any(|line| line.contains(host)));
        }
        let _ = (parse_for(lines.as_slice(), hops), parse_proto(lines.as_slice(), hops));
    }
}
