//! Servers on loopback that do as the test says, on threads and plain sockets.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Resource, SpanContext, SpanId, SpanRecord, TraceFlags, TraceId,
    export::{Decision, ExportError, Exporter},
    exporters::{Otlp, OtlpBuilder},
};
use tokio::net::TcpSocket;

/// No server and no test waits longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    /// Names in lowercase.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads one; `None` if the peer has gone.
    pub fn read(stream: &mut impl Read) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut request = Self { line, headers, body: Vec::new() };
        let len = request.header("content-length").map_or(0, |len| len.parse().unwrap());
        request.body = vec![0; len];
        stream.read_exact(&mut request.body).ok()?;
        Some(request)
    }
}

/// What a server has seen.
#[derive(Clone, Default)]
pub struct Seen {
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub connections: Arc<AtomicUsize>,
    pub written: Arc<AtomicUsize>,
}

impl Seen {
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A listener whose connections are handed to `handle`, each on a thread of its own. It ends with the
/// process.
pub fn serve(handle: impl Fn(TcpStream, &Seen) + Send + Sync + 'static) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let (handle, shared) = (Arc::new(handle), seen.clone());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), handle, seen) = (stream, handle.clone(), shared.clone()) else {
                return;
            };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            seen.connections.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || handle(stream, &seen));
        }
    });
    (address, seen)
}

/// An address that refuses connections, and nobody else is given, as long as the socket is there.
pub fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Answers each request, the first being number 0, with these bytes, and keeps the connection open.
pub fn answering(answer: impl Fn(usize, &Request) -> Vec<u8> + Send + Sync + 'static) -> (SocketAddr, Seen) {
    serve(move |mut stream, seen| answer_all(&mut stream, seen, &answer))
}

/// As [`answering`], on a connection that is there.
pub fn answer_all(
    stream: &mut (impl Read + Write),
    seen: &Seen,
    answer: &(impl Fn(usize, &Request) -> Vec<u8> + ?Sized),
) {
    while let Some(request) = Request::read(stream) {
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        if write_counted(stream, &answer(number, &request), seen).is_err() {
            return;
        }
    }
}

pub fn write_counted(stream: &mut impl Write, bytes: &[u8], seen: &Seen) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()?;
    seen.written.fetch_add(bytes.len(), Ordering::SeqCst);
    Ok(())
}

/// An answer with this status, these further header lines and this body.
pub fn answer(status: u16, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Whatever\r\n");
    for header in headers {
        text = text + header + "\r\n";
    }
    if !matches!(status, 204 | 304) {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    [(text + "\r\n").into_bytes(), body.to_vec()].concat()
}

pub fn ok() -> Vec<u8> {
    answer(200, &["Content-Type: application/x-protobuf"], b"")
}

/// Reads until the peer goes, or for as long as anybody waits.
pub fn wait_for_end(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::Interrupted => return,
            _ => {}
        }
    }
}

// The other side.

/// Spans with ids from 1.
pub fn numbered(count: u64) -> Batch {
    batch_of(1..=count)
}

pub fn batch_of(ids: impl Iterator<Item = u64>) -> Batch {
    let trace = TraceId::from_u128(0x0199_c1f0_a3b2_7c1e_8f3b_6a5d_4c3b_2a19).unwrap();
    let span = |id| {
        let context = SpanContext::new(trace, SpanId::from_u64(id).unwrap(), TraceFlags::SAMPLED);
        SpanRecord::new(&context, "work", 1_000, 2_000)
    };
    Batch::new(Arc::new(Resource::new("orders")), ids.map(span).collect())
}

/// An exporter for a server here that sees nothing of the environment.
pub fn otlp(address: SocketAddr) -> OtlpBuilder {
    otlp_at(&format!("http://{address}"))
}

pub fn otlp_at(url: &str) -> OtlpBuilder {
    Otlp::builder().environment(|_| None).endpoint(url)
}

/// Exports and measures. The error's text and all its causes, as both of its forms show them, come along.
pub fn export(exporter: &mut dyn Exporter, batch: &Batch) -> (Result<(), (Decision, String)>, Duration) {
    let started = Instant::now();
    let result = exporter.export(batch);
    (result.map_err(|error| (error.decision(), all_texts(&error))), started.elapsed())
}

pub fn decision(exporter: &mut dyn Exporter, batch: &Batch) -> Option<Decision> {
    export(exporter, batch).0.err().map(|(decision, _)| decision)
}

fn all_texts(error: &ExportError) -> String {
    let mut text = format!("{error:?}");
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(known) = cause {
        text += &format!("\n{known}\n{known:?}");
        cause = known.source();
    }
    text
}

pub const RETRY: Decision = Decision::Retry { after: None };
