//! What it costs to write a batch for OTLP, beside opentelemetry-otlp.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin otlp_encoding
//! ```
//!
//! Both write the same spans, which is checked: what a third party reads from either is the same.
//! opentelemetry-otlp runs whole but for the network, with a client that takes each body and answers at
//! once; the spans it wants to own are made before the clock starts. They take turns in one process, and the
//! median counts. `throughline N` and `opentelemetry N` run one of them N times, to be counted by valgrind.

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use opentelemetry::{
    KeyValue,
    trace::{
        Span as _, SpanKind as PeerKind, Status as PeerStatus, TraceContextExt, Tracer as _, TracerProvider,
    },
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter as PeerExporter},
};
use prost::Message;
use std::{
    hint::black_box,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::SystemTime,
};
use throughline::{
    Batch, Resource, SpanContext, SpanId, SpanKind, SpanRecord, Status, TraceFlags, TraceId,
    exporters::OtlpEncoding,
};

const BATCH: usize = 512;
const TURNS: usize = 41;
const ROUNDS: usize = 20;

fn main() {
    let spans = record_spans();
    let ours = batch(&spans);
    let mut peer = Peer::new();
    check(&ours, &mut peer, &spans);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["throughline", rounds] => {
            encode(&ours, rounds.parse().expect("a number"));
        }
        ["opentelemetry", rounds] => {
            peer.export(copies(&spans, rounds.parse().expect("a number")));
        }
        _ => compare(&ours, &mut peer, &spans),
    }
}

fn compare(ours: &Batch, peer: &mut Peer, spans: &[SpanData]) {
    let (mut our_nanos, mut peer_nanos) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        our_nanos.push(cpu_nanos(|| encode(ours, ROUNDS)));
        let copies = copies(spans, ROUNDS);
        peer_nanos.push(cpu_nanos(|| peer.export(copies)));
    }
    let per_span = (ROUNDS * BATCH) as f64;
    let (ours, peer) = (median(our_nanos) / per_span, median(peer_nanos) / per_span);
    println!("processor time a span, batches of {BATCH}, median of {TURNS} turns:");
    println!("throughline         {ours:7.0} ns");
    println!("opentelemetry-otlp  {peer:7.0} ns");
    println!("ratio               {:10.2}", ours / peer);
}

fn encode(batch: &Batch, rounds: usize) {
    for _ in 0..rounds {
        black_box(OtlpEncoding::Protobuf.encode(black_box(batch)));
    }
}

fn copies(spans: &[SpanData], rounds: usize) -> Vec<Vec<SpanData>> {
    (0..rounds).map(|_| spans.to_vec()).collect()
}

fn cpu_nanos(run: impl FnOnce()) -> f64 {
    let now = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the process's usage");
        usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds()
    };
    let before = now();
    run();
    (now() - before) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The same request, again and again, as an instrumented service makes it: a server span with what HTTP's
/// conventions ask for, a client span, one of the service's own with an event.
fn record_spans() -> Vec<SpanData> {
    let recorded = Recorded::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(recorded.clone())
        .with_resource(peer_resource())
        .build();
    let scope = opentelemetry::InstrumentationScope::builder("throughline").with_version("0.1.0").build();
    let tracer = provider.tracer_with_scope(scope);
    while recorded.0.lock().expect("unpoisoned").len() < BATCH {
        let server = tracer
            .span_builder("POST /orders/{id}")
            .with_kind(PeerKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("url.path", "/orders/4711".to_owned()),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("http.route", "/orders/{id}"),
                KeyValue::new("server.address", "orders.example".to_owned()),
                KeyValue::new("network.protocol.version", "1.1"),
                KeyValue::new("user_agent.original", "curl/8.5.0".to_owned()),
                KeyValue::new("http.response.status_code", 201),
            ])
            .start(&tracer);
        let within = opentelemetry::Context::new().with_span(server);
        let mut own = tracer.span_builder("reserve").start_with_context(&tracer, &within);
        own.set_attribute(KeyValue::new("item.count", 3));
        own.set_attribute(KeyValue::new("item.price", 12.5));
        own.add_event("reserved", vec![KeyValue::new("warehouse", "eu-1"), KeyValue::new("retried", false)]);
        own.end();
        let mut client = tracer
            .span_builder("GET")
            .with_kind(PeerKind::Client)
            .with_attributes([
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("server.address", "stock.example".to_owned()),
                KeyValue::new("server.port", 8080),
                KeyValue::new("url.full", "http://stock.example:8080/items/17".to_owned()),
                KeyValue::new("http.response.status_code", 503),
                KeyValue::new("error.type", "503"),
            ])
            .start_with_context(&tracer, &within);
        client.set_status(PeerStatus::error(""));
        client.end();
        within.span().end();
    }
    let mut spans = std::mem::take(&mut *recorded.0.lock().expect("unpoisoned"));
    spans.truncate(BATCH);
    spans
}

