//! The spool as its threads see it (floor 3): the shared state, its lock, and waiting for it to change. What
//! the lock covers is quick; files are touched when it has been released.

use super::{
    cursor, files,
    flights::{Flight, Outcome, Setback, Work},
    line::{Held, Line},
    ranges::Ranges,
    reader::Loaded,
    settings::Settings,
    shelf::{OWN, Segment, Shelf, Wanted},
    state::{Chores, State},
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    export::{AbortHandle, DropReason, inlet::Terms},
    sync::{Condvar, Mutex, MutexGuard, lock, wait, wait_timeout},
};
use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a file that could not be opened is left alone.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Files that wait to be synced. Usually that is one.
const MOST_UNSYNCED: usize = 16;

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
    unsynced: Mutex<Unsynced>,
}

#[derive(Default)]
struct Unsynced {
    files: Vec<Arc<File>>,
    directories: Vec<PathBuf>,
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
            unsynced: Mutex::new(Unsynced::default()),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // The writing thread's side.

    /// These have been written, to this segment, or could not be.
    pub(super) fn commit(&self, written: &[Held], segment: Option<Segment>) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let is_on_disk = segment.is_some();
        if let Some(segment) = segment {
            state.note_segment(segment);
        }
        let mut is_kept = true;
        for held in written {
            is_kept &= state.keep(held, is_on_disk, now);
        }
        let chores = state.enforce(self.settings.max_bytes, self.settings.max_age, now);
        drop(state);
        self.changed.notify_all();
        if !is_kept {
            self.diagnostics.note(Diagnostic::SpansDropped);
        }
        self.run(chores);
    }

    pub(super) fn add_unsynced(&self, file: &Arc<File>) {
        let mut unsynced = lock(&self.unsynced);
        if !unsynced.files.iter().any(|known| Arc::ptr_eq(known, file)) {
            // Of a disk that never syncs, handles must not gather.
            if unsynced.files.len() >= MOST_UNSYNCED {
                unsynced.files.remove(0);
            }
            unsynced.files.push(file.clone());
        }
    }

    /// Names in it are new.
    pub(super) fn add_unsynced_directory(&self, directory: &Path) {
        let mut unsynced = lock(&self.unsynced);
        if !unsynced.directories.iter().any(|known| known == directory) {
            unsynced.directories.push(directory.to_owned());
        }
    }

    /// Makes everything that has been written last through a power failure. What cannot be now is tried again
    /// the next time.
    pub(super) fn sync(&self) {
        let Unsynced { mut files, mut directories } = std::mem::take(&mut *lock(&self.unsynced));
        files.retain(|file| file.sync_data().is_err());
        // A directory that has been delivered whole is gone.
        directories.retain(|path| path.exists() && files::sync_directory(path).is_err());
        if files.is_empty() && directories.is_empty() {
            return;
        }
        files.iter().for_each(|file| self.add_unsynced(file));
        directories.iter().for_each(|directory| self.add_unsynced_directory(directory));
        self.diagnostics.note(Diagnostic::SpoolUnavailable);
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
            state = match state.next_for(line, now) {
                Ok(work) => return work,
                Err(None) => wait(&self.changed, state),
                Err(Some(until)) => wait_timeout(&self.changed, state, until.saturating_duration_since(now)),
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
        if let Some(line) = self.state().lines.get_mut(line) {
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
            let mut done = done;
            flight.ranges.iter().for_each(|range| done.insert(range.clone()));
            (home, cursor::write(&done))
        });
        let name = self.cursors.get(line);
        let chores = state.settle(line, flight, outcome);
        drop(state);
        if let (Some((home, bytes)), Some(name)) = (cursor, name) {
            self.write_cursor(&home.join(name), &bytes);
        }
        self.run(chores);
    }

    fn write_cursor(&self, path: &Path, bytes: &[u8]) {
        if files::replace(path, bytes, self.settings.fsync.is_immediate()).is_err() {
            // Until it can be written again, a crash would deliver more than once.
            self.diagnostics.note(Diagnostic::SpoolUnavailable);
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
        self.state().not_read(line, wanted, is_gone, Instant::now() + READ_PAUSE);
        if is_gone {
            self.diagnostics.note(Diagnostic::SpoolDamaged);
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
        let nothing_arrives = state.writer_is_gone || state.closing.is_some();
        if !nothing_arrives || !state.lines.iter().all(|line| line.is_closed) {
            return;
        }
        let own = state.own.home.take();
        // Other threads may hold on to the spool for longer than to the locks.
        let _found: Vec<_> = state.found.iter_mut().map(|shelf| shelf.home.take()).collect();
        let is_done_with = state.own.is_done_with();
        drop(state);
        if let Some(home) = own.filter(|_| is_done_with) {
            home.remove();
        }
    }

    fn run(&self, chores: Chores) {
        for path in chores.remove {
            let _gone_or_adopted_later = fs::remove_file(path);
        }
        for shelf in chores.finished.into_iter().filter(|shelf| shelf.segments.is_empty()) {
            shelf.home.iter().for_each(|home| home.remove());
        }
        if chores.has_discarded {
            self.diagnostics.note(Diagnostic::SpansDropped);
        }
    }
}

/// Where a cursor lies, and what it says.
fn cursor_of(shelf: &Shelf, line: usize) -> Option<(PathBuf, Ranges)> {
    Some((shelf.home.as_ref()?.path().to_owned(), shelf.mark(line)?.done.clone()))
}
