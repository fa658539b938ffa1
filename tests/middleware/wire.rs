//! The bytes on the wire: those without the layer, but for our headers; and the span ends with them.

use crate::support::{
    BoxError, Traced,
    body::Script,
    number,
    peers::{exchange, header, hyper_client, read, read_until, serve, url, without_ours},
};
use bytes::{BufMut, Bytes};
use http::{Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use std::{convert::Infallible, net::SocketAddr};
use throughline::{Outcome, Status};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, Service, ServiceExt, service_fn};

type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// One answer of each shape, by path.
async fn answer(request: Request<Incoming>) -> Result<Response<AnyBody>, Infallible> {
    let path = request.uri().path().to_owned();
    let of_length = |response: http::response::Builder| response.header(CONTENT_LENGTH, 10);
    let response = Response::builder();
    let (response, body): (_, AnyBody) = match path.as_str() {
        "/full" => (response, any(Full::new(Bytes::from("ten bytes.")))),
        "/empty" => (response, any(Empty::new())),
        "/chunked" => (response, any(Script::chunks(&["one", "two", "three"]))),
        "/nothing-chunked" => (response, any(Script::new())),
        "/length-by-header" => (of_length(response), any(Script::chunks(&["ten ", "bytes."]))),
        "/length-by-hint" => (response, any(Script::chunks(&["ten ", "bytes."]).length(10))),
        "/no-content" => (response.status(StatusCode::NO_CONTENT), any(Empty::new())),
        "/not-modified" => (of_length(response.status(StatusCode::NOT_MODIFIED)), any(Empty::new())),
        "/reset-content" => (response.status(StatusCode::RESET_CONTENT), any(Empty::new())),
        "/trailers" => {
            let body = Script::chunks(&["one"]).trailer("x-checksum", "7");
            (response.header("trailer", "x-checksum"), any(body))
        }
        "/trailers-at-the-end" => {
            let body = Script::chunks(&["one"]).trailer("x-checksum", "7").knows_its_end();
            (response.header("trailer", "x-checksum"), any(body))
        }
        "/echo" => {
            let sent = read(request.into_body()).await.unwrap();
            (response, any(Full::new(Bytes::from(sent))))
        }
        _ => (response.status(StatusCode::NOT_FOUND), any(Full::new(Bytes::from("no such path")))),
    };
    Ok(response.body(body).unwrap())
}

fn any<B>(body: B) -> AnyBody
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    body.map_err(Into::into).boxed_unsync()
}

/// The same service, bare and with the layer.
async fn serve_both(traced: &Traced) -> (SocketAddr, SocketAddr) {
    (serve(service_fn(answer)).await, serve(traced.server().layer(service_fn(answer))).await)
}

const PATHS: [&str; 11] = [
    "/full",
    "/empty",
    "/chunked",
    "/nothing-chunked",
    "/length-by-header",
    "/length-by-hint",
    "/no-content",
    "/not-modified",
    "/trailers",
    "/trailers-at-the-end",
    "/missing",
];

/// The head of a request for HTTP/1.1, without the empty line.
fn head(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: shop.example\r\nte: trailers\r\n")
}

#[tokio::test]
async fn answers_of_every_shape_are_the_same_and_complete() {
    for method in ["GET", "HEAD"] {
        for path in PATHS {
            let traced = Traced::new();
            let (bare, layered) = serve_both(&traced).await;
            let sent = head(method, path) + "connection: close\r\n\r\n";
            let (expected, received) = (exchange(bare, &sent).await, exchange(layered, &sent).await);
            assert_eq!(without_ours(&received), without_ours(&expected), "{method} {path}");
            for ours in ["x-request-id", "x-service-name", "x-response-time"] {
                assert!(header(&received, ours).is_some(), "{ours} in {received}");
            }
            let span = traced.span().await;
            assert_eq!(
                (span.outcome(), span.status()),
                (Outcome::Completed, &Status::Unset),
                "{method} {path}"
            );
            let code: i64 = received[9..12].parse().unwrap();
            assert_eq!(number(&span, "http.response.status_code"), Some(code));
        }
    }
}

