//! The spool's front (floor 3): what comes from the collector, until the thread that writes takes it.

use super::{
    line::Held,
    state::{Arriving, State, Writing},
    store::Store,
};
use crate::{
    diagnostics::Diagnostic,
    export::{AbortHandle, Completion, DropReason, ExporterStats, inlet::Inlet},
    record::Chunk,
    sync::{wait, wait_timeout},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long what arrives is gathered for one write, and how much of it, in bytes of memory. The collector
/// comes by every 10 ms, and oftener in a burst only.
const GATHER: Duration = Duration::from_millis(5);
const GATHER_BYTES: usize = 64 << 10;
/// What the writing thread is to do.
pub(super) enum Errand {
    Write(Vec<Held>),
    /// Nothing came for so long, or nothing more will.
    Stop,
}

impl Store {
    /// Waits for spans to be written: until there are many, or the last write was some time ago.
    pub(super) fn next_errand(&self, last_write: Option<Instant>) -> Errand {
        let mut state = self.state();
        loop {
            if state.closed_books.is_some() || state.closing.is_some() {
                return Errand::Stop;
            }
            let now = Instant::now();
            let due = last_write.map_or(now, |last| last + GATHER);
            let has_marker = state.arriving.iter().any(|item| !matches!(item, Arriving::Chunk(_)));
            if state.arriving.is_empty() {
                state = wait(&self.arrived, state);
            } else if has_marker || state.arriving_bytes >= GATHER_BYTES || now >= due {
                let held = self.gather(&mut state, now);
                if !held.is_empty() {
                    return Errand::Write(held);
                }
            } else {
                state = wait_timeout(&self.arrived, state, due - now);
            }
        }
    }

    /// Takes what has arrived, up to a bound; what was asked behind all of it comes into force.
    fn gather(&self, state: &mut State, now: Instant) -> Vec<Held> {
        let most = self.settings.write_bytes();
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        while bytes < most {
            match state.arriving.front() {
                Some(Arriving::Chunk(chunk)) => bytes += chunk.bytes(),
                Some(_) if gathered.is_empty() => self.changed.notify_all(),
                _ => break,
            }
            gathered.extend(state.arriving.pop_front().and_then(|item| state.take_arrived(item, now)));
        }
        if !gathered.is_empty() {
            state.writing = Some(Writing { since: now, held: gathered.clone(), is_passed_by: false });
        }
        gathered
    }

    /// What is given to a disk that hangs goes past it.
    pub(super) fn pass_disk_by(&self, state: &mut State, now: Instant) -> Option<bool> {
        let is_kept = state.pass_disk_by(now)?;
        self.diagnostics.note(Diagnostic::SpoolUnavailable);
        self.changed.notify_all();
        Some(is_kept)
    }
}

impl Inlet for Store {
    fn push(&self, chunk: &Arc<Chunk>, _more: bool) -> bool {
        let mut state = self.state();
        if let Some(books) = &mut state.closed_books {
            for (_, stats) in books {
                stats.dropped.add(DropReason::ShutdownDeadline, chunk.len() as u64);
            }
            return false;
        }
        let spans = state.arriving_spans + chunk.len();
        let bytes = state.arriving_bytes.saturating_add(chunk.bytes());
        if spans > state.limits.spans || bytes > state.limits.bytes {
            // The disk takes too little: these go past it.
            let held = Held { chunk: chunk.clone(), spans: state.number(chunk.len()), is_on_disk: false };
            let is_kept = state.keep(&held, Instant::now());
            drop(state);
            self.diagnostics.note(Diagnostic::SpoolUnavailable);
            self.changed.notify_all();
            return is_kept;
        }
        (state.arriving_spans, state.arriving_bytes) = (spans, bytes);
        state.arriving.push_back(Arriving::Chunk(chunk.clone()));
        let is_kept = self.pass_disk_by(&mut state, Instant::now());
        let is_busy = state.writing.is_some();
        drop(state);
        self.arrived.notify_all();
        if is_busy {
            // The exporters' threads see to it that it does not wait for long.
            self.changed.notify_all();
        }
        is_kept.unwrap_or(true)
    }

    fn push_flush(&self, completion: Arc<Completion>, deadline: Instant) {
        let mut state = self.state();
        let now = Instant::now();
        while matches!(state.arriving.back(), Some(Arriving::Flush(_, until)) if *until <= now) {
            state.arriving.pop_back();
        }
        state.arriving.push_back(Arriving::Flush(completion, deadline));
        drop(state);
        self.arrived.notify_all();
        self.changed.notify_all();
    }

    fn push_shutdown(&self, completion: Arc<Completion>, deadline: Instant) {
        let mut state = self.state();
        state.deadline = Some(deadline);
        state.arriving.push_back(Arriving::Shutdown(completion, deadline));
        drop(state);
        self.arrived.notify_all();
        self.changed.notify_all();
    }

    fn abandon(&self) {
        self.state().abandon();
        self.arrived.notify_all();
        self.changed.notify_all();
        self.aborts.iter().for_each(AbortHandle::abort);
    }

    fn exporters(&self) -> usize {
        self.cursors.len()
    }

    fn stats(&self) -> Vec<(usize, ExporterStats)> {
        self.state().stats()
    }

    fn is_urgent(&self) -> bool {
        true
    }
}
