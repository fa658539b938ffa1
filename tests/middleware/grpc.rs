//! gRPC between tonic's server and client, and answers that no tonic server gives.

use crate::support::{
    Traced, assert_attributes,
    body::Script,
    named, number,
    peers::{h2_client, read, serve, url},
    text,
};
use bytes::{Buf, BufMut, Bytes};
use http::{Method, Request, Response, StatusCode, Version, uri::PathAndQuery};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    net::SocketAddr,
    task::{Context, Poll},
};
use throughline::{
    Instrument, Outcome, SpanKind, SpanRecord, Status,
    context::Baggage,
    propagation::{Composite, Propagator},
};
use tokio::net::TcpListener;
use tonic::{
    Code, Streaming,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::NamedService,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

/// Messages as they are: what is tested is not protobuf.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// `Take` answers with the status whose number it is sent, at once; `Watch` with a message first and the
/// status then; `Stay` with a message and nothing more.
#[derive(Clone)]
struct Stock;

impl NamedService for Stock {
    const NAME: &'static str = "shop.Stock";
}

type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;
type Messages = futures_util::stream::BoxStream<'static, Result<Bytes, tonic::Status>>;

fn status(number: &Bytes) -> Result<Bytes, tonic::Status> {
    let code = Code::from_bytes(number);
    if code == Code::Ok { Ok(Bytes::from("taken")) } else { Err(tonic::Status::new(code, "as asked")) }
}

async fn watch(request: tonic::Request<Bytes>) -> Result<tonic::Response<Messages>, tonic::Status> {
    let messages = [Ok(Bytes::from("first")), status(request.get_ref())];
    Ok(tonic::Response::new(Box::pin(futures_util::stream::iter(messages))))
}

async fn stay(_: tonic::Request<Bytes>) -> Result<tonic::Response<Messages>, tonic::Status> {
    use futures_util::StreamExt;
    let messages = futures_util::stream::iter([Ok(Bytes::from("first"))]);
    Ok(tonic::Response::new(Box::pin(messages.chain(futures_util::stream::pending()))))
}

impl Service<Request<Body>> for Stock {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(match request.uri().path() {
                "/shop.Stock/Take" => {
                    let take = service_fn(|request: tonic::Request<Bytes>| async move {
                        status(request.get_ref()).map(tonic::Response::new)
                    });
                    grpc.unary(take, request).await
                }
                "/shop.Stock/Watch" => grpc.server_streaming(service_fn(watch), request).await,
                "/shop.Stock/Stay" => grpc.server_streaming(service_fn(stay), request).await,
                _ => tonic::Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn serve_stock(traced: &Traced) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(traced.server()).add_service(Stock);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(url(address, "")).unwrap().connect().await.unwrap()
}

/// Calls a method; returns the messages and the status.
async fn call(traced: &Traced, address: SocketAddr, method: &'static str, code: Code) -> (Vec<Bytes>, Code) {
    let layered = ServiceBuilder::new().layer(traced.client()).service(channel(address).await);
    // tonic's channel knows the origin, but adds it only inside of the layer.
    let mut client = tonic::client::Grpc::with_origin(layered, url(address, "").parse().unwrap());
    client.ready().await.unwrap();
    let request = tonic::Request::new(Bytes::from((code as i32).to_string()));
    let path = PathAndQuery::from_static(method);
    let mut messages: Streaming<Bytes> = match client.server_streaming(request, path, Raw).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (Vec::new(), status.code()),
    };
    let mut received = Vec::new();
    loop {
        match messages.message().await {
            Ok(Some(message)) => received.push(message),
            Ok(None) => return (received, Code::Ok),
            Err(status) => return (received, status.code()),
        }
    }
}

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const SERVERS_ERRORS: [&str; 6] =
    ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];

fn assert_status(span: &SpanRecord, name: &str, is_error: bool) {
    assert_eq!(text(span, "rpc.response.status_code").as_deref(), Some(name), "{span:?}");
    assert_eq!(span.status(), &if is_error { Status::error("") } else { Status::Unset }, "{span:?}");
    assert_eq!(text(span, "error.type").as_deref(), is_error.then_some(name));
    assert_eq!(span.outcome(), Outcome::Completed);
    assert_eq!(number(span, "http.response.status_code"), None);
}

#[tokio::test]
async fn every_status_is_told_by_trailers_and_by_a_head_alone() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let address = serve_stock(&stock).await;
    let mut calls = Vec::new();
    for method in ["/shop.Stock/Take", "/shop.Stock/Watch"] {
        for (number, name) in NAMES.into_iter().enumerate() {
            let code = Code::from(number as i32);
            assert_eq!(call(&orders, address, method, code).await.1, code);
            calls.push((method, name));
        }
    }
    let (client_spans, server_spans) = (orders.spans(calls.len()).await, stock.spans(calls.len()).await);
    for ((method, name), (client, server)) in calls.into_iter().zip(client_spans.iter().zip(&server_spans)) {
        assert_eq!(server.parent_span_id(), Some(client.span_id()));
        assert_status(client, name, name != "OK");
        assert_status(server, name, SERVERS_ERRORS.contains(&name));
        assert_eq!(client.name(), &method[1..]);
        assert_eq!(server.name(), if name == "UNIMPLEMENTED" { "grpc" } else { &method[1..] });
    }
}

