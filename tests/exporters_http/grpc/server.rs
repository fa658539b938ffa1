//! gRPC servers on loopback, each with a runtime of its own that goes with it.

use crate::server::otlp;
use bytes::Bytes;
use flate2::read::GzDecoder;
use h2::{RecvStream, server::SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustls::ServerConfig;
use std::{
    io::Read,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use throughline::exporters::OtlpBuilder;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use tokio_rustls::TlsAcceptor;

/// A call as it came, its message without prefix and unpacked.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub message: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn request(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(self.message.as_slice()).unwrap()
    }

    pub fn ids(&self) -> Vec<u64> {
        let spans = self.request().resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        let spans = spans.flat_map(|spans| spans.spans);
        spans.map(|span| u64::from_be_bytes(span.span_id.try_into().unwrap())).collect()
    }
}

/// What a server does with a call.
#[derive(Clone)]
pub enum Act {
    Answer(Answer),
    /// Answers at once, without having read the message.
    AnswerUnread(Answer),
    /// Says that it goes, and answers.
    GoAndAnswer(Answer),
    Hang,
    Reset(h2::Reason),
    /// Closes the connection.
    Close,
}

/// `None` for the trailers: the stream ends without any.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub head: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub trailers: Option<Vec<(&'static str, String)>>,
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");

impl Answer {
    /// OK, with this message.
    pub fn ok(message: &[u8]) -> Self {
        Self::of("application/grpc", framed(0, message), Some("0"))
    }

    pub fn of(content_type: &str, body: Vec<u8>, state: Option<&str>) -> Self {
        let trailers = state.map(|state| vec![("grpc-status", state.to_owned())]);
        Self { status: 200, head: vec![("content-type", content_type.to_owned())], body, trailers }
    }

    /// A state and nothing else, in the head or behind it.
    pub fn state(state: &str, more: &[(&'static str, String)], in_head: bool) -> Self {
        let mut ending = vec![("grpc-status", state.to_owned()), ("grpc-message", "canary".to_owned())];
        ending.extend_from_slice(more);
        let mut head = vec![(GRPC.0, GRPC.1.to_owned())];
        if in_head {
            head.extend(ending);
            return Self { status: 200, head, body: Vec::new(), trailers: None };
        }
        Self { status: 200, head, body: Vec::new(), trailers: Some(ending) }
    }

    /// Of a server or a gateway that is none of gRPC's.
    pub fn http(status: u16, headers: &[(&'static str, &str)]) -> Self {
        let head = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status, head, body: b"<html>canary".to_vec(), trailers: None }
    }

    async fn send(self, mut respond: SendResponse<Bytes>) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        *response.headers_mut() = headers(self.head);
        let is_all = self.body.is_empty() && self.trailers.is_none();
        let Ok(mut stream) = respond.send_response(response, is_all) else { return };
        if is_all {
            return;
        }
        let mut body = Bytes::from(self.body);
        while !body.is_empty() {
            stream.reserve_capacity(body.len());
            let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
                return;
            };
            let part = body.split_to(room.min(body.len()));
            let is_last = body.is_empty() && self.trailers.is_none();
            if stream.send_data(part, is_last).is_err() {
                return;
            }
        }
        if let Some(trailers) = self.trailers {
            let _gone = stream.send_trailers(headers(trailers));
        }
    }
}

fn headers(pairs: Vec<(&'static str, String)>) -> HeaderMap {
    let pair =
        |(name, value): (_, String)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
    pairs.into_iter().map(pair).collect()
}

/// A message behind its prefix.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag][..], &len, message].concat()
}

/// What a server has seen, also before it was started again.
#[derive(Clone, Default)]
pub struct Seen {
    calls: Arc<Mutex<Vec<Call>>>,
    connections: Arc<AtomicUsize>,
}

impl Seen {
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

type Script = Arc<dyn Fn(usize, &Call) -> Act + Send + Sync>;

pub struct Server {
    pub address: SocketAddr,
    pub seen: Seen,
    script: Script,
    tls: Option<Arc<ServerConfig>>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Does this with each call, the first being number 0.
    pub fn start(script: impl Fn(usize, &Call) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with(None, script)
    }

