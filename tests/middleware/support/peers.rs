//! Peers on loopback: hyper's servers around any tower service, and sockets that speak bytes.

use super::{BoxError, PATIENCE};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::net::SocketAddr;
use throughline::SpanHandle;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::{Service, ServiceBuilder};

/// Serves HTTP/1.1 and HTTP/2 until the test's runtime ends. The peer's address is in the requests'
/// extensions.
pub async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = ServiceBuilder::new()
                .map_request(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(peer);
                    request
                })
                .service(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(service);
                let _hung_up = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Sends bytes and reads whatever comes until the peer closes.
pub async fn exchange(address: SocketAddr, sent: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let read = stream.read_to_end(&mut received);
    timeout(PATIENCE, read).await.expect("the peer closes").unwrap();
    String::from_utf8(received).unwrap()
}

/// Reads until the bytes end like this.
pub async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut received = Vec::new();
    while !received.ends_with(end.as_bytes()) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("more bytes come").expect("more bytes");
        received.push(byte);
    }
    String::from_utf8(received).unwrap()
}

/// A GET of this path after which the server closes the connection.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n")
}

/// An HTTP/1.1 message without its date and the headers that the layers add.
pub fn without_ours(message: &str) -> String {
    const OURS: [&str; 6] =
        ["x-request-id:", "x-service-name:", "x-response-time:", "traceparent:", "tracestate:", "date:"];
    let is_ours = |line: &&str| OURS.iter().any(|name| line.starts_with(name));
    message.split("\r\n").filter(|line| !is_ours(line)).collect::<Vec<_>>().join("\r\n")
}

/// The value of a header, as it stands on the wire.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next()?;
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find_map(|(key, value)| (key == name).then_some(value))
}

/// Answers one connection after the other with these bytes and closes it; gives back what was sent.
pub async fn answer_with(answers: Vec<&'static str>) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            heard.push(read_until(&mut stream, "\r\n\r\n").await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heard
    });
    (address, heard)
}

/// hyper's pooling client, HTTP/1.1.
pub fn hyper_client<B: Body<Data: Send> + Send>() -> Client<HttpConnector, B> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// Reads a body to its end.
pub async fn read<B: Body<Data = Bytes, Error: Into<BoxError>>>(body: B) -> Result<String, BoxError> {
    use http_body_util::BodyExt;
    let bytes = body.collect().await.map_err(Into::into)?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec())?)
}

/// The current span, to compare with records.
pub fn current() -> Option<SpanHandle> {
    throughline::Span::current().handle()
}

/// hyper's pooling client, HTTP/2 only.
pub fn h2_client<B: Body<Data: Send> + Send>() -> Client<HttpConnector, B> {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}
