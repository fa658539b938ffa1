//! `tracing` with tracing-opentelemetry, and tower-http's `TraceLayer`; without a tracer, `tracing` alone.
//!
//! The subscriber is filtered at INFO, as is usual, so that what tower-http and the SDK say at DEBUG costs
//! nothing. The provider is the one of [`opentelemetry`](super::opentelemetry). `TraceLayer` makes the spans
//! that it is told to make: these have the fields which the semantic conventions require and recommend,
//! and the headers are read and written by hand, as its users do.

use crate::{
    conditions::{App, router},
    subject::Subject,
    workload::Workload,
    workloads::{
        self, CHILDREN,
        http::{self, Outgoing},
    },
};
use ::http::{Request, Response, header};
use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use std::time::Duration;
use tower::{Layer, ServiceBuilder, service_fn};
use tower_http::trace::TraceLayer;
use tracing::{Span, field::Empty, info, info_span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// A layer whose type has no name that could be written down.
macro_rules! layer {
    ($span:expr) => {
        TraceLayer::new_for_http()
            .make_span_with($span)
            .on_request(())
            .on_response(on_response)
            .on_body_chunk(())
            .on_eos(())
            .on_failure(())
    };
}

pub fn set_up(workload: Workload) -> Subject {
    if workload == Workload::NoTracer {
        return Subject::new(workload, nested, || ());
    }
    let provider = install(workload);
    let flush = move || provider.force_flush().expect("a flush");
    match workload {
        Workload::Request => Subject::new(workload, request, flush),
        Workload::Http => http(workload, flush),
        _ => Subject::new(workload, nested, flush),
    }
}

fn nested() {
    let _root = info_span!("root").entered();
    for _ in 0..CHILDREN {
        let _child = info_span!("child").entered();
    }
}

fn request() {
    let _root = info_span!(
        "request",
        http.request.method = "GET",
        http.route = http::ROUTE,
        url.path = workloads::path(),
        user.id = workloads::user(),
        http.response.status_code = 200,
        server.port = 8080
    )
    .entered();
    for _ in 0..3 {
        let _child =
            info_span!("query", db.system.name = "postgresql", attempt = workloads::attempt()).entered();
        info!(count = 1, "row");
    }
}

/// Makes everything that is said in this process a span of the provider's.
fn install(workload: Workload) -> SdkTracerProvider {
    let provider = super::opentelemetry::provider(workload);
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("peers"));
    tracing::subscriber::set_global_default(Registry::default().with(LevelFilter::INFO).with(spans))
        .expect("a subscriber");
    global::set_text_map_propagator(TraceContextPropagator::new());
    provider
}

fn http(workload: Workload, flush: impl FnMut() + 'static) -> Subject {
    let client = ServiceBuilder::new()
        .layer(layer!(client_span))
        .map_request(inject)
        .service(service_fn(http::backend));
    let server = service_fn(move |request| http::handle(request, client.clone()));
    let (mut server, mut requests) = (layer!(server_span).layer(server), http::Requests::new());
    Subject::new(workload, move || http::exchange(&mut server, requests.next()), flush)
}

pub fn app() -> App {
    let provider = install(Workload::Http);
    let client = ServiceBuilder::new()
        .layer(layer!(client_span))
        .map_request(inject)
        .service(service_fn(http::backend));
    let finish = move || provider.shutdown().map_err(|error| error.to_string());
    App { router: router(client).layer(layer!(server_span)), finish: Box::new(finish) }
}

fn server_span<B>(request: &Request<B>) -> Span {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let span = info_span!(
        "request",
        otel.name = "GET /orders/{id}",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = http::ROUTE,
        url.path = request.uri().path(),
        url.query = request.uri().query(),
        url.scheme = "http",
        user_agent.original = text(header::USER_AGENT),
        server.address = text(header::HOST),
        network.protocol.version = "1.1",
        http.response.status_code = Empty,
    );
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&HeaderExtractor(headers)));
    // Only fails where the span is not the layer's.
    let _set = span.set_parent(parent);
    span
}

fn client_span(request: &Outgoing) -> Span {
    let uri = request.uri();
    info_span!(
        "call",
        otel.name = "GET",
        otel.kind = "client",
        http.request.method = request.method().as_str(),
        url.full = %uri,
        server.address = uri.host(),
        server.port = uri.port_u16().unwrap_or(80),
        http.response.status_code = Empty,
    )
}

fn inject(mut request: Outgoing) -> Outgoing {
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(request.headers_mut()));
    });
    request
}

fn on_response<B>(response: &Response<B>, _: Duration, span: &Span) {
    span.record("http.response.status_code", response.status().as_u16());
}