#[derive(Clone, Debug, Default)]
struct Recorded(Arc<Mutex<Vec<SpanData>>>);

impl PeerExporter for Recorded {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().expect("unpoisoned").extend(batch);
        Ok(())
    }
}

fn peer_resource() -> opentelemetry_sdk::Resource {
    opentelemetry_sdk::Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", "orders"), KeyValue::new("service.version", "1.4.0")])
        .build()
}

/// The same spans as our records.
fn batch(spans: &[SpanData]) -> Batch {
    // The peer's resource has no order of its own.
    let resource = Resource::new("orders").with_attribute("service.version", "1.4.0");
    Batch::new(Arc::new(resource), spans.iter().map(record).collect())
}

fn record(span: &SpanData) -> SpanRecord {
    let nanos =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as u64;
    let context = SpanContext::new(
        TraceId::from_bytes(span.span_context.trace_id().to_bytes()).expect("an id"),
        SpanId::from_bytes(span.span_context.span_id().to_bytes()).expect("an id"),
        TraceFlags::SAMPLED,
    );
    let kind = match span.span_kind {
        PeerKind::Server => SpanKind::Server,
        PeerKind::Client => SpanKind::Client,
        _ => SpanKind::Internal,
    };
    let mut record =
        SpanRecord::new(&context, span.name.clone(), nanos(span.start_time), nanos(span.end_time))
            .with_kind(kind);
    if let Some(parent) = SpanId::from_bytes(span.parent_span_id.to_bytes()) {
        record = record.with_parent(parent, span.parent_span_is_remote);
    }
    for attribute in &span.attributes {
        record = record.with_attribute(attribute.key.as_str().to_owned(), value(&attribute.value));
    }
    for event in span.events.iter() {
        let attributes: Vec<_> = event
            .attributes
            .iter()
            .map(|attribute| (&*attribute.key.as_str().to_owned().leak(), value(&attribute.value)))
            .collect();
        record = record.with_event(event.name.clone(), nanos(event.timestamp), &attributes);
    }
    match &span.status {
        PeerStatus::Error { .. } => record.with_status(Status::error("")),
        _ => record,
    }
}

fn value(value: &opentelemetry::Value) -> throughline::Value<'static> {
    match value {
        opentelemetry::Value::Bool(flag) => (*flag).into(),
        opentelemetry::Value::I64(number) => (*number).into(),
        opentelemetry::Value::F64(number) => (*number).into(),
        other => other.as_str().into_owned().into(),
    }
}

/// opentelemetry-otlp without a network.
struct Peer {
    exporter: opentelemetry_otlp::SpanExporter,
    taken: Taken,
}

/// Keeps the last body.
#[derive(Clone, Debug, Default)]
struct Taken(Arc<Mutex<Bytes>>);

#[async_trait::async_trait]
impl HttpClient for Taken {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        *self.0.lock().expect("unpoisoned") = request.into_body();
        Ok(Response::new(Bytes::new()))
    }
}

impl Peer {
    fn new() -> Self {
        let taken = Taken::default();
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(taken.clone())
            .with_endpoint("http://localhost:4318/v1/traces")
            .build()
            .expect("an exporter");
        exporter.set_resource(&peer_resource());
        Self { exporter, taken }
    }

    fn export(&mut self, batches: Vec<Vec<SpanData>>) {
        for batch in batches {
            let mut export = pin!(self.exporter.export(batch));
            // Its client answers at once.
            let Poll::Ready(result) = export.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("the export waits");
            };
            result.expect("the export");
        }
    }
}

/// Both say the same to a reader that knows neither.
fn check(ours: &Batch, peer: &mut Peer, spans: &[SpanData]) {
    peer.export(copies(spans, 1));
    let theirs = peer.taken.0.lock().expect("unpoisoned").clone();
    let read = |bytes: &[u8]| {
        let mut request = ExportTraceServiceRequest::decode(bytes).expect("a request");
        for spans in request.resource_spans.iter_mut() {
            if let Some(resource) = &mut spans.resource {
                resource.attributes.sort_by(|one, other| one.key.cmp(&other.key));
            }
            for span in spans.scope_spans.iter_mut().flat_map(|spans| &mut spans.spans) {
                // Not set is the same as set to what is not set.
                span.status.get_or_insert_default();
            }
        }
        request
    };
    let (ours, theirs) = (read(&OtlpEncoding::Protobuf.encode(ours)), read(&theirs));
    assert!(ours == theirs, "both mean the same:\n{ours:?}\n{theirs:?}");
}
