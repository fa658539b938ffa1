//! The service (floor 5): starts the exchange, hands the ids on, calls the inner one.

use super::config::Config;
use crate::{
    context,
    middleware::{
        authority,
        body::ResponseBody,
        classify::Side,
        exchange::{Exchange, is_repeated},
        future::{Pending, ResponseFuture},
        grpc, recorded,
        settings::Settings,
    },
    record::SpanKind,
    semconv,
    trace::{Span, SpanBuilder, SpanHandle},
};
use http::{
    Request, Response, request,
    uri::{Authority, PathAndQuery},
};
use http_body::Body;
use std::{
    any::Any,
    borrow::Cow,
    fmt::{self, Display},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// A client whose calls have spans. Made by [`ClientLayer`](super::ClientLayer).
#[derive(Clone)]
pub struct Client<S> {
    inner: S,
    config: Arc<Config>,
}

/// Put into a request's extensions by a retry or a redirect, it says which attempt this is: 1 for the
/// second. Recorded as `http.request.resend_count`; 0, the first attempt, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

/// Put into a request's extensions, it tells the template of its URL, such as `/orders/{id}`: the span's
/// name and `url.template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub Cow<'static, str>);

impl<S> Client<S> {
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

impl<S, RequestB, ResponseB> Service<Request<RequestB>> for Client<S>
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
        if is_repeated(&mut head.extensions, Side::Client, &self.config.common.tracer) {
            return ResponseFuture::untraced(self.inner.call(Request::from_parts(head, body)));
        }
        let call = grpc::Call::of(&head);
        let parent = head.extensions.remove::<SpanHandle>();
        let span = start(&self.config, &head, call.as_ref(), parent.as_ref());
        if let Some(carried) = span.carried() {
            self.config.common.headers.inject(&mut head.headers, &carried);
        }
        let method = head.method.clone();
        let request = Request::from_parts(head, body);
        let mut exchange = Exchange::new(span, Side::Client, call, self.config.common.clone());
        let future = {
            let _scope = exchange.enter();
            self.inner.call(request)
        };
        ResponseFuture::new(future, Pending::new(exchange, method))
    }
}

impl<S: fmt::Debug> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Starts the span with all that the request's head tells, so that a sampler sees it.
fn start(
    config: &Config,
    head: &request::Parts,
    call: Option<&grpc::Call>,
    parent: Option<&SpanHandle>,
) -> Span {
    let Settings { tracer, headers, recorded, .. } = &*config.common;
    let authority = authority::of(head);
    let (mut builder, prefix) = match call {
        Some(call) => (call.span_builder(tracer), semconv::RPC_REQUEST_METADATA),
        None => (describe_http(config, head, authority.as_ref()), semconv::HTTP_REQUEST_HEADER),
    };
    if let Some(authority) = &authority {
        describe_server(head, authority, &mut builder);
    }
    recorded::describe(&recorded.request, &head.headers, prefix, |key, value| {
        builder.set_attribute(key, value)
    });
    // A call outside of any request may have been given an id by its caller; within one, the request's
    // own counts.
    let given = headers.request_id(&head.headers, tracer);
    let builder = match parent {
        Some(parent) => builder.parent(parent),
        None => builder.or_remote(context::Context { request_id: given, ..Default::default() }),
    };
    builder.kind(SpanKind::Client).start()
}

fn describe_http(config: &Config, head: &request::Parts, authority: Option<&Authority>) -> SpanBuilder {
    let method = config.common.methods.record(&head.method);
    let template = (config.url_template)(head);
    let mut builder = config.common.tracer.span_builder(method.span_name(template.as_deref()));
    method.describe(&head.method, |key, value| builder.set_attribute(key, value));
    if let Some(template) = template {
        builder.set_attribute(semconv::URL_TEMPLATE, template);
    }
    let url = full_url(head, authority);
    builder.set_attribute(semconv::URL_FULL, url);
    if let Some(ResendCount(count @ 1..)) = head.extensions.get() {
        builder.set_attribute(semconv::HTTP_REQUEST_RESEND_COUNT, *count);
    }
    builder
}

/// The request's target as an absolute URL, whichever form it has [RFC 9112, 3.2].
fn full_url(head: &request::Parts, authority: Option<&Authority>) -> String {
    match (head.uri.scheme(), authority) {
        (None, Some(authority)) => {
            let path = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
            format!("http://{authority}{path}")
        }
        _ => head.uri.to_string(),
    }
}

fn describe_server(head: &request::Parts, authority: &Authority, builder: &mut SpanBuilder) {
    let default_port = if matches!(head.uri.scheme_str(), Some("https" | "wss")) { 443 } else { 80 };
    builder.set_attribute(semconv::SERVER_ADDRESS, authority::host(authority));
    builder.set_attribute(semconv::SERVER_PORT, authority.port_u16().unwrap_or(default_port));
}
