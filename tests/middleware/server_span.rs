//! What a server span says of its request and its answer.

use crate::support::{
    BoxError, PARENT, PARENT_SPAN, PARENT_TRACE, Traced, assert_attributes, number,
    peers::{exchange, get, serve},
    text,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use std::{convert::Infallible, net::SocketAddr};
use throughline::{Outcome, SpanKind, Status, Value, middleware::ServerLayer};
use tower::{Layer, ServiceExt, service_fn};

/// The route a router would have matched.
fn route(head: &http::request::Parts) -> Option<std::borrow::Cow<'static, str>> {
    head.uri.path().starts_with("/orders/").then(|| "/orders/{id}".into())
}

/// Answers with the status that the path names, else with 200.
async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    if let Some(code) = request.uri().path().strip_prefix("/status/") {
        *response.status_mut() = code.parse().unwrap();
    }
    Ok(response)
}

async fn serve_with(layer: ServerLayer) -> SocketAddr {
    serve(layer.layer(service_fn(answer))).await
}

/// Calls the service without a socket, for what no client of ours would send.
async fn call(layer: ServerLayer, request: Request<Full<Bytes>>) {
    let service =
        layer.layer(service_fn(|_| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) }));
    service.oneshot(request).await.unwrap();
}

#[tokio::test]
async fn a_request_is_described() {
    let traced = Traced::new();
    let address = serve_with(traced.server().route(route)).await;
    exchange(
        address,
        "GET /orders/7?page=2&token=s3cret HTTP/1.1\r\nhost: shop.example:8080\r\n\
         user-agent: curl/8.5.0\r\nx-service-name: gateway\r\nconnection: close\r\n\r\n",
    )
    .await;

    let span = traced.span().await;
    let port = number(&span, "network.peer.port").unwrap();
    assert_eq!(span.name(), "GET /orders/{id}");
    assert_eq!(span.kind(), SpanKind::Server);
    assert_eq!((span.status(), span.outcome()), (&Status::Unset, Outcome::Completed));
    assert!(span.is_local_root() && span.parent_span_id().is_none());
    assert_attributes(
        &span,
        [
            ("http.request.method", "GET".into()),
            ("http.route", "/orders/{id}".into()),
            ("url.path", "/orders/7".into()),
            ("url.query", "page=2&token=REDACTED".into()),
            ("url.scheme", "http".into()),
            ("http.response.status_code", Value::I64(200)),
            ("server.address", "shop.example".into()),
            ("server.port", Value::I64(8080)),
            ("client.address", "127.0.0.1".into()),
            ("network.peer.address", "127.0.0.1".into()),
            ("network.peer.port", Value::I64(port)),
            ("network.protocol.version", "1.1".into()),
            ("user_agent.original", "curl/8.5.0".into()),
            ("service.peer.name", "gateway".into()),
        ],
    );
}

#[tokio::test]
async fn the_least_a_request_can_say_is_described() {
    let traced = Traced::new();
    let address = serve_with(traced.server().peer(|_| None)).await;
    exchange(address, "GET / HTTP/1.0\r\n\r\n").await;

    let span = traced.span().await;
    assert_eq!(span.name(), "GET");
    assert_attributes(
        &span,
        [
            ("http.request.method", "GET".into()),
            ("url.path", "/".into()),
            ("url.scheme", "http".into()),
            ("http.response.status_code", Value::I64(200)),
            ("network.protocol.version", "1.0".into()),
        ],
    );
}

#[tokio::test]
async fn statuses_are_the_servers_only_from_500_on() {
    for code in ["200", "204", "302", "304", "400", "404", "499"] {
        let traced = Traced::new();
        exchange(serve_with(traced.server()).await, &get(&format!("/status/{code}"))).await;
        let span = traced.span().await;
        assert_eq!(number(&span, "http.response.status_code"), code.parse().ok());
        assert_eq!((span.status(), text(&span, "error.type")), (&Status::Unset, None), "{code}");
    }
    for code in ["500", "503", "599"] {
        let traced = Traced::new();
        exchange(serve_with(traced.server()).await, &get(&format!("/status/{code}"))).await;
        let span = traced.span().await;
        assert_eq!(number(&span, "http.response.status_code"), code.parse().ok());
        assert_eq!((span.status(), text(&span, "error.type")), (&Status::error(""), Some(code.to_owned())));
        assert_eq!(span.outcome(), Outcome::Completed);
    }
}

