//! The thread that looks after the spool (floor 3): makes writes last, takes in what earlier processes left,
//! drops what is too old. It may wait for the disk, which the thread that writes must not.

use super::{
    cursor, files,
    home::{self, Adoption, Home, Owner},
    mark::Mark,
    ranges::Ranges,
    segment::{HEADER, Header, survey},
    settings::Fsync,
    shelf::{Segment, Shelf, is_past},
    store::Store,
};
use crate::{clock::after, diagnostics::Diagnostic, export::DropReason, record::Resource};
use std::{
    collections::VecDeque,
    ffi::OsStr,
    fs, io,
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
    /// It has been looked at before.
    is_known: bool,
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
        let root = self.store.settings.directory.clone();
        let own = self.store.state().own.home.clone();
        let Some(owner) = Owner::ours(own.as_ref().map(|home| home.path()), &root) else {
            return true;
        };
        let there = home::all_below(&root, owner);
        let mut state = self.store.state();
        state.left_alone.retain(|left| there.contains(&left.path));
        let left_alone = state.left_alone.iter().filter(|left| now < left.look_again);
        let known: Vec<PathBuf> = std::iter::once(&state.own)
            .chain(&state.found)
            .filter_map(|shelf| Some(shelf.home.as_ref()?.path().to_owned()))
            .chain(left_alone.map(|left| left.path.clone()))
            .collect();
        drop(state);
        let mut is_alone = true;
        for path in there.into_iter().filter(|path| !known.contains(path)) {
            match Home::adopt(path) {
                Adoption::Adopted(home) => is_alone &= self.take_in(home),
                Adoption::InUse => is_alone = false,
                Adoption::Nothing => {}
            }
        }
        is_alone
    }

    /// False if it could not be read now.
    fn take_in(&mut self, home: Home) -> bool {
        let Some(Found { shelf, damaged, is_known }) = self.read(home) else {
            return false;
        };
        if shelf.unread > 0 {
            self.store.diagnostics.note(Diagnostic::SpoolUnavailable);
        }
        let is_ours = shelf.marks.iter().any(Option::is_some);
        if damaged > 0 && is_ours && !is_known {
            self.store.diagnostics.note(Diagnostic::SpoolDamaged);
            let mut state = self.store.state();
            for (line, _) in state.lines.iter_mut().zip(&shelf.marks).filter(|(_, mark)| mark.is_some()) {
                line.recovered.dropped.add(DropReason::SpoolDamaged, damaged);
            }
        }
        let now = Instant::now();
        let is_done_with = match is_ours {
            true => shelf.is_done_with() && shelf.strangers.is_empty(),
            // What is too old for anybody.
            false => shelf.newest_is_older_than(self.store.settings.max_age, now),
        };
        if shelf.is_empty() || (is_done_with && shelf.unread == 0) {
            shelf.home.iter().for_each(|home| home.remove());
        } else if is_ours && !is_done_with {
            self.store.add_found(shelf);
        } else if let Some(home) = &shelf.home {
            self.store.state().leave_alone(home.path(), shelf.unread > 0, now);
        }
        true
    }

    /// What lies in a directory. `None` if it cannot be read now.
    fn read(&mut self, home: Home) -> Option<Found> {
        let left_alone =
            self.store.state().left_alone.iter().find(|left| left.path == home.path()).map(|left| left.since);
        let since = left_alone.unwrap_or_else(Instant::now);
        let (mut segments, mut damaged, mut unread, mut resource) = (Vec::new(), 0, 0, None);
        let mut cursors: Vec<(PathBuf, Ranges)> = Vec::new();
        for path in home.files().ok()? {
            match path.extension().and_then(OsStr::to_str) {
                Some("segment") => match self.read_segment(&path, since) {
                    Read::Segment(segment, records, whose) => {
                        damaged += records;
                        resource = resource.or(whose);
                        segments.push(segment);
                    }
                    Read::Damaged(records) => damaged += records,
                    Read::NotNow => unread += 1,
                },
                Some("cursor") => cursors.push(read_cursor(path)?),
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
            unread,
        };
        Some(Found { shelf, damaged, is_known: left_alone.is_some() })
    }

    /// A file that has been known for that long.
    fn read_segment(&self, path: &Path, since: Instant) -> Read {
        let Ok(bytes) = files::read(path, MOST_SEGMENT_BYTES) else {
            return self.not_read(path, since);
        };
        let Some(header) = Header::read(&bytes) else {
            let _looked_at_again = fs::remove_file(path);
            // One that had only been begun holds nothing.
            return Read::Damaged(u64::from(bytes.len() >= HEADER));
        };
        let contents = survey(header, &bytes);
        let created = UNIX_EPOCH.checked_add(Duration::from_nanos(header.created));
        let segment = Segment {
            path: path.to_owned(),
            header,
            spans: contents.spans,
            bytes: contents.length as u64,
            age_then: age_of(created).saturating_sub(since.elapsed()),
            since,
            unread: None,
        };
        Read::Segment(segment, contents.damaged_at_end, contents.resource)
    }

    /// One that cannot be read stays until it is too old.
    fn not_read(&self, path: &Path, since: Instant) -> Read {
        let age = age_of(fs::symlink_metadata(path).and_then(|found| found.modified()).ok());
        let is_old = is_past(self.store.settings.max_age, age, since.elapsed());
        if is_old && fs::remove_file(path).is_ok() { Read::Damaged(1) } else { Read::NotNow }
    }
}

enum Read {
    /// With how many damaged records that no number tells of, and whose spans they are.
    Segment(Segment, u64, Option<Resource>),
    /// So many records of a file of which nothing can be told.
    Damaged(u64),
    NotNow,
}

/// A cursor that is damaged, or a link to one, says that nothing has been delivered. `None` if it cannot be read now.
fn read_cursor(path: PathBuf) -> Option<(PathBuf, Ranges)> {
    let done = match files::read(&path, MOST_SEGMENT_BYTES) {
        Ok(bytes) => cursor::read(&bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ranges::default(),
        Err(_) => return None,
    };
    Some((path, done))
}

fn age_of(time: Option<SystemTime>) -> Duration {
    time.and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default()
}
