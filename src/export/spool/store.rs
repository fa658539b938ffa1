//! The spool as its threads see it (floor 3): the shared state, its lock, and waiting for it to change. What
//! the lock covers is quick; files are touched when it has been released.

use super::{
    cursor,
    flights::{Flight, Outcome, Setback},
    home::Home,
    line::{Held, Line},
    next::Work,
    ranges::Ranges,
    reader::Loaded,
    settings::{Fsync, Settings},
    shelf::{OWN, Segment, Shelf, Wanted},
    state::{Chores, State},
    unsynced::Unsynced,
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    export::{AbortHandle, DropReason, inlet::Terms},
    sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_timeout},
};
use std::{
    collections::VecDeque,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

/// A disk that has been busy with one write for longer is given no cursor to write before it has ended.
const BUSY: Duration = Duration::from_millis(50);

pub(super) struct Store {
    pub(super) settings: Settings,
    /// The exporters' cursors, by file name.
    pub(super) cursors: Vec<String>,
    pub(super) diagnostics: Arc<Diagnostics>,
    /// Of the exporters that have one.
    pub(super) aborts: Vec<AbortHandle>,
    state: Mutex<State>,
    /// For the thread that writes.
    pub(super) arrived: Condvar,
    /// For all others.
    pub(super) changed: Condvar,
    /// Written to and not yet made to last.
    pub(super) unsynced: Unsynced,
}

impl Store {
    /// `names` are the exporters' with their places.
    pub(super) fn new(
        settings: Settings,
        cursors: Vec<String>,
        names: Vec<(usize, String)>,
        aborts: Vec<AbortHandle>,
        terms: &Terms,
    ) -> Self {
        let lines: Vec<_> = names.into_iter().map(|(place, name)| Line::new(place, name)).collect();
        let own = Shelf {
            id: OWN,
            home: None,
            resource: terms.resource.clone(),
            segments: VecDeque::new(),
            marks: lines.iter().map(|_| Some(Default::default())).collect(),
            strangers: Vec::new(),
            unread: 0,
        };
        let state = State {
            limits: terms.limits,
            arriving: VecDeque::new(),
            arriving_spans: 0,
            arriving_bytes: 0,
            next: 0,
            own,
            found: Vec::new(),
            left_alone: Vec::new(),
            lines,
            deadline: None,
            closing: None,
            writing: None,
            writer_is_gone: false,
            closed_books: None,
        };
        Self {
            settings,
            cursors,
            diagnostics: terms.diagnostics.clone(),
            aborts,
            state: Mutex::new(state),
            arrived: Condvar::new(),
            changed: Condvar::new(),
            unsynced: Unsynced::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // The writing thread's side.

    /// These have been written, to this segment, or could not be.
    pub(super) fn commit(&self, written: Vec<Held>, segment: Option<Segment>) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let is_on_disk = segment.is_some();
        if let Some(segment) = segment {
            state.note_segment(segment);
        }
        let is_passed_by = state.writing.take().is_some_and(|writing| writing.is_passed_by);
        let mut is_kept = true;
        for held in written.into_iter().filter(|_| !is_passed_by) {
            is_kept &= state.keep(&Held { is_on_disk, ..held }, now);
        }
        let chores = state.enforce(self.settings.max_bytes, self.settings.max_age, now);
        drop(state);
        self.changed.notify_all();
        if !is_kept {
            self.diagnostics.note(Diagnostic::SpansDropped);
        }
        self.run(chores);
    }

    /// Makes everything that has been written last through a power failure.
    pub(super) fn sync(&self) {
        if !self.unsynced.sync() {
            self.diagnostics.note(Diagnostic::SpoolUnavailable);
        }
    }

    // The keeper's side.

    /// Waits, but not beyond the end; false if that has come.
    pub(super) fn rest(&self, until: Instant) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.closed_books.is_some() || state.deadline.is_some() {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = wait_timeout(&self.changed, state, left);
        }
    }

    pub(super) fn add_found(&self, shelf: Shelf) {
        let mut state = lock(&self.state);
        if state.is_abandoned() || state.lines.iter().all(|line| line.is_closed) {
            // For the next process: nobody here would take it, or let go of it.
            return;
        }
        state.found.push(shelf);
        drop(state);
        self.changed.notify_all();
        self.enforce();
    }

    pub(super) fn enforce(&self) {
        let (bytes, age) = (self.settings.max_bytes, self.settings.max_age);
        let chores = self.state().enforce(bytes, age, Instant::now());
        self.run(chores);
    }

    // The exporters' side.

    /// Waits until there is something for this exporter.
    pub(super) fn next(&self, line: usize) -> Work {
        let mut state = lock(&self.state);
        loop {
            let now = Instant::now();
            let _lost = self.pass_disk_by(&mut state, now);
            let until = match state.next_for(line, now) {
                Ok(work) => return work,
                Err(until) => until,
            };
            let until = [until, state.stalls_at(now)].into_iter().flatten().min();
            state = match until {
                None => wait(&self.changed, state),
                Some(until) => wait_timeout(&self.changed, state, until.saturating_duration_since(now)),
            };
        }
    }

    pub(super) fn take_off(&self, line: usize, wanted: &Wanted, loaded: &Loaded) -> Flight {
        self.state().take_off(line, wanted, loaded.end, loaded.found.clone())
    }

    /// Counts a call of the exporter.
    pub(super) fn measure(&self, line: usize, took: Duration) {
        if let Some(line) = self.state().lines.get_mut(line) {
            line.latency.add(took);
        }
    }

    /// Counts a flight that is over, and writes down that it is.
    pub(super) fn settle(&self, line: usize, flight: &Flight, outcome: Outcome) {
        if let Some(line) = self.state().lines.get_mut(line).filter(|_| outcome.delivered > 0) {
            line.successes += 1;
        }
        self.finish(line, flight, outcome);
    }

    fn finish(&self, line: usize, flight: &Flight, outcome: Outcome) {
        if flight.damaged() > 0 {
            self.diagnostics.note(Diagnostic::SpoolDamaged);
        }
        let mut state = lock(&self.state);
        let shelf = flight.shelf;
        let cursor = state.shelf_mut(shelf).and_then(|shelf| cursor_of(shelf, line)).map(|(home, done)| {
            // What is settled just now is in it.
            let mut done = done.clone();
            flight.ranges.iter().for_each(|range| done.insert(range.clone()));
            (home, cursor::write(&done))
        });
        let chores = state.settle(line, flight, outcome);
        let is_stuck = self.wait_for_disk(state);
        if let (Some((home, bytes)), Some(name)) = (cursor.filter(|_| !is_stuck), self.cursors.get(line)) {
            self.write_cursor(&home, name, &bytes);
        }
        self.run(chores);
    }

    /// Waits for a write that takes long, but not for ever: true if the disk seems to hang. A crash would deliver again
    /// what a cursor does not say; a thread that hangs with the disk would deliver nothing more.
    fn wait_for_disk(&self, mut state: MutexGuard<'_, State>) -> bool {
        while state.writing.as_ref().is_some_and(|writing| writing.since.elapsed() > BUSY) {
            let now = Instant::now();
            let Some(stall) = state.stalls_at(now) else {
                return true;
            };
            state = wait_timeout(&self.changed, state, stall.saturating_duration_since(now));
        }
        false
    }

    fn write_cursor(&self, home: &Home, name: &str, bytes: &[u8]) {
        let fsync = self.settings.fsync;
        if home.replace(name, bytes, fsync.is_immediate()).is_err() {
            // Until it can be written again, a crash would deliver more than once.
            self.diagnostics.note(Diagnostic::SpoolUnavailable);
        } else if fsync.is_later() {
            self.unsynced.add_path(&home.path().join(name));
            self.unsynced.add_path(home.path());
        }
    }

    /// Puts a flight back to be tried later, or sets it aside for good if it has failed too often.
    pub(super) fn set_back(&self, line: usize, flight: &Flight, setback: Setback) {
        let is_poison = self.state().set_back(line, flight, setback, Instant::now());
        if is_poison {
            let reason =
                if setback.is_at_fault { DropReason::ExporterPanicked } else { DropReason::RetriesExhausted };
            self.diagnostics.note(Diagnostic::ExportFailed);
            self.finish(line, flight, Outcome { delivered: 0, filtered: 0, reason });
        }
    }

    pub(super) fn not_read(&self, line: usize, wanted: &Wanted, is_gone: bool) {
        let is_lost = self.state().not_read(line, wanted, is_gone, Instant::now());
        if is_lost {
            self.diagnostics.note(Diagnostic::SpoolDamaged);
        } else if !is_gone {
            self.diagnostics.note(Diagnostic::SpoolUnavailable);
        }
    }

    /// The exporter needs nothing more, or (`None`) the thread that writes does not. The last one tidies up:
    /// a process that has delivered everything leaves nothing behind, and of what it leaves it lets go.
    pub(super) fn leave(&self, line: Option<usize>) {
        let mut state = lock(&self.state);
        match line.map(|line| state.lines.get_mut(line)) {
            None => state.writer_is_gone = true,
            Some(Some(line)) => line.is_closed = true,
            Some(None) => {}
        }
        // A disk that hangs is left to the thread that hangs with it.
        let nothing_arrives = state.writer_is_gone || (state.closing.is_some() && state.writing.is_none());
        if !nothing_arrives || !state.lines.iter().all(|line| line.is_closed) {
            return;
        }
        let own = state.own.home.take();
        // Other threads may hold on to the spool for longer than to the locks.
        let _found: Vec<_> = state.found.iter_mut().map(|shelf| shelf.home.take()).collect();
        let is_done_with = state.own.is_done_with();
        drop(state);
        if is_done_with {
            own.iter().for_each(|home| home.remove());
        }
        // While the shutdown still waits for an exporter to say that it is done.
        if !matches!(self.settings.fsync, Fsync::Never) {
            self.sync();
        }
    }

    fn run(&self, chores: Chores) {
        for path in chores.remove {
            let _gone_or_adopted_later = fs::remove_file(path);
        }
        for shelf in chores.finished.into_iter().filter(Shelf::is_empty) {
            shelf.home.iter().for_each(|home| home.remove());
        }
        if chores.has_discarded {
            self.diagnostics.note(Diagnostic::SpansDropped);
        }
    }
}

/// Where a cursor lies, and what it says.
fn cursor_of(shelf: &Shelf, line: usize) -> Option<(Arc<Home>, &Ranges)> {
    Some((shelf.home.clone()?, &shelf.mark(line)?.done))
}
