//! Spans around futures and streams (floor 4).

use super::{current::SpanHandle, entered, scope::PollScope, span::Span, suppress::Suppressed};
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// Gives a future or a stream a span.
///
/// ```
/// use throughline::{Instrument, Span};
///
/// # async fn reserve() {}
/// # async fn example() {
/// reserve().instrument(Span::new("reserve")).await;
/// # }
/// ```
pub trait Instrument: Sized {
    /// Makes `span` current whenever this is polled, and ends it when this is done.
    ///
    /// Dropped before it is done, the span ends as [`Outcome::Cancelled`](crate::Outcome::Cancelled); if a
    /// poll panics, as [`Outcome::Panicked`](crate::Outcome::Panicked), at once. A stream is done when it
    /// has said so by `None`.
    fn instrument(self, span: Span) -> Instrumented<Self> {
        Instrumented { inner: Some(self), span }
    }

    /// Starts no spans while this is polled or dropped, as with [`suppress_instrumentation`](super::suppress_instrumentation).
    fn suppress_instrumentation(self) -> Suppressed<Self> {
        Suppressed::new(self)
    }

    /// Makes the span that is current now current whenever this is polled, so that a spawned task's
    /// spans become its children. Does not keep that span open, and cannot record on it.
    fn in_current_span(self) -> InCurrentSpan<Self> {
        InCurrentSpan { inner: Some(self), parent: Span::current().handle() }
    }
}

impl<T> Instrument for T {}

pin_project! {
    /// A future or stream with a span. See [`Instrument::instrument`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<T> {
        // `Some` until the drop, which needs it gone while the span is still current.
        #[pin]
        inner: Option<T>,
        // `Span::none` once it has ended.
        span: Span,
    }

    impl<T> PinnedDrop for Instrumented<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            {
                let _scope = PollScope::enter(this.span);
                this.inner.set(None);
            }
            std::mem::take(this.span).end_unfinished();
        }
    }
}

impl<T> Instrumented<T> {
    /// The span; none once it has ended.
    pub const fn span(&self) -> &Span {
        &self.span
    }
}

impl<T: Future> Future for Instrumented<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Pending;
        };
        let polled = {
            let _scope = PollScope::enter(this.span);
            inner.poll(context)
        };
        if polled.is_ready() {
            std::mem::take(this.span).end();
        }
        polled
    }
}

impl<T: Stream> Stream for Instrumented<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = {
            let _scope = PollScope::enter(this.span);
            inner.poll_next(context)
        };
        if matches!(polled, Poll::Ready(None)) {
            std::mem::take(this.span).end();
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

pin_project! {
    /// A future or stream whose spans are another's children. See [`Instrument::in_current_span`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InCurrentSpan<T> {
        // `Some` until the drop, which needs it gone while the parent is still current.
        #[pin]
        inner: Option<T>,
        parent: Option<SpanHandle>,
    }

    impl<T> PinnedDrop for InCurrentSpan<T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _scope = ParentScope::enter(this.parent.as_ref());
            this.inner.set(None);
        }
    }
}

/// Keeps a parent current around one poll, or the drop.
struct ParentScope(Option<entered::Token>);

impl ParentScope {
    fn enter(parent: Option<&SpanHandle>) -> Self {
        Self(parent.and_then(SpanHandle::enter_entry))
    }
}

impl Drop for ParentScope {
    fn drop(&mut self) {
        if let Some(token) = self.0 {
            let _nothing_recorded = entered::exit_scope(token);
        }
    }
}

impl<T: Future> Future for InCurrentSpan<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Pending;
        };
        let _scope = ParentScope::enter(this.parent.as_ref());
        inner.poll(context)
    }
}

impl<T: Stream> Stream for InCurrentSpan<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let _scope = ParentScope::enter(this.parent.as_ref());
        inner.poll_next(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}
