//! The future of an answer (floor 5): reads the head, adds our headers, hands the exchange to the body.

use super::{
    answer::AskedFor,
    body::{Expected, ResponseBody},
    classify::Side,
    exchange::Exchange,
    exclusive::Exclusive,
};
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use std::{
    any::Any,
    fmt::{self, Display},
    future::Future,
    pin::Pin,
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
        pending: Exclusive<Option<Pending>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(pending) = this.pending.get_mut() {
                let _scope = pending.exchange.enter();
                this.inner.set(None);
            }
        }
    }
}

/// An exchange whose head has not come yet.
pub(super) struct Pending {
    exchange: Exchange,
    asked_for: AskedFor,
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, pending: Pending) -> Self {
        Self { inner: Some(inner), pending: Exclusive::new(Some(pending)) }
    }

    pub(super) const fn untraced(inner: F) -> Self {
        Self { inner: Some(inner), pending: Exclusive::new(None) }
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
        let waiting = this.pending.get_mut();
        let Some(pending) = waiting else {
            return inner.poll(context).map_ok(|response| response.map(ResponseBody::untraced));
        };
        let answer = {
            let _scope = pending.exchange.enter();
            ready!(inner.poll(context))
        };
        let Some(pending) = waiting.take() else {
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
    pub(super) const fn new(exchange: Exchange, asked_for: AskedFor) -> Self {
        Self { exchange, asked_for }
    }

    fn answer<B: Body>(mut self, response: Response<B>) -> Response<ResponseBody<B>> {
        let (mut head, body) = response.into_parts();
        let promised = match self.exchange.side() {
            Side::Client => self.exchange.received(&head),
            Side::Server => self.exchange.given(&mut head),
        };
        let expected = Expected {
            none: self.asked_for.has_no_body(head.status),
            promised,
            unread_is_complete: self.exchange.needs_no_body(),
        };
        Response::from_parts(head, ResponseBody::new(body, self.exchange, &expected))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
