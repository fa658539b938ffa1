//! The tracer's threads, and the one that says what the library has to say (floor 4).
//!
//! A listener may write to a pipe that nobody reads: it is called on a thread of its own, which is started
//! when there is something to say for the first time. What comes while it is stuck is counted, as always,
//! and said later or not at all.

use super::local;
use crate::{
    diagnostics::{Diagnostic, Diagnostics, Listener, Speaker, say_on_stderr},
    panics::caught,
};
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Instant,
};

/// More than there are kinds of things to say.
const MOST_WAITING: usize = 16;

pub(super) struct Voice {
    listener: Arc<Listener>,
    speaker: Speaker,
    thread: Option<SyncSender<Diagnostic>>,
}

impl Voice {
    pub(super) fn new(listener: Option<Listener>) -> Self {
        let listener = listener.unwrap_or_else(|| Box::new(say_on_stderr));
        Self { listener: Arc::new(listener), speaker: Speaker::default(), thread: None }
    }

    /// Says what is new. Never waits.
    pub(super) fn speak(&mut self, diagnostics: &Diagnostics, now: Instant) {
        let Self { listener, speaker, thread } = self;
        speaker.speak(diagnostics, now, |diagnostic| {
            if thread.is_none() {
                *thread = start(listener.clone());
            }
            thread.as_ref().is_some_and(|thread| thread.try_send(diagnostic).is_ok())
        });
    }
}

fn start(listener: Arc<Listener>) -> Option<SyncSender<Diagnostic>> {
    let (sender, said) = sync_channel(MOST_WAITING);
    spawn("tl-diagnostics", move || listen(&said, &listener)).ok()?;
    Some(sender)
}

/// Until the collector has gone.
fn listen(said: &Receiver<Diagnostic>, listener: &Listener) {
    while let Ok(diagnostic) = said.recv() {
        let _panicked = caught(|| listener(diagnostic));
    }
}

/// Starts a thread of the tracer's: on it no spans are started.
pub(super) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    let body = move || {
        // A thread that has only begun has its state.
        let _done = local::suppress();
        body();
    };
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