#[tokio::test]
async fn a_call_is_described_on_both_sides() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let address = serve_stock(&stock).await;
    let (messages, code) = call(&orders, address, "/shop.Stock/Watch", Code::Ok).await;
    assert_eq!((messages, code), (vec![Bytes::from("first"), Bytes::from("taken")], Code::Ok));

    let (client, server) = (orders.span().await, stock.span().await);
    assert_eq!((client.kind(), server.kind()), (SpanKind::Client, SpanKind::Server));
    let port = || i64::from(address.port()).into();
    assert_attributes(
        &client,
        [
            ("rpc.system.name", "grpc".into()),
            ("rpc.method", "shop.Stock/Watch".into()),
            ("rpc.response.status_code", "OK".into()),
            ("server.address", "127.0.0.1".into()),
            ("server.port", port()),
            ("network.protocol.version", "2".into()),
            ("service.peer.name", "stock".into()),
        ],
    );
    assert_attributes(
        &server,
        [
            ("rpc.system.name", "grpc".into()),
            ("rpc.method", "shop.Stock/Watch".into()),
            ("rpc.response.status_code", "OK".into()),
            ("server.address", "127.0.0.1".into()),
            ("server.port", port()),
            ("network.protocol.version", "2".into()),
            ("service.peer.name", "orders".into()),
        ],
    );
}

#[tokio::test]
async fn an_origin_is_for_a_channel_that_adds_its_own_later() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let address = serve_stock(&stock).await;
    let layer = orders.client().origin(url(address, "").parse().unwrap());
    let mut client = tonic::client::Grpc::new(layer.layer(channel(address).await));
    client.ready().await.unwrap();
    let order = orders.tracer.span_builder("order");
    let order = order.baggage(Baggage::EMPTY.with("tenant", "7").unwrap()).start();
    let request = tonic::Request::new(Bytes::from("0"));
    let path = PathAndQuery::from_static("/shop.Stock/Take");
    let answer = client.unary(request, path, Raw).instrument(order).await.unwrap();
    assert_eq!(answer.into_inner(), "taken");
    drop(client);
    let spans = orders.spans(2).await;
    let call = named(&spans, "shop.Stock/Take");
    assert_eq!(text(call, "server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(number(call, "server.port"), Some(address.port().into()));
    assert_eq!(stock.span().await.parent_span_id(), Some(call.span_id()));
}

#[test]
fn metadata_is_a_carrier() {
    let mut call = tonic::Request::new(());
    let mut context = throughline::Context::default();
    context.baggage = Baggage::EMPTY.with("tenant", "7").unwrap();
    Composite::default().inject(&context, call.metadata_mut().as_mut());
    assert_eq!(call.metadata().get("baggage").unwrap(), "tenant=7");
    let mut read = throughline::Context::default();
    Composite::default().extract(call.metadata().as_ref(), &mut read).unwrap();
    assert_eq!(read, context);
}

#[tokio::test]
async fn a_method_that_is_not_there_names_no_span() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let address = serve_stock(&stock).await;
    call(&orders, address, "/shop.Stock/Steal", Code::Ok).await;
    let server = stock.span().await;
    assert_eq!(server.name(), "grpc");
    assert_eq!(text(&server, "rpc.method").as_deref(), Some("_OTHER"));
    assert_eq!(text(&server, "rpc.method_original").as_deref(), Some("shop.Stock/Steal"));
}

