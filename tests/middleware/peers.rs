//! Servers and clients as they are used: axum, hyper's pool, reqwest, websockets, tunnels.

use crate::support::{
    BoxError, Traced,
    body::Script,
    number,
    peers::{exchange, get, hyper_client, read, read_until, serve, url, without_ours},
    text,
};
use axum::{
    Extension, Json, Router, ServiceExt,
    routing::{any, post},
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, header};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, net::SocketAddr, time::Duration};
use throughline::{Outcome, RequestId, Span, Status, middleware::ResponseBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use tower::{Layer, ServiceBuilder, ServiceExt as _, service_fn};

fn routes() -> Router {
    let orders = Router::new()
        .route(
            "/orders/{id}",
            axum::routing::get(|| async { Json([1, 2, 3]) }).delete(|| async { StatusCode::NO_CONTENT }),
        )
        .route("/orders", post(|body: String| async { (StatusCode::CREATED, body) }))
        .route(
            "/stream",
            axum::routing::get(|| async { axum::body::Body::new(Script::chunks(&["one", "two"])) }),
        )
        .route("/id", axum::routing::get(|Extension(id): Extension<RequestId>| async move { id.to_string() }))
        .route("/span", any(|| async { Span::new("handler").end() }));
    Router::new().nest("/api", orders)
}

async fn serve_axum(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    address
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axums_matched_route_names_the_span() {
    let cases = [
        ("GET", "/api/orders/7", "GET /api/orders/{id}", 200),
        ("DELETE", "/api/orders/7", "DELETE /api/orders/{id}", 204),
        ("POST", "/api/orders/7", "POST /api/orders/{id}", 405),
        ("HEAD", "/api/orders/7", "HEAD /api/orders/{id}", 200),
        ("GET", "/nowhere/7", "GET", 404),
    ];
    for (method, path, name, code) in cases {
        let traced = Traced::new();
        let layer = traced.server().peer(|head| {
            let info: &axum::extract::ConnectInfo<SocketAddr> = head.extensions.get()?;
            Some(info.0)
        });
        let address = serve_axum(routes().layer(layer)).await;
        exchange(address, &get(path).replacen("GET", method, 1)).await;
        let span = traced.span().await;
        assert_eq!(span.name(), name);
        assert_eq!(text(&span, "http.route").as_deref(), name.split_once(' ').map(|(_, route)| route));
        assert_eq!(number(&span, "http.response.status_code"), Some(code));
        assert_eq!((span.outcome(), span.status()), (Outcome::Completed, &Status::Unset));
        assert_eq!(text(&span, "network.peer.address").as_deref(), Some("127.0.0.1"));
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn axums_failing_body_says_why() {
    let traced = Traced::new();
    let failing = || async {
        let pause = Duration::from_millis(1);
        axum::body::Body::new(Script::new().data("half").wait(pause).fail(std::io::ErrorKind::BrokenPipe))
    };
    let routes = Router::new().route("/", axum::routing::get(failing));
    let address = serve_axum(routes.layer(traced.server())).await;
    exchange(address, &get("/")).await;
    let span = traced.span().await;
    assert_eq!(text(&span, "error.type").as_deref(), Some("broken_pipe"));
    assert_eq!(number(&span, "http.response.status_code"), Some(200));
}

#[tokio::test]
async fn axum_answers_the_same_bytes() {
    let traced = Traced::new();
    let bare = serve_axum(routes()).await;
    let layered = serve_axum(routes().layer(traced.server())).await;
    let requests = [
        get("/api/orders/7"),
        get("/api/orders/7").replacen("GET", "HEAD", 1),
        get("/api/orders/7").replacen("GET", "DELETE", 1),
        get("/api/orders/7").replacen("GET", "PUT", 1),
        get("/api/stream"),
        get("/api/stream").replacen("GET", "HEAD", 1),
        get("/nowhere"),
        "POST /api/orders HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody"
            .to_owned(),
    ];
    for request in &requests {
        let (expected, received) = (exchange(bare, request).await, exchange(layered, request).await);
        assert_eq!(without_ours(&received), without_ours(&expected));
    }
    for span in traced.spans(requests.len()).await {
        assert_eq!(span.outcome(), Outcome::Completed);
    }
}

#[tokio::test]
async fn axums_handlers_have_the_id_and_the_span() {
    let traced = Traced::new();
    let address = serve_axum(routes().layer(traced.server())).await;
    let answer =
        exchange(address, &get("/api/id").replacen("host", "x-request-id: order-7\r\nhost", 1)).await;
    assert!(answer.ends_with("order-7"), "{answer}");
    exchange(address, &get("/api/span")).await;
    let spans = traced.spans(3).await;
    assert_eq!((spans[2].name(), spans[2].parent_span_id()), ("handler", Some(spans[1].span_id())));
}

#[tokio::test]
async fn the_layer_may_stand_around_a_whole_router() {
    let traced = Traced::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    // axum serves answers with axum's body only.
    let service = ServiceBuilder::new()
        .map_response(|response: Response<ResponseBody<axum::body::Body>>| {
            response.map(axum::body::Body::new)
        })
        .layer(traced.server())
        .service(routes());
    let service = ServiceExt::<axum::extract::Request>::into_make_service(service);
    tokio::spawn(axum::serve(listener, service).into_future());
    exchange(address, &get("/api/orders/7")).await;
    // No route has been matched where the layer stands.
    assert_eq!(traced.span().await.name(), "GET");
}

#[tokio::test]
async fn hypers_pool_gets_its_connection_back() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Script::chunks(&["one", "two"])))
    });
    let address = serve(traced.server().layer(service)).await;
    let orders = Traced::new();
    let client = orders.client().layer(hyper_client::<Empty<Bytes>>());
    for _ in 0..3 {
        let request = Request::get(url(address, "/")).body(Empty::new()).unwrap();
        let answer = client.clone().oneshot(request).await.unwrap();
        assert_eq!(read(answer.into_body()).await.unwrap(), "onetwo");
    }
    let ports: Vec<_> = traced.spans(3).await.iter().map(|span| number(span, "network.peer.port")).collect();
    assert!(ports[0].is_some() && ports[0] == ports[1] && ports[1] == ports[2], "{ports:?}");
    assert!(orders.spans(3).await.iter().all(|span| span.outcome() == Outcome::Completed));
}

