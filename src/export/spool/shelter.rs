//! The spool as its user sees it (floor 3), and its threads.

use super::{
    courier::Courier,
    home,
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
/// delivers what is there, to deliveries of the same name, with the resource of the process that recorded it.
/// What is for a name that the next process does not have stays on disk until one that has it comes, or it is too old.
/// Processes, and tracers of one process, that send to different places through one directory need different names.
///
/// Delivery is at least once: after a crash, up to one batch for each exporter comes a second time; after a power
/// failure, what was delivered since the last [`Fsync`] does, with [`Fsync::Never`] all that is still on disk. What
/// a disk was busy writing when a shutdown's time was over is counted as lost, and may still be delivered by the next
/// process.
///
/// **What it changes for an exporter.** An error that asks for a retry never gives a batch up: it waits, and
/// so does everything else, for the delay that the backend named or that the
/// [`RetryPolicy`](crate::export::RetryPolicy) draws; then come the batches that have not failed yet, and it has its
/// turn behind them. A batch that fails [`max_attempts`](crate::export::RetryPolicy::max_attempts)
/// times while others are delivered in between, or over which the exporter or the filter panics as often, is set aside
/// and counted. What ends while the process runs comes first, then what has waited, then what earlier processes left.
///
/// **Where the disk fails** (full, read-only, broken, out of file handles), spans are kept in memory as without a
/// spool, within the bounds of [`max_queued`](crate::TracerBuilder::max_queued), and counted in
/// [`ExporterStats::unspooled`](crate::export::ExporterStats::unspooled). The disk is tried again after at most
/// 15 s. The same holds for a directory that cannot be made: it is no reason for a service not to start. A disk that
/// takes more than a second for a write is passed by in the same way. A file that cannot be read holds nothing else
/// up and is tried again, at most a minute apart, until it is too old.
///
/// **What is in it.** Spans, after redaction, not encrypted. Directories that are made have mode 0700, files
/// 0600. The directory should be one that nobody but the service's user may write to: what lies there is read as spans.
/// What is in it that the spool has not made is left alone: links, directories of other users or that others may write
/// to, and files of other names, also where they lie in a directory of the spool's.
/// It has to be a local file system with locks; several processes may share one directory. A child
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
    /// oldest file is dropped and its spans are counted; a file is of 4 MiB, or of a quarter of this, if that is less,
    /// but of 64 KiB at least. It may be exceeded by one write. Default 64 MiB.
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

    /// This exporter, behind the spool. Its name, that of the [exporter](crate::export::Exporter::name) or that of the
    /// [delivery](Delivery::named), is how a later process knows which spans it has been delivered. Two of one name
    /// behind one directory are an error of [`build`](crate::TracerBuilder::build).
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

/// The file in a process's directory that says what a delivery of this name has had.
fn cursor_name(name: &str) -> String {
    format!("{}.cursor", home::exporter_part(name))
}

impl Shelter for Settings {
    fn place_of(&self, name: &str) -> (PathBuf, String) {
        (self.directory.clone(), cursor_name(name))
    }

    fn open(&self, destinations: Vec<Destination>, terms: &Terms) -> (Arc<dyn Inlet>, Vec<Task>) {
        let names: Vec<_> =
            destinations.iter().map(|destination| (destination.place, destination.name.clone())).collect();
        let cursors = names.iter().map(|(_, name)| cursor_name(name)).collect();
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
