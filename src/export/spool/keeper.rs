//! The thread that looks after the spool (floor 3): makes writes last, takes in what earlier processes left,
//! drops what is too old. It may wait for the disk, which the thread that writes must not.

use super::{
    cursor, files,
    home::{self, Home},
    ranges::Ranges,
    segment::{HEADER, Header, survey},
    settings::Fsync,
    shelf::{Mark, Segment, Shelf},
    store::Store,
};
use crate::{clock::after, diagnostics::Diagnostic, export::DropReason, record::Resource};
use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often it looks for what other processes have left: sooner where one still lives, which may be about
/// to end.
const LOOK_AROUND: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A file longer than any that is written is not read.
const MOST_SEGMENT_BYTES: u64 = 16 << 20;

pub(super) struct Keeper {
    store: Arc<Store>,
    next_id: u64,
}

/// A shelf that was found, and what is not in it.
struct Found {
    shelf: Shelf,
    /// Records that cannot be read, and that no number tells of.
    damaged: u64,
}

impl Keeper {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, next_id: 1 }
    }

    /// Runs until the shutdown.
    pub(super) fn run(mut self) {
        let interval = match self.store.settings.fsync {
            Fsync::Interval(interval) => interval.max(Duration::from_millis(1)),
            Fsync::Never | Fsync::EveryBatch => LOOK_AROUND,
        };
        let mut look_around = Instant::now();
        loop {
            let now = Instant::now();
            if now >= look_around {
                let is_alone = self.look_around();
                look_around = after(Instant::now(), if is_alone { LOOK_AROUND } else { LOOK_AGAIN });
            }
            if !self.store.rest(after(Instant::now(), interval).min(look_around)) {
                return;
            }
            self.store.sync();
            self.store.enforce();
        }
    }

    /// Takes in what there is; false if some of it is in use.
    fn look_around(&mut self) -> bool {
        let now = Instant::now();
        let state = self.store.state();
        let left_alone = state.left_alone.iter().filter(|left| now < left.look_again);
        let known: Vec<PathBuf> = std::iter::once(&state.own)
            .chain(&state.found)
            .filter_map(|shelf| Some(shelf.home.as_ref()?.path().to_owned()))
            .chain(left_alone.map(|left| left.path.clone()))
            .collect();
        drop(state);
        let mut is_alone = true;
        for path in home::all_below(&self.store.settings.directory) {
            if known.contains(&path) {
                continue;
            }
            match Home::adopt(path) {
                Some(home) => self.take_in(home),
                None => is_alone = false,
            }
        }
        is_alone
    }

    fn take_in(&mut self, home: Home) {
        let Some(Found { shelf, damaged }) = self.read(home) else {
            return;
        };
        let home = shelf.home.clone();
        if shelf.marks.iter().all(Option::is_none) {
            return self.leave_alone(&shelf);
        }
        if damaged > 0 {
            self.store.diagnostics.note(Diagnostic::SpoolDamaged);
            let mut state = self.store.state();
            for (line, _) in state.lines.iter_mut().zip(&shelf.marks).filter(|(_, mark)| mark.is_some()) {
                line.recovered.dropped.add(DropReason::SpoolDamaged, damaged);
            }
        }
        if shelf.is_done_with() && shelf.strangers.is_empty() {
            home.iter().for_each(|home| home.remove());
        } else {
            self.store.add_found(shelf);
        }
    }

    /// None of our exporters is meant. What is too old for anybody is taken away.
    fn leave_alone(&self, shelf: &Shelf) {
        let now = Instant::now();
        let newest_is_old = shelf.newest_is_older_than(self.store.settings.max_age, now);
        match &shelf.home {
            Some(home) if newest_is_old => home.remove(),
            Some(home) => self.store.state().leave_alone(home.path(), now),
            None => {}
        }
    }

    /// What lies in a directory. `None` if it cannot be read now.
    fn read(&mut self, home: Home) -> Option<Found> {
        let left_alone =
            self.store.state().left_alone.iter().find(|left| left.path == home.path()).map(|left| left.since);
        let since = left_alone.unwrap_or_else(Instant::now);
        let (mut segments, mut damaged, mut resource) = (Vec::new(), 0, None);
        let mut cursors: Vec<(PathBuf, Ranges)> = Vec::new();
        for entry in fs::read_dir(home.path()).ok()? {
            let path = entry.ok()?.path();
            match path.extension().and_then(OsStr::to_str) {
                Some("segment") => match read_segment(&path, since)? {
                    Ok(read) => {
                        damaged += read.damaged;
                        resource = resource.or(read.resource);
                        segments.push(read.segment);
                    }
                    Err(records) => damaged += records,
                },
                Some("cursor") => {
                    let bytes = files::read(&path, MOST_SEGMENT_BYTES).ok()?;
                    cursors.push((path, cursor::read(&bytes).unwrap_or_default()));
                }
                _ => {}
            }
        }
        segments.sort_by_key(|segment| segment.spans.start);
        segments.retain(|segment| !segment.spans.is_empty());
        let marks = self.store.cursors.iter().map(|name| {
            let at = cursors.iter().position(|(path, _)| path.file_name() == Some(OsStr::new(name)))?;
            let (_, done) = cursors.swap_remove(at);
            Some(Mark::of(done))
        });
        let marks = marks.collect();
        let id = self.next_id;
        self.next_id += 1;
        let shelf = Shelf {
            id,
            home: Some(Arc::new(home)),
            // OpenTelemetry's name for it [resource semantic conventions, service.name].
            resource: Arc::new(resource.unwrap_or_else(|| Resource::new("unknown_service"))),
            segments: VecDeque::from(segments),
            marks,
            strangers: cursors.into_iter().map(|(_, done)| done).collect(),
        };
        Some(Found { shelf, damaged })
    }
}

struct ReadSegment {
    segment: Segment,
    resource: Option<Resource>,
    damaged: u64,
}

/// A file that has been known since then. The error is the count of damaged records of a file of which nothing
/// can be told. `None` if it cannot be read now.
fn read_segment(path: &Path, since: Instant) -> Option<Result<ReadSegment, u64>> {
    let bytes = files::read(path, MOST_SEGMENT_BYTES).ok()?;
    let Some(header) = Header::read(&bytes) else {
        let _looked_at_again = fs::remove_file(path);
        // One that had only been begun holds nothing.
        return Some(Err(u64::from(bytes.len() >= HEADER)));
    };
    let contents = survey(header, &bytes);
    let created = UNIX_EPOCH.checked_add(Duration::from_nanos(header.created));
    let age = created.and_then(|created| SystemTime::now().duration_since(created).ok());
    let segment = Segment {
        path: path.to_owned(),
        header,
        spans: contents.spans,
        bytes: contents.length as u64,
        age_then: age.unwrap_or_default().saturating_sub(since.elapsed()),
        since,
    };
    let (resource, damaged) = (contents.resource, contents.damaged_at_end);
    Some(Ok(ReadSegment { segment, resource, damaged }))
}
