//! The OpenTelemetry SDK with its batch processor, and opentelemetry-instrumentation-tower.
//!
//! The processor's queue is eight times its default of 2,048 spans, which `local100` overruns between two
//! flushes. The crate has no layer for clients: the client's span is made by hand, as its users do.

use crate::{
    conditions::{App, Shared, router},
    sink::{SINK, Seen},
    subject::Subject,
    workload::Workload,
    workloads::{
        self, CHILDREN,
        http::{self, Answer, Outgoing},
    },
};
use ::http::Request;
use bytes::Bytes;
use http_body_util::Empty;
use opentelemetry::{
    Context, KeyValue, global,
    trace::{FutureExt, SpanKind, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_http::HeaderInjector;
use opentelemetry_instrumentation_tower::http::server::LayerBuilder;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
    },
};
use std::{convert::Infallible, sync::Arc};
use tower::{Layer, service_fn};

const SCOPE: &str = "peers";

pub fn set_up(workload: Workload) -> Subject {
    if workload == Workload::NoTracer {
        let tracer = Arc::new(global::tracer(SCOPE));
        return Subject::new(workload, move || nested(&*tracer), || ());
    }
    let provider = provider(workload);
    let tracer = provider.tracer(SCOPE);
    let flush = {
        let provider = provider.clone();
        move || provider.force_flush().expect("a flush")
    };
    match workload {
        Workload::Request => Subject::new(workload, move || request(&tracer), flush),
        Workload::Http => {
            global::set_text_map_propagator(TraceContextPropagator::new());
            global::set_tracer_provider(provider);
            let client = service_fn(move |request| call(request, tracer.clone()));
            let server = service_fn(move |request| http::handle(request, client.clone()));
            let layer = LayerBuilder::builder()
                .with_route_extractor_fn(|_: &Request<Empty<Bytes>>| Some(http::ROUTE.to_owned()))
                .build()
                .expect("a layer");
            let (mut server, mut requests) = (layer.layer(server), http::Requests::new());
            Subject::new(workload, move || http::exchange(&mut server, requests.next()), flush)
        }
        _ => Subject::new(workload, move || nested(&tracer), flush),
    }
}

pub fn shared() -> Shared {
    let provider = provider(Workload::Local100);
    let tracer = provider.tracer(SCOPE);
    Shared {
        trace: Box::new(move || nested(&tracer)),
        flush: Box::new(move || provider.force_flush().expect("a flush")),
    }
}

pub fn app() -> App {
    let provider = provider(Workload::Http);
    let tracer = provider.tracer(SCOPE);
    global::set_text_map_propagator(TraceContextPropagator::new());
    global::set_tracer_provider(provider.clone());
    let client = service_fn(move |request| call(request, tracer.clone()));
    let layer = LayerBuilder::builder()
        .with_route_extractor_fn(|_: &Request<axum::body::Body>| Some(http::ROUTE.to_owned()))
        .build()
        .expect("a layer");
    let finish = move || provider.shutdown().map_err(|error| error.to_string());
    App { router: router(client).layer(layer), finish: Box::new(finish) }
}

/// A provider whose spans all reach the sink.
pub fn provider(workload: Workload) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default().with_max_queue_size(16_384).build();
    let processor = BatchSpanProcessor::builder(Null).with_batch_config(config).build();
    let builder = SdkTracerProvider::builder().with_span_processor(processor);
    match workload {
        Workload::Unsampled => builder.with_sampler(Sampler::AlwaysOff).build(),
        _ => builder.build(),
    }
}

fn nested<T: Tracer<Span: Send + Sync + 'static>>(tracer: &T) {
    tracer.in_span("root", |_| {
        for _ in 0..CHILDREN {
            tracer.in_span("child", |_| ());
        }
    });
}

fn request(tracer: &SdkTracer) {
    let root = tracer.span_builder("request").with_attributes([
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", http::ROUTE),
        KeyValue::new("url.path", workloads::path().to_owned()),
        KeyValue::new("user.id", workloads::user().to_owned()),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("server.port", 8080),
    ]);
    tracer.in_span_with_builder(root, |_| {
        for _ in 0..3 {
            let child = tracer.span_builder("query").with_attributes([
                KeyValue::new("db.system.name", "postgresql"),
                KeyValue::new("attempt", workloads::attempt()),
            ]);
            tracer.in_span_with_builder(child, |context| {
                context.span().add_event("row", vec![KeyValue::new("count", 1)]);
            });
        }
    });
}

/// A client's span, as it is made by hand.
async fn call(mut request: Outgoing, tracer: SdkTracer) -> Result<Answer, Infallible> {
    let uri = request.uri();
    let span = tracer
        .span_builder("GET")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("http.request.method", request.method().as_str().to_owned()),
            KeyValue::new("url.full", uri.to_string()),
            KeyValue::new("server.address", uri.host().unwrap_or_default().to_owned()),
            KeyValue::new("server.port", i64::from(uri.port_u16().unwrap_or(80))),
        ])
        .start(&tracer);
    let context = Context::current_with_span(span);
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(request.headers_mut()));
    });
    let answer = http::backend(request).with_context(context.clone()).await?;
    let status = i64::from(answer.status().as_u16());
    context.span().set_attribute(KeyValue::new("http.response.status_code", status));
    context.span().end();
    Ok(answer)
}

#[derive(Debug)]
struct Null;

impl SpanExporter for Null {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        SINK.take(batch.len(), || batch.iter().map(describe));
        Ok(())
    }
}

fn describe(span: &SpanData) -> Seen {
    Seen {
        name: span.name.to_string(),
        attributes: span.attributes.iter().map(|attribute| attribute.key.to_string()).collect(),
        events: span.events.iter().map(|event| (event.name.to_string(), event.attributes.len())).collect(),
        has_kind: span.span_kind != SpanKind::Internal,
    }
}
