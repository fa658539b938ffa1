//! A secret in every field that can have one, and every exporter: none of them writes it.
//!
//! A new exporter is one line more in `sinks`.

use crate::written::Written;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};
use throughline::{
    Batch, Context, Span, SpanContext, Status, TraceFlags, Tracer,
    context::{Baggage, TraceState},
    export::{Delivery, ExportError, Exporter, Report, Spool},
    exporters::{ColorChoice, Console, JsonLines, Memory, Otlp, OtlpEncoding, Zipkin},
    middleware::{ClientLayer, ServerLayer},
    redact::Redaction,
};
use tower::{Layer, ServiceExt, service_fn};

/// In every secret, and nowhere else.
const CANARY: &str = "C4N4RY";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.C4N4RY";
const URL: &str = "https://ada:C4N4RY@shop.example/orders/7?page=2&token=C4N4RY";

/// An exporter, and what it has written so far.
struct Sink {
    name: &'static str,
    exporter: Delivery,
    written: Box<dyn Fn() -> Vec<u8>>,
}

/// Every exporter there is.
fn sinks() -> Vec<Sink> {
    vec![
        Sink::writer("console", |writer| Console::to(writer).width(None).color(ColorChoice::Never)),
        Sink::writer("console in color", |writer| Console::to(writer).color(ColorChoice::Always)),
        Sink::writer("json lines", JsonLines::to),
        Sink::memory(),
        Sink::server("otlp", |url| Otlp::builder().traces_endpoint(url).build().unwrap()),
        Sink::server("otlp as json", |url| {
            Otlp::builder().traces_endpoint(url).encoding(OtlpEncoding::Json).build().unwrap()
        }),
        Sink::called("otlp over grpc", |url| Otlp::builder().grpc().endpoint(url).build().unwrap()),
        Sink::spool(),
        Sink::server("zipkin", |url| Zipkin::builder().endpoint(url).build().unwrap()),
    ]
}

impl Sink {
    fn writer<E: Exporter + 'static>(name: &'static str, exporter: impl FnOnce(Written) -> E) -> Self {
        let written = Written::default();
        let exporter = exporter(written.clone()).into();
        Self { name, exporter, written: Box::new(move || written.bytes()) }
    }

    /// What a server receives.
    fn server<E: Exporter + 'static>(name: &'static str, exporter: impl FnOnce(String) -> E) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/spans", listener.local_addr().unwrap());
        let received = Written::default();
        let read = received.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let _gone = answer(connection.unwrap(), &received);
            }
        });
        let exporter = exporter(url).into();
        Self { name, exporter, written: Box::new(move || read.bytes()) }
    }

    /// What a gRPC server is called with.
    fn called<E: Exporter + 'static>(name: &'static str, exporter: impl FnOnce(String) -> E) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Written::default();
        let read = received.clone();
        thread::spawn(move || answer_calls(listener, received));
        let exporter = exporter(url).into();
        Self { name, exporter, written: Box::new(move || read.bytes()) }
    }

    /// The files, as they are while an exporter has their spans in hand.
    fn spool() -> Self {
        static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("throughline-canary-{}-{number}", std::process::id()));
        let read = Written::default();
        let written = read.clone();
        let exporter = Spool::new(&directory).wrap(ReadsSpool { directory, read });
        Self { name: "spool", exporter, written: Box::new(move || written.bytes()) }
    }

    /// What is kept, as it is printed and as it is serialised.
    fn memory() -> Self {
        let memory = Memory::new();
        let exporter = memory.clone().into();
        let written = move || {
            let records = memory.records();
            let json =
                records.iter().map(|record| serde_json::to_string(record).unwrap()).collect::<String>();
            format!("{records:?}{memory:?}{json}").into_bytes()
        };
        Self { name: "memory", exporter, written: Box::new(written) }
    }
}

/// Reads the directory, all the way down, whenever it is given spans; takes it away in the end.
struct ReadsSpool {
    directory: PathBuf,
    read: Written,
}

impl ReadsSpool {
    fn read(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match fs::read(entry.path()) {
                Ok(bytes) => self.read.write_all(&bytes).unwrap(),
                Err(_) => self.read(&entry.path()),
            }
        }
    }
}

impl Exporter for ReadsSpool {
    fn name(&self) -> &str {
        "reads-spool"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        self.read(&self.directory.clone());
        Ok(())
    }
}

impl Drop for ReadsSpool {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.directory);
    }
}

/// Answers every request with 200 until the peer goes.
fn answer(connection: TcpStream, received: &Written) -> io::Result<()> {
    let mut reader = BufReader::new(connection);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            received.clone().write_all(line.as_bytes())?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        received.clone().write_all(&body)?;
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Answers every call with an empty message, until the process goes.
#[tokio::main(flavor = "current_thread")]
async fn answer_calls(listener: TcpListener, received: Written) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (connection, _) = listener.accept().await.unwrap();
        let received = received.clone();
        let service = service_fn(move |request| answer_call(request, received.clone()));
        let service = TowerToHyperService::new(service);
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(connection), service);
        let _gone = connection.await;
    }
}

async fn answer_call(
    request: Request<hyper::body::Incoming>,
    mut received: Written,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let message = body.collect().await?.to_bytes();
    received.write_all(format!("{:?}", head.headers).as_bytes()).unwrap();
    received.write_all(&message).unwrap();
    let state = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let message = Full::new(Bytes::from_static(&[0; 5]));
    let head = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
    Ok(head.body(message.with_trailers(std::future::ready(Some(Ok(state))))).unwrap())
}

fn remote() -> SpanContext {
    let state: TraceState = format!("shop=a,vendor={JWT}").parse().unwrap();
    let [trace, span] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
    SpanContext::new(trace.parse().unwrap(), span.parse().unwrap(), TraceFlags::SAMPLED)
        .with_trace_state(state)
}

