//! The answer's body (floor 5): passes every frame on unchanged and ends the exchange with the last.

use super::{
    exchange::{Exchange, Expected},
    exclusive::Exclusive,
};
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt::Display,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A response's body whose end ends the exchange's span.
    ///
    /// Size hint and end of stream are the inner body's, so that content length and keep-alive stay
    /// what they are without the layer.
    pub struct ResponseBody<B> {
        // `Some` until the drop, which needs it gone while the span is still current.
        #[pin]
        inner: Option<B>,
        exchange: Exclusive<Exchange>,
        // What the head promised and has not come yet; a server stops polling when it has.
        promised: Option<u64>,
        polled: bool,
        unread_is_complete: bool,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let mut exchange = this.exchange.get_mut().take();
            if exchange.is_none() {
                return;
            }
            {
                let _scope = exchange.enter();
                this.inner.set(None);
            }
            let nobody_wanted_it = *this.unread_is_complete && !*this.polled;
            if *this.promised == Some(0) || nobody_wanted_it {
                exchange.complete();
            }
        }
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, exchange: Exchange, expected: &Expected) -> Self {
        let exchange = if expected.none || inner.is_end_stream() {
            exchange.complete();
            Exchange::NONE
        } else {
            exchange
        };
        // A server that is told the length, by header or by hint, reads no further than that.
        let promised = expected.promised.or_else(|| inner.size_hint().exact());
        Self {
            inner: Some(inner),
            exchange: Exclusive::new(exchange),
            promised,
            polled: false,
            unread_is_complete: expected.unread_is_complete,
        }
    }
}

impl<B> ResponseBody<B> {
    /// A body that is only passed on.
    pub(super) const fn untraced(inner: B) -> Self {
        Self {
            inner: Some(inner),
            exchange: Exclusive::new(Exchange::NONE),
            promised: None,
            polled: false,
            unread_is_complete: false,
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        *this.polled = true;
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let exchange = this.exchange.get_mut();
        if exchange.is_none() {
            return inner.poll_frame(context);
        }
        let polled = {
            let _scope = exchange.enter();
            inner.as_mut().poll_frame(context)
        };
        match &polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(promised)) = (frame.data_ref(), this.promised.as_mut()) {
                    *promised = promised.saturating_sub(data.remaining() as u64);
                }
                if let Some(trailers) = frame.trailers_ref() {
                    exchange.trailers(trailers);
                }
                // Few callers poll once more: nothing follows trailers [RFC 9110, 6.5], and a body may
                // know its end.
                if frame.is_trailers() || inner.is_end_stream() {
                    exchange.take().complete();
                }
            }
            Poll::Ready(Some(Err(error))) => exchange.take().fail(error),
            Poll::Ready(None) => exchange.take().complete(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::untraced(B::default())
    }
}

impl<B> std::fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
