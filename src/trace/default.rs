//! The tracers of spans for which nobody names one (floor 4): the process's, and a thread's.

use super::{
    engine::{Engine, any_tracer_is_live},
    live::Live,
    local,
    span::Span,
    span_builder::SpanBuilder,
    start,
    tracer::Tracer,
};
use crate::record::SpanKind;
use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

static DEFAULT: OnceLock<Tracer> = OnceLock::new();

thread_local! {
    /// The defaults of this thread, each with its guard's number. The last one counts.
    static OF_THREAD: RefCell<Vec<(u64, Tracer)>> = const { RefCell::new(Vec::new()) };
    static GUARDS: Cell<u64> = const { Cell::new(0) };
}

/// The process has a default tracer already; it cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process has a default tracer already: set it once, where the process starts")]
pub struct DefaultAlreadySet;

impl Tracer {
    /// Makes this the tracer of all spans that are started without one, in the whole process, for
    /// good.
    ///
    /// It is never dropped, so what is left at the end of the process is delivered only by an explicit
    /// [`shutdown`](Self::shutdown). A library must not call this; that is the application's choice.
    ///
    /// # Errors
    ///
    /// [`DefaultAlreadySet`] if there is one.
    pub fn set_default(&self) -> Result<(), DefaultAlreadySet> {
        DEFAULT.set(self.clone()).map_err(|_| DefaultAlreadySet)
    }

    /// Makes this the tracer of all spans that are started without one on this thread, until the guard
    /// is dropped. It goes before the process's default; a test can so have a tracer of its own.
    pub fn set_thread_default(&self) -> DefaultGuard {
        let number = GUARDS.get() + 1;
        GUARDS.set(number);
        // A thread that is going has no use for a default.
        let _too_late = OF_THREAD.try_with(|defaults| defaults.borrow_mut().push((number, self.clone())));
        DefaultGuard { number, _not_send: PhantomData }
    }
}

/// Keeps a tracer the thread's default. See [`Tracer::set_thread_default`].
#[derive(Debug)]
#[must_use = "the default ends when the guard is dropped"]
pub struct DefaultGuard {
    number: u64,
    _not_send: PhantomData<*const ()>,
}

impl Drop for DefaultGuard {
    fn drop(&mut self) {
        let removed = OF_THREAD.try_with(|defaults| {
            let mut defaults = defaults.try_borrow_mut().ok()?;
            let index = defaults.iter().position(|(number, _)| *number == self.number)?;
            Some(defaults.remove(index))
        });
        // Not while the list is borrowed: the last handle's drop shuts the tracer down.
        drop(removed);
    }
}

impl Span {
    /// Starts a span: a child of the thread's current span; else the first of a new trace of the
    /// thread's or the process's default tracer; else nothing.
    #[inline]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        // A literal's name goes in registers, which a `Cow` does not.
        if !any_tracer_is_live() {
            return Self::none();
        }
        match name.into() {
            Cow::Borrowed(name) => Self::start(|| match start::named(name) {
                None => start_with_default(Cow::Borrowed(name)),
                begun => begun,
            }),
            owned => Self::start(|| start_owned(owned)),
        }
    }

    /// As [`new`](Self::new), with options.
    #[inline]
    pub fn builder(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
        SpanBuilder::new(ambient_engine(), name.into())
    }
}

fn start_owned(name: Cow<'static, str>) -> Option<Box<Live>> {
    match local::current_engine() {
        Some(engine) => start::span(&engine, None, name, SpanKind::Internal, None),
        None => start_with_default(name),
    }
}

#[cold]
fn start_with_default(name: Cow<'static, str>) -> Option<Box<Live>> {
    start::root(&default_engine()?, None, name, SpanKind::Internal, None)
}

/// The engine of a span for which nobody named a tracer.
fn ambient_engine() -> Option<Arc<Engine>> {
    local::current_engine().or_else(default_engine)
}

fn default_engine() -> Option<Arc<Engine>> {
    if !any_tracer_is_live() {
        return None;
    }
    let of_thread = OF_THREAD.try_with(|defaults| {
        let defaults = defaults.try_borrow().ok()?;
        defaults.last().map(|(_, tracer)| tracer.engine().clone())
    });
    of_thread.ok().flatten().or_else(|| DEFAULT.get().map(Tracer::engine).cloned())
}
