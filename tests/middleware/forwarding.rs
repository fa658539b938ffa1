//! What proxies say, believed where the user says so.

use crate::support::{
    Body, Traced, number,
    peers::{exchange, serve},
    text, through,
};
use http::{Request, Response};
use std::{convert::Infallible, net::SocketAddr};
use throughline::{
    Diagnostic, SpanRecord,
    middleware::{
        Forwarded, ServerLayer,
        trust::{Arrival, PrivatePeer},
    },
};
use tower::{Layer, service_fn};

const BALANCER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9)), 4711);

/// The span of a request that came from the balancer, with these headers.
async fn span_of(
    layer: impl FnOnce(ServerLayer) -> ServerLayer,
    headers: &[(&str, &str)],
) -> (SpanRecord, u64) {
    let traced = Traced::new();
    let request = Request::get("/orders/7").header("host", "10.0.0.2:8080").extension(BALANCER);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    through(layer(traced.server()), request).await;
    (traced.span().await, traced.tracer.diagnostic_count(Diagnostic::RejectedHeader))
}

/// Address and port that were asked for, the scheme, and who asked.
fn seen(span: &SpanRecord) -> (String, Option<i64>, String, Option<String>) {
    (
        text(span, "server.address").unwrap(),
        number(span, "server.port"),
        text(span, "url.scheme").unwrap(),
        text(span, "client.address"),
    )
}

fn as_told(
    address: &str,
    port: Option<i64>,
    scheme: &str,
    client: Option<&str>,
) -> (String, Option<i64>, String, Option<String>) {
    (address.into(), port, scheme.into(), client.map(str::to_owned))
}