#[tokio::test]
async fn methods_that_are_not_known_make_no_names() {
    for method in ["BREW", "get", "PROPFIND"] {
        let traced = Traced::new();
        let address = serve_with(traced.server().route(|_| Some("/pots/{id}".into()))).await;
        exchange(address, &get("/pots/1").replacen("GET", method, 1)).await;
        let span = traced.span().await;
        assert_eq!(span.name(), "HTTP /pots/{id}");
        assert_eq!(text(&span, "http.request.method").as_deref(), Some("_OTHER"));
        assert_eq!(text(&span, "http.request.method_original").as_deref(), Some(method));
    }
    for method in ["DELETE", "PATCH", "QUERY", "TRACE"] {
        let traced = Traced::new();
        exchange(serve_with(traced.server()).await, &get("/").replacen("GET", method, 1)).await;
        let span = traced.span().await;
        assert_eq!(span.name(), method);
        assert_eq!(text(&span, "http.request.method").as_deref(), Some(method));
        assert_eq!(text(&span, "http.request.method_original"), None);
    }
}

#[tokio::test]
async fn the_server_is_who_the_client_asked_for() {
    let cases = [
        ("http://shop.example/a", Some("ignored.example"), Some("shop.example"), None),
        ("https://shop.example:8443/a", None, Some("shop.example"), Some(8443)),
        ("/a", Some("shop.example:81"), Some("shop.example"), Some(81)),
        ("/a", Some("[2001:db8::1]:81"), Some("2001:db8::1"), Some(81)),
        ("http://[2001:db8::1]/a", None, Some("2001:db8::1"), None),
        ("/a", Some("ada:s3cret@shop.example"), Some("shop.example"), None),
        ("/a", Some("not a host"), None, None),
        ("/a", Some("shop.example/path"), None, None),
        ("/a", Some(""), None, None),
    ];
    for (target, host, address, port) in cases {
        let traced = Traced::new();
        let mut request = Request::get(target);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        call(traced.server(), request.body(Full::default()).unwrap()).await;
        let span = traced.span().await;
        assert_eq!(text(&span, "server.address").as_deref(), address, "{target} {host:?}");
        assert_eq!(number(&span, "server.port"), port, "{target} {host:?}");
    }
}

#[tokio::test]
async fn the_scheme_is_the_targets_or_else_the_default() {
    let cases =
        [("/a", "https", "https"), ("http://shop.example/a", "https", "http"), ("/a", "http", "http")];
    for (target, default, scheme) in cases {
        let traced = Traced::new();
        call(traced.server().default_scheme(default), Request::get(target).body(Full::default()).unwrap())
            .await;
        assert_eq!(text(&traced.span().await, "url.scheme").as_deref(), Some(scheme));
    }
}

#[tokio::test]
async fn a_samplers_view_of_the_request_is_whole() {
    let traced = Traced::with("orders", |builder| {
        builder.sampler(|parameters: &throughline::sampling::SamplingParameters<'_>| {
            let has = |key| parameters.attributes.iter().any(|attribute| attribute.key == key);
            parameters.name == "GET /orders/{id}"
                && parameters.kind == SpanKind::Server
                && ["http.route", "url.path", "url.query", "server.address", "user_agent.original"]
                    .into_iter()
                    .all(has)
        })
    });
    let request = Request::get("http://shop.example/orders/7?page=2").header("user-agent", "curl");
    call(traced.server().route(route), request.body(Full::default()).unwrap()).await;
    traced.span().await;
}

#[tokio::test]
async fn a_continued_trace_has_a_remote_parent() {
    let traced = Traced::new();
    let request = Request::get("/a").header("traceparent", PARENT).header("tracestate", "congo=t61,rojo=1");
    call(traced.server(), request.body(Full::default()).unwrap()).await;
    let span = traced.span().await;
    assert_eq!(span.trace_id().to_string(), PARENT_TRACE);
    assert_eq!(span.parent_span_id().map(|id| id.to_string()).as_deref(), Some(PARENT_SPAN));
    assert!(span.parent_is_remote() && span.is_local_root());
    assert_eq!(span.flags().bits(), 3);
    assert_eq!(span.trace_state().to_string(), "congo=t61,rojo=1");
}
