//! What the tests share: a tracer that keeps its spans, bodies that follow a script, peers on loopback.

pub mod body;
pub mod peers;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use std::{
    collections::BTreeMap, convert::Infallible, error::Error, future::poll_fn, pin::Pin, task::Poll,
    time::Duration,
};
use throughline::{
    Batch, RequestId, SpanRecord, Tracer, TracerBuilder, Value,
    export::{ExportError, Exporter},
    middleware::{ClientLayer, ServerLayer},
};
use tokio::{sync::watch, time::timeout};
use tower::{Layer, ServiceExt, service_fn};

pub type BoxError = Box<dyn Error + Send + Sync>;

pub type Body = Full<Bytes>;

/// Longer than anything here takes; only a test that fails waits for it.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
pub const PARENT_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const PARENT_SPAN: &str = "00f067aa0ba902b7";

/// A tracer of the test's own, and the spans that have ended.
pub struct Traced {
    pub tracer: Tracer,
    ended: watch::Receiver<Vec<SpanRecord>>,
}

struct Capture(watch::Sender<Vec<SpanRecord>>);

impl Exporter for Capture {
    fn name(&self) -> &str {
        "capture"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0.send_modify(|ended| ended.extend(batch.spans().cloned()));
        Ok(())
    }
}

impl Traced {
    pub fn new() -> Self {
        Self::with("orders", |builder| builder)
    }

    pub fn with(service: &'static str, settings: impl FnOnce(TracerBuilder) -> TracerBuilder) -> Self {
        let (sender, ended) = watch::channel(Vec::new());
        let builder = Tracer::builder(service).exporter(Capture(sender)).batch_delay(Duration::ZERO);
        // What the library has to say is counted, and no part of a test's output.
        let builder = settings(builder.environment(|_| None).diagnostics(|_| ()));
        Self { tracer: builder.build().unwrap(), ended }
    }

    pub fn server(&self) -> ServerLayer {
        ServerLayer::new(&self.tracer)
    }

    pub fn client(&self) -> ClientLayer {
        ClientLayer::new(&self.tracer)
    }

    /// All spans, by their start, once so many have ended. There must be no more.
    pub async fn spans(&self, count: usize) -> Vec<SpanRecord> {
        let mut ended = self.ended.clone();
        let enough = timeout(PATIENCE, ended.wait_for(|ended| ended.len() >= count)).await;
        assert!(enough.is_ok(), "fewer than {count} spans have ended: {:?}", self.ended.borrow());
        let report = self.tracer.flush_async(PATIENCE).await;
        assert!(report.is_complete(), "{report:?}");
        let mut spans = self.ended.borrow().clone();
        spans.sort_by_key(SpanRecord::start_unix_nanos);
        assert_eq!(spans.len(), count, "{spans:?}");
        spans
    }

    /// The only span, once it has ended.
    pub async fn span(&self) -> SpanRecord {
        self.spans(1).await.remove(0)
    }
}

/// Polls once.
pub async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context).is_pending())).await
}

/// The span of this name.
pub fn named<'a>(spans: &'a [SpanRecord], name: &str) -> &'a SpanRecord {
    spans.iter().find(|span| span.name() == name).unwrap_or_else(|| panic!("no span {name} in {spans:?}"))
}

pub fn text(span: &SpanRecord, key: &str) -> Option<String> {
    span.attribute(key).map(|value| value.as_str().unwrap_or_else(|| panic!("{key} is {value}")).to_owned())
}

pub fn number(span: &SpanRecord, key: &str) -> Option<i64> {
    span.attribute(key).map(|value| value.as_i64().unwrap_or_else(|| panic!("{key} is {value}")))
}

/// Checks that the span has these attributes and no others; its request id apart.
#[track_caller]
pub fn assert_attributes<const N: usize>(span: &SpanRecord, expected: [(&str, Value<'static>); N]) {
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut actual: BTreeMap<_, _> =
        span.attributes().map(|attribute| (attribute.key.to_owned(), attribute.value.into_owned())).collect();
    let request_id = actual.remove("request.id");
    assert_eq!(actual, expected);
    assert!(request_id.is_some_and(|id| id.as_str().is_some_and(|id| id.parse::<RequestId>().is_ok())));
}

/// Calls the layered service; returns what reached the service, and the answer's headers.
pub async fn through(layer: ServerLayer, request: http::request::Builder) -> (Request<Body>, HeaderMap) {
    let (sender, mut inner) = tokio::sync::mpsc::unbounded_channel();
    let service = service_fn(move |request: Request<Body>| {
        sender.send(request).unwrap();
        async { Ok::<_, Infallible>(Response::new(Body::default())) }
    });
    let answer = layer.layer(service).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
    (inner.recv().await.unwrap(), answer.headers().clone())
}

/// Calls through the client's layer; returns what would have been sent.
pub async fn sent_by(layer: ClientLayer, request: http::request::Builder) -> HeaderMap {
    let (sender, mut inner) = tokio::sync::mpsc::unbounded_channel();
    let client = service_fn(move |request: Request<Body>| {
        sender.send(request.headers().clone()).unwrap();
        async { Ok::<_, Infallible>(Response::new(Body::default())) }
    });
    layer.layer(client).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
    inner.recv().await.unwrap()
}

/// A map that takes no further name.
pub fn full_map() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for number in 0_u32.. {
        let name = HeaderName::try_from(format!("x-{number}")).unwrap();
        if headers.try_append(name, HeaderValue::from_static("")).is_err() {
            break;
        }
    }
    headers
}
