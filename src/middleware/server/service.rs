//! The service (floor 5): starts the exchange and calls the inner one within it.

use super::config::Config;
use crate::{
    middleware::{
        authority,
        body::ResponseBody,
        classify::Side,
        exchange::{Exchange, is_repeated},
        future::{Pending, ResponseFuture, protocol_version},
        grpc, recorded,
        settings::Settings,
    },
    record::SpanKind,
    semconv,
    trace::{Span, SpanBuilder},
};
use http::{Request, Response, header, request};
use http_body::Body;
use std::{
    any::Any,
    fmt::{self, Display},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service whose requests have spans. Made by [`ServerLayer`](super::ServerLayer).
#[derive(Clone)]
pub struct Server<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> Server<S> {
    pub(super) const fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service, without the spans.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, RequestB, ResponseB> Service<Request<RequestB>> for Server<S>
where
    S: Service<Request<RequestB>, Response = Response<ResponseB>>,
    S::Error: Display + Any,
    ResponseB: Body,
{
    type Response = Response<ResponseBody<ResponseB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestB>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        if is_repeated(&mut head.extensions, Side::Server, &self.config.common.tracer) {
            return ResponseFuture::untraced(self.inner.call(Request::from_parts(head, body)));
        }
        let call = grpc::Call::of(&head);
        let span = start(&self.config, &head, call.as_ref());
        if let Some(id) = span.request_id() {
            head.extensions.insert(id.clone());
        }
        let method = head.method.clone();
        let request = Request::from_parts(head, body);
        let mut exchange = Exchange::new(span, Side::Server, call, self.config.common.clone());
        let future = {
            let _scope = exchange.enter();
            self.inner.call(request)
        };
        ResponseFuture::new(future, Pending::new(exchange, method))
    }
}

impl<S: fmt::Debug> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Starts the span with all that the request's head tells, so that a sampler sees it.
fn start(config: &Config, head: &request::Parts, call: Option<&grpc::Call>) -> Span {
    let Settings { tracer, headers, recorded, .. } = &*config.common;
    let context = headers.extract(&head.headers, tracer);
    let (mut builder, prefix) = match call {
        Some(call) => (call.span_builder(tracer), semconv::RPC_REQUEST_METADATA),
        None => (describe_http(config, head), semconv::HTTP_REQUEST_HEADER),
    };
    describe_connection(config, head, &mut builder);
    if let Some(caller) = headers.peer(&head.headers, tracer) {
        builder.set_attribute(semconv::SERVICE_PEER_NAME, caller);
    }
    recorded::describe(&recorded.request, &head.headers, prefix, |key, value| {
        builder.set_attribute(key, value)
    });
    builder.kind(SpanKind::Server).remote(context).start()
}

fn describe_http(config: &Config, head: &request::Parts) -> SpanBuilder {
    let method = config.common.methods.record(&head.method);
    let route = (config.route)(head);
    let mut builder = config.common.tracer.span_builder(method.span_name(route.as_deref()));
    method.describe(&head.method, |key, value| builder.set_attribute(key, value));
    builder.set_attribute(semconv::URL_PATH, head.uri.path());
    builder.set_attribute(semconv::URL_SCHEME, head.uri.scheme_str().unwrap_or(config.default_scheme));
    if let Some(route) = route {
        builder.set_attribute(semconv::HTTP_ROUTE, route);
    }
    if let Some(query) = head.uri.query() {
        builder.set_attribute(semconv::URL_QUERY, query);
    }
    if let Some(agent) = header_text(head, &header::USER_AGENT) {
        builder.set_attribute(semconv::USER_AGENT_ORIGINAL, agent);
    }
    builder
}

/// What HTTP and gRPC spans have in common.
fn describe_connection(config: &Config, head: &request::Parts, builder: &mut SpanBuilder) {
    if let Some(version) = protocol_version(head.version) {
        builder.set_attribute(semconv::NETWORK_PROTOCOL_VERSION, version);
    }
    if let Some(authority) = authority::of(head) {
        builder.set_attribute(semconv::SERVER_ADDRESS, authority::host(&authority));
        if let Some(port) = authority.port_u16() {
            builder.set_attribute(semconv::SERVER_PORT, port);
        }
    }
    if let Some(peer) = (config.peer)(head) {
        let address = peer.ip().to_string();
        builder.set_attribute(semconv::CLIENT_ADDRESS, &address);
        builder.set_attribute(semconv::NETWORK_PEER_ADDRESS, &address);
        builder.set_attribute(semconv::NETWORK_PEER_PORT, peer.port());
    }
}

fn header_text<'a>(head: &'a request::Parts, name: &header::HeaderName) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}