/// reqwest's client, whose own requests and responses are not `http`'s, as a service of those.
fn reqwest_service(
    client: reqwest::Client,
) -> impl tower::Service<
    Request<reqwest::Body>,
    Response = Response<reqwest::Body>,
    Error = reqwest::Error,
    Future: Send,
> + Clone {
    service_fn(move |request: Request<reqwest::Body>| {
        let client = client.clone();
        async move { client.execute(request.try_into()?).await.map(Response::from) }
    })
}

#[tokio::test]
async fn reqwest_is_traced() {
    let (orders, stock) = (Traced::new(), Traced::with("stock", |builder| builder));
    let service = service_fn(|request: Request<Incoming>| async {
        Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(read(request.into_body()).await?))))
    });
    let address = serve(stock.server().layer(service)).await;
    let client = orders.client().layer(reqwest_service(reqwest::Client::new()));
    let request = Request::post(url(address, "/items")).body(reqwest::Body::from("hello")).unwrap();
    let answer = client.oneshot(request).await.unwrap();
    assert_eq!(read(answer.into_body()).await.unwrap(), "hello");

    let (client, server) = (orders.span().await, stock.span().await);
    assert_eq!((client.name(), client.outcome()), ("POST", Outcome::Completed));
    assert_eq!(text(&client, "url.full"), Some(url(address, "/items")));
    assert_eq!(text(&client, "network.protocol.version").as_deref(), Some("1.1"));
    assert_eq!(text(&client, "service.peer.name").as_deref(), Some("stock"));
    assert_eq!(server.parent_span_id(), Some(client.span_id()));
    assert_eq!(server.outcome(), Outcome::Completed);
}

#[tokio::test]
async fn reqwests_errors_are_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let silent = listener.local_addr().unwrap();
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    for (address, error_type) in [(silent, "timeout"), (closed, "connection_refused")] {
        let traced = Traced::new();
        let client = reqwest::Client::builder().timeout(Duration::from_millis(20)).build().unwrap();
        let layer = traced.client().known_error::<reqwest::Error>();
        let request = Request::get(url(address, "/?token=s3cret")).body(reqwest::Body::default()).unwrap();
        assert!(layer.layer(reqwest_service(client)).oneshot(request).await.is_err());
        let span = traced.span().await;
        assert_eq!(text(&span, "error.type").as_deref(), Some(error_type));
        assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
    }
}

/// Takes a websocket and sends every message back.
async fn websocket(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, BoxError> {
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).ok_or("no websocket")?;
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response.body(Empty::new())?)
}

#[tokio::test]
async fn a_websocket_echoes_and_its_span_ends_with_the_handshake() {
    let traced = Traced::new();
    let address = serve(traced.server().layer(service_fn(websocket))).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, answer) = client_async(format!("ws://{address}/echo"), stream).await.unwrap();
    assert!(answer.headers().contains_key("x-request-id"));

    let span = traced.span().await;
    assert_eq!(number(&span, "http.response.status_code"), Some(101));
    assert_eq!((span.outcome(), span.status()), (Outcome::Completed, &Status::Unset));
    for text in ["hello", "again"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    socket.close(None).await.unwrap();
    traced.spans(1).await;
}

#[tokio::test]
async fn a_clients_upgrade_goes_through_its_layer() {
    let traced = Traced::new();
    let address = serve(service_fn(websocket)).await;
    let request = Request::get(url(address, "/echo"))
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
    let client = traced.client().layer(hyper_client());
    let answer = client.oneshot(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));

    let span = traced.span().await;
    assert_eq!(number(&span, "http.response.status_code"), Some(101));
    assert_eq!((span.outcome(), span.status()), (Outcome::Completed, &Status::Unset));
}

/// Agrees to a tunnel, and echoes what comes through it.
async fn tunnel(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(&heard).await.unwrap();
    });
    Ok(Response::new(Empty::new()))
}

#[tokio::test]
async fn a_tunnels_span_ends_with_the_agreement() {
    let traced = Traced::new();
    let bare = serve(service_fn(tunnel)).await;
    let layered = serve(traced.server().layer(service_fn(tunnel))).await;
    let mut heard = Vec::new();
    for address in [bare, layered] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"CONNECT stock.example:443 HTTP/1.1\r\nhost: stock.example:443\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"hello").await.unwrap();
        heard.push(without_ours(&head) + &read_until(&mut stream, "hello").await);
    }
    assert_eq!(heard[0], heard[1]);
    let span = traced.span().await;
    assert_eq!((span.name(), span.outcome()), ("CONNECT", Outcome::Completed));
    assert_eq!(text(&span, "server.address").as_deref(), Some("stock.example"));
    assert_eq!(number(&span, "server.port"), Some(443));
}