#[tokio::test]
async fn a_stream_given_up_is_cancelled_on_both_sides() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let address = serve_stock(&stock).await;
    let layered = orders.client().layer(channel(address).await);
    let mut client = tonic::client::Grpc::new(layered);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/shop.Stock/Stay");
    let response = client.server_streaming(tonic::Request::new(Bytes::new()), path, Raw).await;
    let mut messages: Streaming<Bytes> = response.unwrap().into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap(), "first");
    orders.spans(0).await;
    stock.spans(0).await;
    drop(messages);
    for span in [orders.span().await, stock.span().await] {
        assert_eq!((span.outcome(), span.status()), (Outcome::Cancelled, &Status::Unset), "{span:?}");
    }
}

/// The client's span of a gRPC call that is answered like this, not by tonic.
async fn span_of(answer: fn() -> Response<Full<Bytes>>) -> SpanRecord {
    let traced = Traced::new();
    let address =
        serve(service_fn(move |_: Request<Incoming>| async move { Ok::<_, Infallible>(answer()) })).await;
    let client = traced.client().layer(h2_client());
    let request = Request::post(url(address, "/shop.Stock/Take"))
        .header("content-type", "application/grpc+proto")
        .body(Full::<Bytes>::default())
        .unwrap();
    client.oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    traced.span().await
}

fn grpc_answer() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

#[tokio::test]
async fn an_answer_without_a_status_is_unknown() {
    assert_status(&span_of(|| grpc_answer().body(Full::default()).unwrap()).await, "UNKNOWN", true);
    for number in ["17", "99", "-1", "01", "", "x"] {
        let traced = Traced::new();
        let client = service_fn(move |_: Request<()>| async move {
            Ok::<_, Infallible>(
                grpc_answer().header("grpc-status", number).body(Full::<Bytes>::default()).unwrap(),
            )
        });
        let request = Request::post("/a.B/C").header("content-type", "application/grpc").body(()).unwrap();
        traced.client().layer(client).oneshot(request).await.unwrap();
        assert_status(&traced.span().await, "UNKNOWN", true);
    }
}

#[tokio::test]
async fn the_trailers_count_and_without_a_status_there_the_head() {
    for (trailer, name) in [(("grpc-status", "5"), "NOT_FOUND"), (("x-other", "5"), "ABORTED")] {
        let traced = Traced::new();
        let client = service_fn(move |_: Request<()>| async move {
            let body = Script::chunks(&["message"]).trailer(trailer.0, trailer.1);
            grpc_answer().header("grpc-status", "10").body(body)
        });
        let request = Request::post("/a.B/C").header("content-type", "application/grpc").body(()).unwrap();
        read(traced.client().layer(client).oneshot(request).await.unwrap().into_body()).await.unwrap();
        assert_status(&traced.span().await, name, true);
    }
}

