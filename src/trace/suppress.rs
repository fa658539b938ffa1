//! Work that is not traced (floor 4): no spans are started on a thread, or while a future is polled.

use super::local;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

/// Starts no spans on this thread until the guard is dropped: by no tracer, of no kind, and nobody's children. What has
/// started already is recorded as ever.
///
/// For what an exporter sends from a thread of its own through a client that is traced, or for any other work
/// that is not to be seen: without it, each span sent makes spans that have to be sent. `export` itself, and all else
/// that the pipeline calls, is suppressed anyway.
///
/// The guard must not be held across an `.await`, and is not `Send`: for a future there is
/// [`Instrument::suppress_instrumentation`](super::Instrument::suppress_instrumentation). Several may be held at a time,
/// and dropped in any order. On a thread that is ending, where there are no spans, it does nothing.
///
/// ```
/// use throughline::{Tracer, exporters::Memory};
///
/// let memory = Memory::new();
/// let tracer = Tracer::builder("orders").exporter(memory.clone()).build()?;
/// {
///     let _suppressed = throughline::suppress_instrumentation();
///     tracer.span("send").end();
/// }
/// tracer.span("order").end();
/// let _report = tracer.flush(std::time::Duration::from_secs(5));
/// assert_eq!(memory.len(), 1);
/// # Ok::<(), throughline::BuildError>(())
/// ```
pub fn suppress_instrumentation() -> SuppressionGuard {
    SuppressionGuard { is_counted: local::suppress(), _not_send: PhantomData }
}

/// Starts no spans on its thread. See [`suppress_instrumentation`].
#[derive(Debug)]
#[must_use = "spans are suppressed until the guard is dropped"]
pub struct SuppressionGuard {
    is_counted: bool,
    _not_send: PhantomData<*const ()>,
}

impl Drop for SuppressionGuard {
    fn drop(&mut self) {
        if self.is_counted {
            local::allow();
        }
    }
}

pin_project! {
    /// A future or stream that starts no spans. See
    /// [`Instrument::suppress_instrumentation`](super::Instrument::suppress_instrumentation).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Suppressed<T> {
        // `Some` until the drop, which needs it gone while nothing is traced.
        #[pin]
        inner: Option<T>,
    }

    impl<T> PinnedDrop for Suppressed<T> {
        fn drop(this: Pin<&mut Self>) {
            let _suppressed = suppress_instrumentation();
            this.project().inner.set(None);
        }
    }
}

impl<T> Suppressed<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self { inner: Some(inner) }
    }
}

impl<T: Future> Future for Suppressed<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T::Output> {
        let _suppressed = suppress_instrumentation();
        match self.project().inner.as_pin_mut() {
            Some(inner) => inner.poll(context),
            None => Poll::Pending,
        }
    }
}

impl<T: Stream> Stream for Suppressed<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let _suppressed = suppress_instrumentation();
        match self.project().inner.as_pin_mut() {
            Some(inner) => inner.poll_next(context),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}
