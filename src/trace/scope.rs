//! Guards that make a span current (floor 4).

use super::{
    entered::{self, Token},
    span::Span,
};
use crate::record::Outcome;
use std::{marker::PhantomData, mem::ManuallyDrop, ops::Deref, thread};

impl Span {
    /// Makes this the thread's current span until the guard is dropped.
    ///
    /// The guard must not be held across an `.await`: it would stay current for whatever the thread
    /// does next. It is not `Send`, so a future that does it cannot be spawned on a thread pool; use
    /// [`Instrument`](super::Instrument) for futures.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        Entered::new(self)
    }

    /// Makes this the thread's current span until the guard is dropped, which ends the span.
    #[inline]
    pub fn entered(self) -> EnteredSpan {
        EnteredSpan::new(self)
    }

    /// Runs `body` with this as the thread's current span.
    #[inline]
    pub fn in_scope<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        body()
    }
}

/// Keeps a span current on this thread. See [`Span::enter`].
#[derive(Debug)]
#[must_use = "the span is current until the guard is dropped"]
pub struct Entered<'a> {
    span: &'a Span,
    token: Option<Token>,
    _not_send: PhantomData<*const ()>,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(super) fn new(span: &'a Span) -> Self {
        Self { span, token: span.enter_entry(), _not_send: PhantomData }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.span.absorb(entered::exit(token));
        }
    }
}

/// Keeps a span current on this thread and ends it when dropped. See [`Span::entered`].
#[derive(Debug)]
#[must_use = "the span ends when the guard is dropped"]
pub struct EnteredSpan {
    /// Taken out by the guard's own drop: a drop of what is left would only ask whether something is.
    span: ManuallyDrop<Span>,
    token: Option<Token>,
    _not_send: PhantomData<*const ()>,
}

impl EnteredSpan {
    #[inline]
    pub(super) fn new(span: Span) -> Self {
        let token = span.enter_entry();
        Self { span: ManuallyDrop::new(span), token, _not_send: PhantomData }
    }

    /// Makes the span no longer current, and gives it back without ending it.
    pub fn exit(mut self) -> Span {
        if let Some(token) = self.token.take() {
            self.span.absorb(entered::exit(token));
        }
        std::mem::take(&mut *self.span)
    }
}

impl Deref for EnteredSpan {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.span
    }
}

impl Drop for EnteredSpan {
    #[inline]
    fn drop(&mut self) {
        std::mem::take(&mut *self.span).leave_and_end(self.token);
    }
}

/// A span's time around one poll of a future or a body.
///
/// Unlike a guard in user code it knows that everything entered within it ends with it, and it sees a
/// panic, which ends the span at once: whoever catches the panic may keep the future for long.
pub(crate) struct PollScope<'a> {
    span: &'a mut Span,
    token: Option<Token>,
    began_in_panic: bool,
}

impl<'a> PollScope<'a> {
    pub(crate) fn enter(span: &'a mut Span) -> Self {
        let token = span.live().and_then(entered::enter_scope);
        Self { span, token, began_in_panic: thread::panicking() }
    }
}

impl Drop for PollScope<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.span.absorb(entered::exit_scope(token));
        }
        if thread::panicking() && !self.began_in_panic {
            std::mem::take(self.span).end_as(Outcome::Panicked);
        }
    }
}