#[tokio::test]
async fn http_1_0_gets_the_same_too() {
    for path in PATHS {
        let traced = Traced::new();
        let (bare, layered) = serve_both(&traced).await;
        let sent = format!("GET {path} HTTP/1.0\r\n\r\n");
        let (expected, received) = (exchange(bare, &sent).await, exchange(layered, &sent).await);
        assert_eq!(without_ours(&received), without_ours(&expected), "{path}");
        assert_eq!(traced.span().await.outcome(), Outcome::Completed, "{path}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_alive_over_many_requests() {
    let traced = Traced::new();
    let (bare, layered) = serve_both(&traced).await;
    let mut sent: String = PATHS.iter().map(|path| head("GET", path) + "\r\n").collect();
    sent += &(head("GET", "/full") + "connection: close\r\n\r\n");
    let (expected, received) = (exchange(bare, &sent).await, exchange(layered, &sent).await);
    assert_eq!(without_ours(&received), without_ours(&expected));
    for span in traced.spans(PATHS.len() + 1).await {
        assert_eq!(span.outcome(), Outcome::Completed, "{span:?}");
    }
}

#[tokio::test]
async fn a_100_continue_is_sent_when_the_body_is_wanted() {
    let traced = Traced::new();
    let (bare, layered) = serve_both(&traced).await;
    let mut heard = Vec::new();
    for address in [bare, layered] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = head("POST", "/echo") + "content-length: 5\r\nexpect: 100-continue\r\n";
        stream.write_all((request + "connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let go_on = read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"hello").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        heard.push(without_ours(&(go_on + &answer)));
    }
    assert!(heard[1].starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{}", heard[1]);
    assert_eq!(heard[0], heard[1]);
    assert_eq!(traced.span().await.outcome(), Outcome::Completed);
}

#[tokio::test]
async fn chunked_requests_pass_through() {
    let traced = Traced::new();
    let (bare, layered) = serve_both(&traced).await;
    let sent = head("POST", "/echo")
        + "transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n";
    let (expected, received) = (exchange(bare, &sent).await, exchange(layered, &sent).await);
    assert_eq!(without_ours(&received), without_ours(&expected));
    assert!(received.ends_with("onetwo"));
    assert_eq!(traced.span().await.outcome(), Outcome::Completed);
}

/// A frame of HTTP/2: type, flags, stream, and what it carries unless that is compressed headers.
type H2Frame = (u8, u8, u32, Vec<u8>);

/// Asks on one HTTP/2 connection for all paths, one after the other, and returns the frames of the
/// answers [RFC 9113, 4.1; RFC 7541, 6.2.2].
async fn h2_frames(address: SocketAddr, method: &str, paths: &[&str]) -> Vec<H2Frame> {
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frames = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        // :method and :path as literals, :scheme http from the static table, :authority as a literal.
        let mut block = Vec::new();
        for (index, value) in [(2, method), (4, path), (1, "shop.example")] {
            block.put_slice(&[index, value.len() as u8]);
            block.put_slice(value.as_bytes());
        }
        block.put_u8(0x86);
        let id = number as u32 * 2 + 1;
        let mut request = vec![0, 0, block.len() as u8, 1, END_STREAM | END_HEADERS];
        request.put_u32(id);
        request.put_slice(&block);
        stream.write_all(&request).await.unwrap();
        loop {
            let frame = read_h2_frame(&mut stream).await;
            let ends = frame.1 & END_STREAM != 0 && matches!(frame.0, 0 | 1);
            if frame.2 == id {
                frames.push(frame);
            }
            if ends {
                break;
            }
        }
    }
    frames
}

async fn read_h2_frame(stream: &mut TcpStream) -> H2Frame {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    (head[3], head[4], id, if head[3] == 0 { payload } else { Vec::new() })
}

#[tokio::test]
async fn http_2_sends_the_same_frames() {
    for method in ["GET", "HEAD"] {
        let traced = Traced::new();
        let (bare, layered) = serve_both(&traced).await;
        let expected = h2_frames(bare, method, &PATHS).await;
        assert!(expected.len() >= PATHS.len(), "{expected:?}");
        assert_eq!(h2_frames(layered, method, &PATHS).await, expected, "{method}");
        for span in traced.spans(PATHS.len()).await {
            assert_eq!((span.outcome(), span.status()), (Outcome::Completed, &Status::Unset), "{span:?}");
            let version = span.attribute("network.protocol.version");
            assert_eq!(version.unwrap().as_str(), Some("2"));
        }
    }
}

/// What such a client sends of a request whose last bytes are `end`.
async fn sent<C, B>(client: C, body: AnyBody, end: &'static str) -> String
where
    C: Service<Request<AnyBody>, Response = Response<B>, Error: std::fmt::Debug>,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = url(listener.local_addr().unwrap(), "/items?page=2");
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = read_until(&mut stream, end).await;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        heard
    });
    let request = Request::post(target).header("host", "stock.example").header("trailer", "x-checksum");
    client.oneshot(request.body(body).unwrap()).await.unwrap();
    heard.await.unwrap()
}

#[tokio::test]
async fn a_client_sends_the_same_bytes() {
    type MakeBody = fn() -> AnyBody;
    let bodies: [(MakeBody, &str); 4] = [
        (|| any(Empty::new()), "\r\n\r\n"),
        (|| any(Full::new(Bytes::from("ten bytes."))), "ten bytes."),
        (|| any(Script::chunks(&["one", "two"])), "0\r\n\r\n"),
        (|| any(Script::chunks(&["one"]).trailer("x-checksum", "7")), "x-checksum: 7\r\n\r\n"),
    ];
    for (body, end) in bodies {
        let traced = Traced::new();
        let expected = sent(hyper_client(), body(), end).await;
        let layered = sent(traced.client().layer(hyper_client()), body(), end).await;
        assert_eq!(without_ours(&layered), expected);
        for ours in ["traceparent", "x-request-id", "x-service-name"] {
            assert!(header(&layered, ours).is_some(), "{ours} in {layered}");
        }
        traced.span().await;
    }
}