/// What is printed of anything here, as it goes.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn add(&mut self, what: &impl std::fmt::Debug) {
        self.0 += &format!("{what:?} {what:#?}\n");
    }
}

fn record_everything(tracer: &Tracer, printed: &mut Printed) {
    let mut context = Context::default();
    context.span = Some(remote());
    context.baggage = Baggage::EMPTY.with("user", JWT).unwrap();
    printed.add(&context);
    let builder = tracer
        .span_builder(format!("charge {JWT}"))
        .remote(context)
        .attribute("url.full", URL)
        .attribute("db.password", CANARY)
        .link(&remote(), &[("api_key", CANARY.into()), ("note", JWT.into())]);
    printed.add(&builder);
    let span = builder.start();
    printed.add(&span);
    printed.add(&span.context());
    span.set_attribute("http.request.header.authorization", vec![CANARY])
        .set_attribute("http.response.header.x-note", vec![JWT, URL])
        .set_attribute("rpc.grpc.request.metadata.cookie", CANARY)
        .set_attribute(format!("paid {JWT}"), 1)
        .set_attribute_fmt("form", format_args!("password={CANARY}&page=2"))
        .set_attribute("json", format!(r#"{{"token":"{CANARY}"}}"#))
        .set_attribute("key", format!("-----BEGIN PRIVATE KEY-----\n{CANARY}"));
    span.add_event(format!("tried {URL}"), &[("secret", CANARY.into()), ("url", URL.into())]);
    span.add_event("literal", &[("note", format!("Bearer s3{CANARY}").into())]);
    span.record_error(&io::Error::other(format!("{URL}: refused")));
    span.record_error_fmt("Refused", format_args!("Authorization: Bearer {CANARY}"));
    span.end();
    let failed = tracer.span("failed");
    failed.set_status(Status::error(format!("no answer from {URL}")));
    failed.set_name(format!("GET {URL}"));
    printed.add(&Span::current());
}

/// An exchange through both layers, which record every header they are told of.
async fn exchange(tracer: &Tracer) {
    let names =
        || [header::AUTHORIZATION, header::COOKIE, header::REFERER, HeaderName::from_static("x-note")];
    let client = ClientLayer::new(tracer).record_request_headers(names()).record_response_headers(names());
    let server = ServerLayer::new(tracer).record_request_headers(names()).record_response_headers(names());
    let answer = |_: Request<()>| async {
        Ok::<_, Infallible>(Response::builder().header("x-note", JWT).body(Empty::<Bytes>::new()).unwrap())
    };
    let request = Request::get("https://shop.example/orders/7?page=2&token=C4N4RY&sig=C4N4RY")
        .header("authorization", format!("Bearer {CANARY}"))
        .header("cookie", format!("session={CANARY}"))
        .header("referer", URL)
        .header("x-note", format!("Basic {CANARY}"))
        .header("baggage", format!("user={CANARY}"))
        .header("tracestate", format!("vendor={JWT}"))
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(())
        .unwrap();
    let service = server.layer(client.layer(service_fn(answer)));
    service.oneshot(request).await.unwrap();
    let failing = |_: Request<()>| async {
        Err::<Response<Empty<Bytes>>, _>(io::Error::other(format!("{URL}: refused")))
    };
    client.layer(service_fn(failing)).oneshot(Request::get(URL).body(()).unwrap()).await.unwrap_err();
}

/// What each exporter has written of all that, what was printed meanwhile, and the report.
async fn written(redaction: Redaction) -> (Vec<(&'static str, String)>, Printed, Report) {
    let mut builder = Tracer::builder("shop")
        .environment(|_| None)
        .redaction(redaction)
        .resource_attribute("deployment.secret", CANARY)
        .resource_attribute("deployment.url", URL);
    let mut sinks = Vec::new();
    for Sink { name, exporter, written } in self::sinks() {
        builder = builder.exporter(exporter);
        sinks.push((name, written));
    }
    let tracer = builder.build().unwrap();
    let mut printed = Printed::default();
    record_everything(&tracer, &mut printed);
    exchange(&tracer).await;
    printed.add(&tracer);
    printed.add(tracer.resource());
    let report = tracer.shutdown(Duration::from_secs(30));
    assert!(report.is_complete(), "{report}");
    printed.add(&report);
    let texts = sinks.into_iter().map(|(name, read)| (name, String::from_utf8_lossy(&read()).into_owned()));
    (texts.collect(), printed, report)
}

#[tokio::test]
async fn no_exporter_writes_a_secret_and_nothing_prints_it() {
    let (texts, printed, report) = written(Redaction::default()).await;
    for (name, text) in texts {
        assert!(text.contains("charge") && !text.contains(CANARY), "{name}: {text}");
    }
    assert!(!printed.0.contains(CANARY), "{}", printed.0);
    let unused: Vec<_> =
        report.stats.redacted.iter().filter(|rule| rule.count == 0).map(|rule| &rule.name).collect();
    assert_eq!(unused, ["api key", "card"], "all others have been found");
}

/// Or what is said above would be said of nothing.
#[tokio::test]
async fn without_redaction_every_exporter_writes_them() {
    let (texts, ..) = written(Redaction::none()).await;
    for (name, text) in texts {
        assert!(text.contains(CANARY), "{name}: {text}");
    }
}

#[test]
fn an_exporter_s_error_does_not_print_its_secrets() {
    let cause = ExportError::permanent(format!("cannot reach {URL}"));
    let error =
        ExportError::retry(format!("sending to {URL}: Authorization: Bearer {CANARY}")).with_source(cause);
    for text in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        assert!(text.contains("shop.example") && !text.contains(CANARY), "{text}");
    }
}