    pub fn start_with(
        tls: Option<ServerConfig>,
        script: impl Fn(usize, &Call) -> Act + Send + Sync + 'static,
    ) -> Self {
        let address = ([127, 0, 0, 1], 0).into();
        let (seen, script) = (Seen::default(), Arc::new(script));
        let mut server = Self { address, seen, script, tls: tls.map(Arc::new), runtime: None };
        server.restart();
        server
    }

    /// One whose answers are all alike.
    pub fn answering(answer: Answer) -> Self {
        Self::start(move |_, _| Act::Answer(answer.clone()))
    }

    pub fn ok() -> Self {
        Self::answering(Answer::ok(b""))
    }

    /// All its connections break; then it is back at the same address.
    pub fn restart(&mut self) {
        self.stop();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let listener = runtime.block_on(TcpListener::bind(self.address)).unwrap();
        self.address = listener.local_addr().unwrap();
        let (seen, script, tls) = (self.seen.clone(), self.script.clone(), self.tls.clone());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, script) = (seen.clone(), script.clone());
                match tls.clone().map(TlsAcceptor::from) {
                    None => drop(tokio::spawn(serve(stream, seen, script))),
                    Some(acceptor) => drop(tokio::spawn(async move {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, seen, script).await;
                        }
                    })),
                }
            }
        });
        self.runtime = Some(runtime);
    }

    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(20));
        }
    }

    /// An exporter for it.
    pub fn otlp(&self) -> OtlpBuilder {
        otlp(self.address).grpc()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

enum Ending {
    Close,
    /// Once the calls that are there have been answered; told when that has been said.
    Go(oneshot::Sender<()>),
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, seen: Seen, script: Script) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let (end, mut ended) = mpsc::unbounded_channel();
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            how = ended.recv() => match how {
                Some(Ending::Go(going)) => {
                    connection.graceful_shutdown();
                    going.send(()).unwrap();
                    continue;
                }
                Some(Ending::Close) | None => return,
            },
        };
        let Some(Ok((request, respond))) = accepted else { return };
        tokio::spawn(handle(request, respond, seen.clone(), script.clone(), end.clone()));
    }
}

async fn handle(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    seen: Seen,
    script: Script,
    end: mpsc::UnboundedSender<Ending>,
) {
    let (head, body) = request.into_parts();
    let mut call = Call { path: head.uri.path().to_owned(), headers: head.headers, message: Vec::new() };
    if let Act::AnswerUnread(answer) = script(usize::MAX, &call) {
        answer.send(respond).await;
        // So that the stream is not reset.
        std::future::pending::<()>().await;
        drop(body);
        return;
    }
    let Some(message) = read(body, &call).await else { return };
    call.message = message;
    let number = {
        let mut calls = seen.calls.lock().unwrap();
        calls.push(call.clone());
        calls.len() - 1
    };
    match script(number, &call) {
        Act::Answer(answer) | Act::AnswerUnread(answer) => answer.send(respond).await,
        Act::GoAndAnswer(answer) => {
            let (going, gone) = oneshot::channel();
            end.send(Ending::Go(going)).ok().unwrap();
            gone.await.unwrap();
            answer.send(respond).await;
        }
        Act::Hang => std::future::pending().await,
        Act::Reset(reason) => respond.send_reset(reason),
        Act::Close => {
            end.send(Ending::Close).ok().unwrap();
            // Or the stream would be reset first.
            std::future::pending::<()>().await;
        }
    }
}

async fn read(mut body: RecvStream, call: &Call) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part.ok()?;
        body.flow_control().release_capacity(part.len()).ok()?;
        bytes.extend_from_slice(&part);
    }
    let (prefix, message) = bytes.split_at(5);
    assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
    let is_packed = prefix[0] == 1;
    assert_eq!(is_packed, call.header("grpc-encoding") == Some("gzip"));
    if !is_packed {
        return Some(message.to_vec());
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(message).read_to_end(&mut unpacked).unwrap();
    Some(unpacked)
}
