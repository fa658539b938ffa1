//! The future of an answer (floor 5): reads the head, adds our headers, hands the exchange to the body.

use super::{body::ResponseBody, exchange::Exchange, exclusive::Exclusive};
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
        // None once the head has come.
        exchange: Exclusive<Exchange>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _scope = this.exchange.get_mut().enter();
            this.inner.set(None);
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, exchange: Exchange) -> Self {
        Self { inner: Some(inner), exchange: Exclusive::new(exchange) }
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
        let exchange = this.exchange.get_mut();
        if exchange.is_none() {
            return inner.poll(context).map_ok(|response| response.map(ResponseBody::untraced));
        }
        let answer = {
            let _scope = exchange.enter();
            ready!(inner.poll(context))
        };
        let exchange = exchange.take();
        Poll::Ready(match answer {
            Ok(response) => Ok(with_head(exchange, response)),
            Err(error) => {
                exchange.fail(&error);
                Err(error)
            }
        })
    }
}

/// Hands the exchange on to the answer's body.
fn with_head<B: Body>(mut exchange: Exchange, mut response: Response<B>) -> Response<ResponseBody<B>> {
    let expected = exchange.head(&mut response);
    response.map(|body| ResponseBody::new(body, exchange, &expected))
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
