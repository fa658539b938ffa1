//! The service (floor 5): starts the exchange, hands the ids on, calls the inner one.

use super::{
    config::Config,
    headers::Had,
    start::{Call, start},
    target::certain_host,
};
use crate::{
    middleware::{
        body::ResponseBody,
        call::call,
        classify::Side,
        exchange::Started,
        future::ResponseFuture,
        repeated::{forget_server, is_repeated_client},
        seen::Seen,
        settings::Settings,
    },
    trace::SpanHandle,
};
use http::{Request, Response};
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

    fn call(&mut self, mut request: Request<RequestB>) -> Self::Future {
        let Self { inner, config } = self;
        let template = config.url_template.of(&mut request);
        let started = begin(config, &mut request, template);
        call(inner, request, started, Side::Client, &config.common)
    }
}

/// Starts the span, unless the request has just passed a client's layer, and writes what the call hands on.
fn begin<B>(
    config: &Config,
    request: &mut Request<B>,
    template: Option<Cow<'static, str>>,
) -> Option<Started> {
    let Settings { headers, tracer, .. } = &*config.common;
    forget_server(request.extensions_mut());
    let parent = request.extensions_mut().remove::<SpanHandle>();
    let mut seen = Seen::default();
    seen.see(request.headers(), headers);
    if is_repeated_client(request.headers(), &seen, headers, tracer) {
        return None;
    }
    let had = Had::of(&seen);
    let call = Call {
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
        extensions: request.extensions(),
        template,
    };
    let started = start(config, call, &seen, parent.as_ref());
    let may_have_baggage = headers.has_baggage(had, &started.span)
        && certain_host(request.uri(), config.origin.as_ref())
            .is_some_and(|host| config.baggage_to.contain(host));
    headers.inject(request.headers_mut(), had, &started.span, may_have_baggage);
    Some(started)
}

impl<S: fmt::Debug> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("inner", &self.inner).finish_non_exhaustive()
    }
}