#[tokio::test]
async fn an_answer_that_is_not_grpcs_stands_for_a_status() {
    let proxy = span_of(|| {
        let response = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
        response.header("content-type", "text/html").body(Full::from("try again")).unwrap()
    });
    let span = proxy.await;
    assert_eq!(number(&span, "http.response.status_code"), Some(503));
    assert_eq!(text(&span, "rpc.response.status_code").as_deref(), Some("UNAVAILABLE"));
    assert_eq!(text(&span, "error.type").as_deref(), Some("UNAVAILABLE"));
    assert_eq!(span.status(), &Status::error(""));

    for (code, name) in [
        (400, "INTERNAL"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "UNIMPLEMENTED"),
        (429, "UNAVAILABLE"),
        (418, "UNKNOWN"),
    ] {
        let traced = Traced::new();
        let client = service_fn(move |_: Request<()>| async move {
            Ok::<_, Infallible>(Response::builder().status(code).body(Full::<Bytes>::default()).unwrap())
        });
        let request = Request::post("/a.B/C").header("content-type", "application/grpc").body(()).unwrap();
        traced.client().layer(client).oneshot(request).await.unwrap();
        assert_eq!(text(&traced.span().await, "rpc.response.status_code").as_deref(), Some(name));
    }
}

#[tokio::test]
async fn a_path_that_names_no_method_names_the_system() {
    for path in ["/", "/shop.Stock", "/shop.Stock/", "//Take", "/a/b/c"] {
        let traced = Traced::new();
        let service = traced.server().layer(traced.client().layer(service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(
                grpc_answer().header("grpc-status", "0").body(Full::<Bytes>::default()).unwrap(),
            )
        })));
        let request =
            Request::post(path).version(Version::HTTP_2).header("content-type", "application/grpc;x");
        let request = request.body(()).unwrap();
        service.oneshot(request).await.unwrap();
        for span in traced.spans(2).await {
            assert_eq!(span.name(), "grpc", "{path}");
            assert_eq!(text(&span, "rpc.system.name").as_deref(), Some("grpc"));
            assert_eq!((text(&span, "rpc.method"), text(&span, "url.full")), (None, None));
        }
    }
}

/// Whatever its caller says, a request that cannot be gRPC's, or is not answered as such, is not named by its path.
#[tokio::test]
async fn who_says_grpc_chooses_no_name() {
    for (method, version, name) in [
        (Method::GET, Version::HTTP_2, "GET"),
        (Method::POST, Version::HTTP_11, "POST"),
        (Method::POST, Version::HTTP_2, "grpc"),
    ] {
        for code in [200, 405, 500] {
            let traced = Traced::new();
            let service = traced.server().layer(service_fn(move |_: Request<()>| async move {
                Ok::<_, Infallible>(Response::builder().status(code).body(Full::<Bytes>::default()).unwrap())
            }));
            let request = Request::builder().method(&method).version(version).uri("/orders/7");
            let request = request.header("content-type", "application/grpc").body(()).unwrap();
            read(service.oneshot(request).await.unwrap().into_body()).await.unwrap();
            let span = traced.span().await;
            assert_eq!(span.name(), name, "{method} {version:?}");
            assert_eq!(span.status().is_error(), code == 500, "{span:?}");
            assert_ne!(text(&span, "rpc.method").as_deref(), Some("orders/7"));
        }
    }
}

#[tokio::test]
async fn grpc_web_is_http() {
    let traced = Traced::new();
    let client =
        service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) });
    let request =
        Request::post("http://stock/shop.Stock/Take").header("content-type", "application/grpc-web");
    traced.client().layer(client).oneshot(request.body(()).unwrap()).await.unwrap();
    let span = traced.span().await;
    assert_eq!((span.name(), number(&span, "http.response.status_code")), ("POST", Some(200)));
}

#[tokio::test]
async fn a_status_that_nobody_waits_for_is_cancelled() {
    for (status_in_head, outcome) in [(true, Outcome::Completed), (false, Outcome::Cancelled)] {
        let traced = Traced::new();
        let client = service_fn(move |_: Request<()>| async move {
            let head = if status_in_head { grpc_answer().header("grpc-status", "0") } else { grpc_answer() };
            let body = Script::chunks(&["message"]).trailer("grpc-status", "0");
            Ok::<_, Infallible>(head.body(body).unwrap())
        });
        let request = Request::post("/a.B/C").header("content-type", "application/grpc").body(()).unwrap();
        drop(traced.client().layer(client).oneshot(request).await.unwrap());
        let span = traced.span().await;
        assert_eq!((span.outcome(), span.status()), (outcome, &Status::Unset));
    }
}
