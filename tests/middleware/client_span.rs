//! What a client span says of its call and its answer.

use crate::support::{
    BoxError, Traced, assert_attributes, number,
    peers::{answer_with, hyper_client, read, url},
    text,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use hyper_util::client::legacy::connect::HttpInfo;
use throughline::{
    Outcome, SpanKind, Status, Value,
    middleware::{ClientLayer, ResendCount},
};
use tower::{Layer, ServiceExt, service_fn};

/// Calls a client that only makes believe, for what no server of ours would see.
async fn call(layer: ClientLayer, request: Request<Full<Bytes>>) {
    let client =
        layer.layer(service_fn(|_| async { Ok::<_, BoxError>(Response::new(Full::<Bytes>::default())) }));
    client.oneshot(request).await.unwrap();
}

#[tokio::test]
async fn a_call_is_described() {
    let traced = Traced::new();
    let (address, heard) =
        answer_with(vec!["HTTP/1.1 200 OK\r\nx-service-name: stock\r\ncontent-length: 5\r\n\r\nhello"]).await;
    let client = traced.client().layer(hyper_client());
    let request = Request::get(url(address, "/items/7?key=s3cret")).body(Empty::<Bytes>::new()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(read(response.into_body()).await.unwrap(), "hello");
    heard.await.unwrap();

    let span = traced.span().await;
    assert_eq!((span.name(), span.kind()), ("GET", SpanKind::Client));
    assert_eq!((span.status(), span.outcome()), (&Status::Unset, Outcome::Completed));
    assert_attributes(
        &span,
        [
            ("http.request.method", "GET".into()),
            ("url.full", format!("http://{address}/items/7?key=REDACTED").into()),
            ("server.address", "127.0.0.1".into()),
            ("server.port", Value::I64(address.port().into())),
            ("http.response.status_code", Value::I64(200)),
            ("network.protocol.version", "1.1".into()),
            ("service.peer.name", "stock".into()),
        ],
    );
}

#[tokio::test]
async fn a_template_names_the_span() {
    let traced = Traced::new();
    let layer = traced.client().url_template(|_| Some("/items/{id}".into()));
    call(layer, Request::get("http://stock/items/7").body(Full::default()).unwrap()).await;
    let span = traced.span().await;
    assert_eq!(span.name(), "GET /items/{id}");
    assert_eq!(text(&span, "url.template").as_deref(), Some("/items/{id}"));
}

#[tokio::test]
async fn an_unknown_method_is_other() {
    let traced = Traced::new();
    let request = Request::builder().method("BREW").uri("http://stock/pot").body(Full::default()).unwrap();
    call(traced.client(), request).await;
    let span = traced.span().await;
    assert_eq!(span.name(), "HTTP");
    assert_eq!(text(&span, "http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(text(&span, "http.request.method_original").as_deref(), Some("BREW"));
}

#[tokio::test]
async fn the_url_is_absolute_and_without_secrets() {
    let cases = [
        (
            "https://ada:pa55@stock.example/a?sig=1&b=2",
            None,
            "https://REDACTED:REDACTED@stock.example/a?sig=REDACTED&b=2",
            "stock.example",
            443,
        ),
        ("http://stock.example/a", None, "http://stock.example/a", "stock.example", 80),
        ("http://stock.example", None, "http://stock.example/", "stock.example", 80),
        ("http://stock.example?b=2", None, "http://stock.example/?b=2", "stock.example", 80),
        ("wss://stock.example/a", None, "wss://stock.example/a", "stock.example", 443),
        ("http://[2001:db8::1]:81/a", None, "http://[2001:db8::1]:81/a", "2001:db8::1", 81),
        ("/a?b=2", Some("stock.example:81"), "http://stock.example:81/a?b=2", "stock.example", 81),
        (
            "/a?token=1",
            Some("ada:pa55@stock.example"),
            "http://REDACTED:REDACTED@stock.example/a?token=REDACTED",
            "stock.example",
            80,
        ),
    ];
    for (target, host, full, address, port) in cases {
        let traced = Traced::new();
        let mut request = Request::get(target);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        call(traced.client(), request.body(Full::default()).unwrap()).await;
        let span = traced.span().await;
        assert_eq!(text(&span, "url.full").as_deref(), Some(full));
        assert_eq!(text(&span, "server.address").as_deref(), Some(address));
        assert_eq!(number(&span, "server.port"), Some(port));
    }
}

#[tokio::test]
async fn a_tunnels_target_shows_no_password() {
    let traced = Traced::new();
    let request = Request::connect("ada:pa55@stock.example:443").body(Full::default()).unwrap();
    call(traced.client(), request).await;
    let span = traced.span().await;
    assert_eq!(text(&span, "url.full").as_deref(), Some("http://REDACTED:REDACTED@stock.example:443"));
    assert_eq!(number(&span, "server.port"), Some(443));
}

#[tokio::test]
async fn statuses_are_the_callers_from_400_on() {
    for code in [200, 204, 302, 304] {
        let span = span_of_status(code).await;
        assert_eq!((span.status(), text(&span, "error.type")), (&Status::Unset, None), "{code}");
    }
    for code in [400, 404, 500, 599] {
        let span = span_of_status(code).await;
        assert_eq!(span.status(), &Status::error(""));
        assert_eq!(text(&span, "error.type"), Some(code.to_string()));
        assert_eq!(number(&span, "http.response.status_code"), Some(code.into()));
        assert_eq!(span.outcome(), Outcome::Completed);
    }
}

async fn span_of_status(code: u16) -> throughline::SpanRecord {
    let traced = Traced::new();
    let client = traced.client().layer(service_fn(move |_: Request<()>| async move {
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        Ok::<_, BoxError>(response)
    }));
    client.oneshot(Request::new(())).await.unwrap();
    traced.span().await
}

#[tokio::test]
async fn a_sampler_sees_what_the_conventions_ask_for() {
    let traced = Traced::with("orders", |builder| {
        builder.sampler(|parameters: &throughline::sampling::SamplingParameters<'_>| {
            let has = |key| parameters.attributes.iter().any(|attribute| attribute.key == key);
            parameters.kind == SpanKind::Client
                && ["http.request.method", "server.address", "server.port", "url.full"].into_iter().all(has)
        })
    });
    call(traced.client(), Request::get("http://stock/a").body(Full::default()).unwrap()).await;
    traced.span().await;
}

#[tokio::test]
async fn only_a_second_attempt_has_a_resend_count() {
    for (count, expected) in [(0, None), (1, Some(1)), (2, Some(2))] {
        let traced = Traced::new();
        let request = Request::get("http://stock/a").extension(ResendCount(count));
        call(traced.client(), request.body(Full::default()).unwrap()).await;
        assert_eq!(number(&traced.span().await, "http.request.resend_count"), expected);
    }
}

#[tokio::test]
async fn the_peer_is_recorded_where_the_client_tells_it() {
    let traced = Traced::new();
    let (address, _heard) = answer_with(vec!["HTTP/1.1 204 No Content\r\n\r\n"]).await;
    let layer = traced.client().peer(|head| head.extensions.get().map(HttpInfo::remote_addr));
    let request = Request::get(url(address, "/")).body(Empty::<Bytes>::new()).unwrap();
    layer.layer(hyper_client()).oneshot(request).await.unwrap();
    let span = traced.span().await;
    assert_eq!(text(&span, "network.peer.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(number(&span, "network.peer.port"), Some(address.port().into()));
}

#[tokio::test]
async fn the_methods_named_are_the_known_ones() {
    for (method, recorded) in [("BREW", "BREW"), ("GET", "_OTHER")] {
        let traced = Traced::new();
        let layer = traced.client().known_methods([Method::from_bytes(b"BREW").unwrap()]);
        let request = Request::builder().method(method).uri("http://pot/");
        call(layer, request.body(Full::default()).unwrap()).await;
        assert_eq!(text(&traced.span().await, "http.request.method").as_deref(), Some(recorded));
    }
}