const STANDARD: (&str, &str) = ("forwarded", "for=203.0.113.7, for=192.0.2.60;host=shop.example;proto=https");
const OLDER: [(&str, &str); 3] = [
    ("x-forwarded-for", "203.0.113.7, 192.0.2.60"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-proto", "https"),
];

#[tokio::test]
async fn nobody_is_believed_unasked() {
    let [a, b, c] = OLDER;
    let (span, rejected) = span_of(|layer| layer, &[STANDARD, a, b, c]).await;
    assert_eq!(seen(&span), as_told("10.0.0.2", Some(8080), "http", Some("10.0.0.9")));
    let nobody = |_: &Arrival<'_>| false;
    let (span, _) = span_of(|layer| layer.forwarded(Forwarded::by_standard(nobody)), &[STANDARD]).await;
    assert_eq!(seen(&span), as_told("10.0.0.2", Some(8080), "http", Some("10.0.0.9")));
    assert_eq!(rejected, 0);
}

#[tokio::test]
async fn the_proxy_tells_what_it_was_asked() {
    let [a, b, c] = OLDER;
    for (forwarded, headers) in [
        (Forwarded::by_standard(PrivatePeer), vec![STANDARD]),
        (Forwarded::by_x_headers(PrivatePeer), vec![a, b, c]),
    ] {
        let (span, _) = span_of(|layer| layer.forwarded(forwarded.clone()), &headers).await;
        assert_eq!(seen(&span), as_told("shop.example", None, "https", Some("192.0.2.60")));
        assert_eq!(text(&span, "network.peer.address").as_deref(), Some("10.0.0.9"));
        assert_eq!(number(&span, "network.peer.port"), Some(4711));

        let (span, _) = span_of(|layer| layer.forwarded(forwarded.clone().hops(2)), &headers).await;
        assert_eq!(text(&span, "client.address").as_deref(), Some("203.0.113.7"));
        let (span, _) = span_of(|layer| layer.forwarded(forwarded.hops(3)), &headers).await;
        assert_eq!(text(&span, "client.address").as_deref(), Some("10.0.0.9"), "too few have written");
    }
}

#[tokio::test]
async fn what_the_proxy_does_not_write_itself_does_not_count() {
    let [a, b, c] = OLDER;
    let forged = ("forwarded", "for=127.0.0.1;host=evil.example;proto=http");
    let (span, _) =
        span_of(|layer| layer.forwarded(Forwarded::by_x_headers(PrivatePeer)), &[forged, a, b, c]).await;
    assert_eq!(seen(&span), as_told("shop.example", None, "https", Some("192.0.2.60")));
    let forged = ("x-forwarded-for", "127.0.0.1");
    let (span, _) =
        span_of(|layer| layer.forwarded(Forwarded::by_standard(PrivatePeer)), &[forged, STANDARD]).await;
    assert_eq!(text(&span, "client.address").as_deref(), Some("192.0.2.60"));
}

#[tokio::test]
async fn a_part_that_is_missing_is_the_requests_own() {
    for (value, expected) in [
        ("proto=https", as_told("10.0.0.2", Some(8080), "https", Some("10.0.0.9"))),
        ("host=\"shop.example:8443\"", as_told("shop.example", Some(8443), "http", Some("10.0.0.9"))),
        ("for=unknown", as_told("10.0.0.2", Some(8080), "http", None)),
        ("for=\"[2001:db8::1]:99\"", as_told("10.0.0.2", Some(8080), "http", Some("2001:db8::1"))),
        ("host=\"[2001:db8::2]:8443\"", as_told("2001:db8::2", Some(8443), "http", Some("10.0.0.9"))),
    ] {
        let layer = |layer: ServerLayer| layer.forwarded(Forwarded::by_standard(PrivatePeer));
        let (span, rejected) = span_of(layer, &[("forwarded", value)]).await;
        assert_eq!((seen(&span), rejected), (expected, 0), "{value}");
    }
}

#[tokio::test]
async fn a_header_that_breaks_its_rules_is_ignored_and_counted() {
    for value in ["for=shop", "host=\"a@b\"", "proto=gopher", "for", "host=\"[::\"", "host=\"a:99999\""] {
        let layer = |layer: ServerLayer| layer.forwarded(Forwarded::by_standard(PrivatePeer));
        let (span, rejected) = span_of(layer, &[("forwarded", value)]).await;
        assert_eq!(seen(&span), as_told("10.0.0.2", Some(8080), "http", None), "{value}: not the balancer");
        assert_eq!(rejected, 1, "{value}");
    }
}

/// Each by itself: what one says is none the worse for another.
#[tokio::test]
async fn one_refused_header_takes_no_other_along() {
    let layer = |layer: ServerLayer| layer.forwarded(Forwarded::by_x_headers(PrivatePeer));
    let [a, b, c] = OLDER;
    let long = "203.0.113.7,".repeat(1_000);
    for (headers, expected, refusals) in [
        ([("x-forwarded-for", "evil"), b, c], as_told("shop.example", None, "https", None), 1),
        ([("x-forwarded-for", &*long), b, c], as_told("shop.example", None, "https", None), 1),
        (
            [a, ("x-forwarded-host", "a b"), c],
            as_told("10.0.0.2", Some(8080), "https", Some("192.0.2.60")),
            1,
        ),
        ([a, b, ("x-forwarded-proto", "ftp")], as_told("shop.example", None, "http", Some("192.0.2.60")), 1),
        (
            [("x-forwarded-for", ":"), ("x-forwarded-host", ":"), ("x-forwarded-proto", ":")],
            as_told("10.0.0.2", Some(8080), "http", None),
            3,
        ),
    ] {
        let (span, rejected) = span_of(layer, &headers).await;
        assert_eq!((seen(&span), rejected), (expected, refusals), "{headers:?}");
        assert_eq!(text(&span, "network.peer.address").as_deref(), Some("10.0.0.9"));
    }
}

#[tokio::test]
async fn a_client_does_not_blank_out_what_the_proxy_says() {
    let layer = |layer: ServerLayer| layer.forwarded(Forwarded::by_x_headers(PrivatePeer));
    let told = || as_told("shop.example", None, "https", Some("203.0.113.7"));
    for forged in ["x", "\"", "999.9.9.9", &"1,".repeat(2_000)] {
        let said = format!("{forged}, 203.0.113.7");
        let headers = [
            ("x-forwarded-for", &*said),
            ("x-forwarded-host", "not a host, shop.example"),
            ("x-forwarded-proto", "gopher, https"),
        ];
        let (span, rejected) = span_of(layer, &headers).await;
        assert_eq!((seen(&span), rejected), (told(), 0), "{forged}");
    }
    let said = "for=evil;host=\"a b\", for=203.0.113.7;host=shop.example;proto=https";
    let layer = |layer: ServerLayer| layer.forwarded(Forwarded::by_standard(PrivatePeer));
    let (span, rejected) = span_of(layer, &[("forwarded", said)]).await;
    assert_eq!((seen(&span), rejected), (told(), 0));
}

#[tokio::test]
async fn what_the_proxy_does_not_write_is_left_out() {
    let headers = [
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
    ];
    let standard = ("forwarded", "for=203.0.113.7;host=evil.example;proto=https");
    for (leave_out, expected) in [
        (
            Forwarded::without_host as fn(Forwarded) -> Forwarded,
            as_told("10.0.0.2", Some(8080), "https", Some("203.0.113.7")),
        ),
        (Forwarded::without_client, as_told("evil.example", None, "https", Some("10.0.0.9"))),
        (Forwarded::without_scheme, as_told("evil.example", None, "http", Some("203.0.113.7"))),
        (
            |forwarded| forwarded.without_host().without_client().without_scheme(),
            as_told("10.0.0.2", Some(8080), "http", Some("10.0.0.9")),
        ),
    ] {
        let by_x = leave_out(Forwarded::by_x_headers(PrivatePeer));
        let (span, _) = span_of(|layer| layer.forwarded(by_x), &headers).await;
        assert_eq!(seen(&span), expected);
        let by_standard = leave_out(Forwarded::by_standard(PrivatePeer));
        let (span, _) = span_of(|layer| layer.forwarded(by_standard), &[standard]).await;
        assert_eq!(seen(&span), expected);
    }
    // It is not looked at, and so not refused.
    let by_x = Forwarded::by_x_headers(PrivatePeer).without_host();
    let headers = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-host", "a b")];
    let (_, rejected) = span_of(|layer| layer.forwarded(by_x), &headers).await;
    assert_eq!(rejected, 0);
}

#[tokio::test]
async fn a_port_is_told_where_the_scheme_does_not() {
    for (target, scheme, port) in [
        ("http://shop.example/", "http", None),
        ("http://shop.example:80/", "http", None),
        ("http://shop.example:443/", "http", Some(443)),
        ("https://shop.example:443/", "http", None),
        ("https://shop.example:80/", "http", Some(80)),
        ("wss://shop.example:443/", "http", None),
        ("/", "https", None),
    ] {
        let traced = Traced::new();
        let request = Request::get(target).header("host", "shop.example:443");
        through(traced.server().default_scheme(scheme), request).await;
        assert_eq!(number(&traced.span().await, "server.port"), port, "{target}");
    }
}

#[tokio::test]
async fn a_real_proxy_on_loopback_is_believed() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<hyper::body::Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
    });
    let layer = traced.server().forwarded(Forwarded::by_standard(PrivatePeer));
    let address = serve(layer.layer(service)).await;
    let request =
        format!("GET / HTTP/1.1\r\nhost: a\r\nforwarded: {}\r\nconnection: close\r\n\r\n", STANDARD.1);
    exchange(address, &request).await;
    let span = traced.span().await;
    assert_eq!(seen(&span), as_told("shop.example", None, "https", Some("192.0.2.60")));
}
