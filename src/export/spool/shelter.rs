//! The spool as its user sees it (floor 3), and its threads.

use super::{
    courier::Courier,
    keeper::Keeper,
    reader::Reader,
    settings::{Fsync, Settings},
    store::Store,
    writer::Writer,
};
use crate::export::{
    Delivery,
    inlet::{Destination, Inlet, Shelter, Task, Terms},
};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// A directory in which finished spans wait for their exporters, and survive the process.
///
/// ```no_run
/// use std::time::Duration;
/// use throughline::{Tracer, exporters::JsonLines, export::Spool};
///
/// let spool = Spool::new("/var/spool/orders");
/// let exporter = JsonLines::stdout();
/// let tracer = Tracer::builder("orders").exporter(spool.wrap(exporter)).build()?;
/// // …
/// let report = tracer.shutdown(Duration::from_secs(5));
/// if !report.is_lossless() {
///     eprintln!("spans were lost: {report}");
/// }
/// # Ok::<(), throughline::BuildError>(())
/// ```
///
/// **What it promises.** A span is on disk within 50 ms of its end, so that a killed process loses none that
/// is older; a power failure loses what [`Fsync`] leaves open. The next process that uses the directory
/// delivers what is there, to exporters of the same name, with the resource of the process that recorded it.
/// Delivery is at least once: after a crash, up to one batch for each exporter comes a second time; after a power
/// failure, it may be all that is still on disk.
///
/// **What it changes for an exporter.** An error that asks for a retry never gives a batch up: it waits, and
/// so does everything behind it, for the delay that the backend named or that the
/// [`RetryPolicy`](crate::export::RetryPolicy) draws. A batch that fails [`max_attempts`](crate::export::RetryPolicy::max_attempts)
/// times while others succeed, or over which the exporter panics as often, is set aside and counted. What
/// ends while the process runs comes first, then what has waited, then what earlier processes left.
///
/// **Where the disk fails** (full, read-only, broken, out of file handles), spans are kept in memory as without a
/// spool, within the bounds of [`max_queued`](crate::TracerBuilder::max_queued), and counted in
/// [`ExporterStats::unspooled`](crate::export::ExporterStats::unspooled). The disk is tried again after at most
/// 15 s. The same holds for a directory that cannot be made: it is no reason for a service not to start.
///
/// **What is in it.** Spans, after redaction, not encrypted. Directories that are made have mode 0700, files
/// 0600. It has to be a local file system with locks; several processes may share one directory. A child
/// that is forked off and lives on after its parent keeps the parent's lock, and so what the parent left
/// waits for the child's end.
///
/// Clones are the same spool: exporters that share it share its files.
#[derive(Clone)]
pub struct Spool(Arc<Settings>);

impl Spool {
    /// A spool in this directory, which is made when a tracer that uses it is built. Touches no file.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Settings {
            directory: directory.into(),
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(24 * 60 * 60),
            fsync: Fsync::Interval(Duration::from_secs(1)),
        }))
    }

    /// The most bytes on disk, of this process and what it took over from earlier ones. Beyond that the
    /// oldest file of 4 MiB is dropped and its spans are counted. Default 64 MiB.
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        self.with(|settings| settings.max_bytes = bytes)
    }

    /// The longest a file of spans is kept; then it is dropped and its spans are counted. Default 24 h.
    ///
    /// What an earlier process left is as old as the wall clock says, which may have been set since. So that is
    /// kept for an hour at least once it has been found, or for this time, if that is less.
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        self.with(|settings| settings.max_age = age)
    }

    /// When writes are made to survive a power failure. Default: once a second.
    #[must_use]
    pub fn fsync(self, fsync: Fsync) -> Self {
        self.with(|settings| settings.fsync = fsync)
    }

    /// The same settings but for one. Exporters that have been wrapped before keep theirs.
    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = (*self.0).clone();
        change(&mut settings);
        Self(Arc::new(settings))
    }

    /// This exporter, behind the spool. Its [name](crate::export::Exporter::name) is how a later process knows which
    /// spans it has been delivered.
    pub fn wrap(&self, exporter: impl Into<Delivery>) -> Delivery {
        let mut delivery = exporter.into();
        delivery.shelter = Some(self.0.clone());
        delivery
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("directory", &self.0.directory).finish_non_exhaustive()
    }
}

impl Shelter for Settings {
    fn open(&self, destinations: Vec<Destination>, terms: &Terms) -> (Arc<dyn Inlet>, Vec<Task>) {
        let names: Vec<_> =
            destinations.iter().map(|destination| (destination.place, destination.name.clone())).collect();
        let cursors = cursor_names(names.iter().map(|(_, name)| name.as_str()));
        let aborts =
            destinations.iter().filter_map(|destination| destination.sender.abort_handle()).collect();
        let store = Arc::new(Store::new(self.clone(), cursors, names, aborts, terms));
        let (writer, keeper) = (Writer::new(store.clone()), Keeper::new(store.clone()));
        let mut tasks = vec![
            Task { name: "tl-spool", body: Box::new(move || writer.run()) },
            Task { name: "tl-spool-keeper", body: Box::new(move || keeper.run()) },
        ];
        for (line, destination) in destinations.into_iter().enumerate() {
            let courier = Courier {
                store: store.clone(),
                line,
                sender: destination.sender,
                resource: terms.resource.clone(),
                retry: terms.retry.clone(),
                reader: Reader::default(),
                failed: 0,
            };
            tasks.push(Task { name: "tl-exporter", body: Box::new(move || courier.run()) });
        }
        (store, tasks)
    }
}

/// A file name for each exporter: what a file name cannot have is replaced, and of several of one name the
/// later ones are numbered.
fn cursor_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    const MOST_CHARS: usize = 64;
    let mut known: Vec<String> = Vec::new();
    for name in names {
        let safe =
            |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let base: String = name.chars().take(MOST_CHARS).map(safe).collect();
        let numbered = (1..).map(|number: u32| match number {
            1 => format!("{base}.cursor"),
            number => format!("{base}-{number}.cursor"),
        });
        let unused = numbered.into_iter().find(|candidate| !known.contains(candidate));
        known.extend(unused);
    }
    known
}
