//! The answer's body (floor 5): passes every frame on unchanged and ends the exchange with the last.

use super::{exchange::Exchange, exclusive::Exclusive};
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
        // `None` once the exchange is over, or where there is nothing to record.
        exchange: Exclusive<Option<Exchange>>,
        // What the head promised and has not come yet; a server stops polling when it has.
        promised: Option<u64>,
        polled: bool,
        unread_is_complete: bool,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(mut exchange) = this.exchange.get_mut().take() else {
                return;
            };
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

/// What is known of a body from the exchange's heads.
pub(super) struct Expected {
    /// Has the answer no body, whatever its headers say?
    pub(super) none: bool,
    /// The bytes that the head says will come.
    pub(super) promised: Option<u64>,
    /// Is the exchange over if nobody looks at the body?
    pub(super) unread_is_complete: bool,
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, exchange: Exchange, expected: &Expected) -> Self {
        let exchange = if expected.none || inner.is_end_stream() {
            exchange.complete();
            None
        } else {
            Some(exchange)
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
            exchange: Exclusive::new(None),
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
        let polled = match exchange {
            Some(exchange) => {
                let _scope = exchange.enter();
                inner.as_mut().poll_frame(context)
            }
            None => return inner.poll_frame(context),
        };
        match &polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(promised)) = (frame.data_ref(), this.promised.as_mut()) {
                    *promised = promised.saturating_sub(data.remaining() as u64);
                }
                if let (Some(trailers), Some(exchange)) = (frame.trailers_ref(), exchange.as_mut()) {
                    exchange.trailers(trailers);
                }
                // Few callers poll once more: nothing follows trailers [RFC 9110, 6.5], and a body may
                // know its end.
                if frame.is_trailers() || inner.is_end_stream() {
                    end(exchange, Exchange::complete);
                }
            }
            Poll::Ready(Some(Err(error))) => end(exchange, |exchange| exchange.fail(error)),
            Poll::Ready(None) => end(exchange, Exchange::complete),
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

fn end(exchange: &mut Option<Exchange>, how: impl FnOnce(Exchange)) {
    if let Some(exchange) = exchange.take() {
        how(exchange);
    }
}
