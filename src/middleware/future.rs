//! The future of an answer (floor 5): reads the head, adds our headers, hands the exchange to the body.

use super::{
    body::{Expected, ResponseBody},
    classify::Side,
    exchange::Exchange,
    settings::Settings,
};
use crate::{semconv, trace::Span};
use http::{Method, Response, Version, response};
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    any::Any,
    fmt::{self, Display},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The answer to come, of either side. Dropped before the head has come, the exchange was cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // `Some` until the drop, which needs it gone while the span is still current.
        #[pin]
        inner: Option<F>,
        // `None` once the head has come, or where there is nothing to record.
        pending: Option<Pending>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(pending) = this.pending {
                let _scope = pending.exchange.enter();
                this.inner.set(None);
            }
        }
    }
}

/// An exchange whose head has not come yet.
struct Pending {
    exchange: Exchange,
    method: Method,
    settings: Arc<Settings>,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, exchange: Exchange, method: Method, settings: Arc<Settings>) -> Self {
        Self { inner: Some(inner), pending: Some(Pending { exchange, method, settings }) }
    }

    pub(super) const fn untraced(inner: F) -> Self {
        Self { inner: Some(inner), pending: None }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display + Any,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Pending;
        };
        let Some(pending) = this.pending else {
            return inner.poll(context).map_ok(|response| response.map(ResponseBody::untraced));
        };
        let answer = {
            let _scope = pending.exchange.enter();
            ready!(inner.poll(context))
        };
        let Some(pending) = this.pending.take() else {
            // It was there above.
            return Poll::Pending;
        };
        Poll::Ready(match answer {
            Ok(response) => Ok(pending.answer(response)),
            Err(error) => {
                pending.exchange.fail(&error);
                Err(error)
            }
        })
    }
}

impl Pending {
    fn answer<B: Body>(mut self, response: Response<B>) -> Response<ResponseBody<B>> {
        let (mut head, body) = response.into_parts();
        self.exchange.head(&head);
        let unread_is_complete = match self.exchange.side() {
            Side::Server => {
                self.name_ourselves(&mut head);
                false
            }
            Side::Client => {
                self.note_peer(&head);
                true
            }
        };
        let expected = Expected::of(&self.method, &head, unread_is_complete);
        Response::from_parts(head, ResponseBody::new(body, self.exchange, &expected))
    }

    fn name_ourselves(&self, head: &mut response::Parts) {
        let (span, headers) = (self.exchange.span(), &self.settings.headers);
        if let Some(id) = span.request_id() {
            headers.inject_request_id(&mut head.headers, id);
            headers.inject_own_name(&mut head.headers);
            headers.inject_response_time(&mut head.headers, span.elapsed());
        }
    }

    /// Which service answered, and in which version of the protocol, a client learns only now.
    fn note_peer(&self, head: &response::Parts) {
        let span: &Span = self.exchange.span();
        if let Some(callee) = self.settings.headers.peer(&head.headers, &self.settings.tracer) {
            span.set_attribute(semconv::SERVICE_PEER_NAME, callee);
        }
        if let Some(version) = protocol_version(head.version) {
            span.set_attribute(semconv::NETWORK_PROTOCOL_VERSION, version);
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("pending", &self.pending.is_some()).finish_non_exhaustive()
    }
}

/// `network.protocol.version` [semantic conventions, network attributes].
pub(super) fn protocol_version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}
