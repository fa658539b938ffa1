//! The thread that writes spans to disk (floor 3): one `write` for what came in some milliseconds, a new file
//! when one is full. Where the disk does not take them, the spans go on in memory only, and the disk is
//! asked again a little later.

use super::{
    arrivals::Errand, cursor, files, home::Home, line::Held, segment::Header, settings::Fsync,
    shelf::Segment, store::Store,
};
use crate::{clock::after, diagnostics::Diagnostic, ids::ThreadRng};
use std::{
    fs::{self, File},
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long a disk that failed is left alone: doubling from the one to the other.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(15);

pub(super) struct Writer {
    store: Arc<Store>,
    current: Option<Current>,
    buffer: Vec<u8>,
    /// The disk failed: not again before that, and how long that was.
    failed: Option<(Instant, Duration)>,
}

/// The file that is written to.
struct Current {
    file: Arc<File>,
    segment: Segment,
}

impl Writer {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, current: None, buffer: Vec::new(), failed: None }
    }

    /// Runs until the shutdown.
    pub(super) fn run(mut self) {
        // There is something to be adopted, and a lock to be held, before the first span.
        // If that fails, it is tried again with the first span.
        drop(self.settle_in());
        let mut last_write = None;
        while let Errand::Write(spans) = self.store.next_errand(last_write) {
            let segment = self.try_write(&spans);
            if segment.is_some() {
                last_write = Some(Instant::now());
            }
            self.store.commit(spans, segment);
        }
        self.store.leave(None);
        if !matches!(self.store.settings.fsync, Fsync::Never) {
            self.store.sync();
        }
    }

    /// Writes, unless the disk has failed a moment ago.
    fn try_write(&mut self, spans: &[Held]) -> Option<Segment> {
        if self.failed.is_some_and(|(again, _)| Instant::now() < again) {
            return None;
        }
        match self.write(spans) {
            Ok(segment) => {
                self.failed = None;
                Some(segment)
            }
            Err(_reason) => {
                self.give_up_current();
                let pause = self.failed.map_or(FIRST_PAUSE, |(_, pause)| LAST_PAUSE.min(pause * 2));
                self.failed = Some((after(Instant::now(), pause), pause));
                self.store.diagnostics.note(Diagnostic::SpoolUnavailable);
                None
            }
        }
    }

    fn write(&mut self, spans: &[Held]) -> io::Result<Segment> {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let numbers = first.spans.start..last.spans.end;
        let follows = |current: &Current| current.segment.spans.end == numbers.start;
        let mut current = match self.current.take().filter(follows) {
            Some(current) => current,
            None => self.begin_segment(numbers.start)?,
        };
        self.encode(&current.segment.header, spans);
        let is_full = current.segment.bytes + self.buffer.len() as u64 > self.store.settings.segment_bytes();
        if is_full && !current.segment.spans.is_empty() {
            current = self.begin_segment(numbers.start)?;
            self.encode(&current.segment.header, spans);
        }
        // To be given up by whoever sees the error.
        let current = self.current.insert(current);
        (&*current.file).write_all(&self.buffer)?;
        match self.store.settings.fsync {
            Fsync::Never => {}
            Fsync::Interval(_) => {
                let directory = current.segment.path.parent().unwrap_or(&current.segment.path);
                self.store.unsynced.add_file(&current.file);
                self.store.unsynced.add_path(directory);
            }
            Fsync::EveryBatch => current.file.sync_data()?,
        }
        current.segment.bytes += self.buffer.len() as u64;
        current.segment.spans.end = numbers.end;
        Ok(current.segment.clone())
    }

    fn encode(&mut self, header: &Header, spans: &[Held]) {
        /// More than this is not kept for the next time.
        const KEPT_BYTES: usize = 256 << 10;
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        for held in spans {
            for (number, span) in held.spans.clone().zip(held.chunk.spans()) {
                header.write_span(number, span, &mut self.buffer);
            }
        }
    }

    /// A new file; in a new directory, if somebody has taken the old one away.
    fn begin_segment(&self, first: u64) -> io::Result<Current> {
        let begun = self.begin_segment_in(&*self.settle_in()?, first);
        if !begun.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return begun;
        }
        self.store.state().own.home = None;
        self.begin_segment_in(&*self.settle_in()?, first)
    }

    /// A new file, with its header and the resource in it.
    fn begin_segment_in(&self, home: &Home, first: u64) -> io::Result<Current> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let created = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let header = Header { first, created, salt: ThreadRng::new().u64() as u32 };
        let mut head = Vec::new();
        header.write(&mut head);
        let resource = self.store.state().own.resource.clone();
        header.write_resource(&resource, &mut head);
        let path = home.path().join(format!("{first:016x}.segment"));
        let file = files::create(&path)?;
        let written = (&file).write_all(&head).and_then(|()| match self.store.settings.fsync {
            Fsync::EveryBatch => files::sync(home.path()),
            Fsync::Never | Fsync::Interval(_) => Ok(()),
        });
        if let Err(error) = written {
            let _what_stays_is_empty = fs::remove_file(&path);
            return Err(error);
        }
        let segment = Segment {
            path,
            header,
            spans: first..first,
            bytes: head.len() as u64,
            age_then: Duration::ZERO,
            since: Instant::now(),
            unread: None,
        };
        Ok(Current { file: Arc::new(file), segment })
    }

    /// The process's directory, made if there is none yet, with a cursor for each exporter.
    fn settle_in(&self) -> io::Result<Arc<Home>> {
        if let Some(home) = &self.store.state().own.home {
            return Ok(home.clone());
        }
        let root = &self.store.settings.directory;
        let changed = files::changed_by_creating(root);
        let home = Home::create(root)?;
        for (line, name) in self.store.cursors.iter().enumerate() {
            let done = self.store.state().own.mark(line).map(|mark| mark.done.clone()).unwrap_or_default();
            let written = home.replace(name, &cursor::write(&done), false);
            written.inspect_err(|_| home.undo(&self.store.cursors))?;
        }
        // That the directory is there has to last, too.
        match self.store.settings.fsync {
            Fsync::Never => {}
            Fsync::Interval(_) => changed.iter().for_each(|path| self.store.unsynced.add_path(path)),
            Fsync::EveryBatch => {
                let synced = changed.iter().try_for_each(|path| files::sync(path));
                synced.inspect_err(|_| home.undo(&self.store.cursors))?;
            }
        }
        let home = Arc::new(home);
        self.store.state().own.home = Some(home.clone());
        Ok(home)
    }

    /// A write may have got half its way: what comes next is to follow what is whole.
    fn give_up_current(&mut self) {
        if let Some(Current { file, segment }) = self.current.take() {
            // If that fails, too, the rest is a torn tail, which is never read.
            let _torn = file.set_len(segment.bytes);
            if segment.spans.is_empty() {
                let _what_stays_is_empty = fs::remove_file(&segment.path);
            }
        }
    }
}
