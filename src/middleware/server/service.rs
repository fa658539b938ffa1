//! The service (floor 5): starts the exchange and calls the inner one within it.

use super::{config::Config, start::start};
use crate::middleware::{
    body::ResponseBody, call::call, classify::Side, exchange::Started, future::ResponseFuture,
    repeated::is_repeated_server,
};
use http::{HeaderMap, HeaderName, Request, Response, request};
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
        let Self { inner, config } = self;
        let (mut head, body) = request.into_parts();
        let started = begin(config, &mut head);
        call(inner, Request::from_parts(head, body), started, Side::Server, &config.common)
    }
}

/// Starts the span, unless the request has just passed a server's layer. In the head it leaves what the inner
/// service is to see.
fn begin(config: &Config, head: &mut request::Parts) -> Option<Started> {
    if is_repeated_server(&mut head.extensions, &config.common.tracer) {
        return None;
    }
    mark_secrets(&mut head.headers, &config.secret_headers);
    let started = start(config, head);
    if let Some(id) = started.span.request_id() {
        head.extensions.insert(id.clone());
    }
    Some(started)
}

impl<S: fmt::Debug> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Marks values as sensitive, which they stay wherever the request's headers go: no layer records them.
fn mark_secrets(headers: &mut HeaderMap, secret: &[HeaderName]) {
    if secret.iter().any(|name| headers.contains_key(name)) {
        let lines = headers.iter_mut().filter(|(name, _)| secret.contains(*name));
        lines.for_each(|(_, value)| value.set_sensitive(true));
    }
}
