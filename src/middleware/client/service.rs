//! The service (floor 5): starts the exchange, hands the ids on, calls the inner one.

use super::{config::Config, headers::Had, start::start, target::certain_host};
use crate::{
    middleware::{
        body::ResponseBody, call::call, classify::Side, future::ResponseFuture, repeated::is_repeated_client,
        seen::Seen, settings::Settings,
    },
    trace::SpanHandle,
};
use http::{Request, Response};
use http_body::Body;
use std::{
    any::Any,
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

    fn call(&mut self, request: Request<RequestB>) -> Self::Future {
        let Self { inner, config } = self;
        call(inner, request, Side::Client, &config.common, |head| {
            let Settings { headers, tracer, .. } = &*config.common;
            let seen = Seen::of(&head.headers, headers);
            if is_repeated_client(&mut head.extensions, &head.headers, &seen, headers, tracer) {
                return None;
            }
            let had = Had::of(&seen);
            let parent = head.extensions.remove::<SpanHandle>();
            let started = start(config, head, &seen, parent.as_ref());
            headers.inject(&mut head.headers, had, &started.span, || {
                let host = certain_host(&head.uri, config.origin.as_ref());
                host.is_some_and(|host| config.baggage_to.contain(host))
            });
            Some(started)
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("inner", &self.inner).finish_non_exhaustive()
    }
}
