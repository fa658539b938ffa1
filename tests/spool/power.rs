//! Power failures: of what a process has done to its files, only what it has synced is sure to be there.
//!
//! A child writes as it always does, and is logged, call by call. From the log the directory is built as it may be
//! found after a failure at any point: with nothing but what was synced, or with whatever the disk had written by
//! itself. A new process recovers from each. What has not been synced is what ended within the interval before.

use super::support::{LONG, Scratch, Script, Seen, Shim, as_child, books, builder, eventually, number, run};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use throughline::{
    Batch,
    export::{ExportError, Fsync, Spool},
};

const INTERVAL: Duration = Duration::from_millis(150);

// What was logged.

struct Call {
    nanos: u128,
    what: What,
}

enum What {
    Create(PathBuf),
    MakeDirectory(PathBuf),
    Write(PathBuf, Vec<u8>),
    Cut(PathBuf, usize),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

fn read_log(mut log: &[u8]) -> Vec<Call> {
    let mut calls = Vec::new();
    while let Some(end) = log.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&log[..end]).unwrap();
        log = &log[end + 1..];
        let [nanos, call, path, more] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let path = PathBuf::from(path);
        let what = match call {
            "create" => What::Create(path),
            "mkdir" => What::MakeDirectory(path),
            "write" => {
                let (bytes, rest) = log.split_at(more.parse().unwrap());
                log = rest;
                What::Write(path, bytes.to_vec())
            }
            "cut" => What::Cut(path, more.parse().unwrap()),
            "fsync" => What::Sync(path),
            "rename" => What::Rename(path, more.into()),
            "unlink" | "rmdir" => What::Remove(path),
            _ => panic!("{line}"),
        };
        calls.push(Call { nanos: nanos.parse().unwrap(), what });
    }
    calls
}

// What a disk makes of it.

/// Files and directories by number; names are in directories, and content in files.
struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
}

#[derive(Clone, Default)]
struct Node {
    /// As the process sees it, and as it is after a failure.
    now: Content,
    synced: Content,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    names: BTreeMap<String, usize>,
    is_directory: bool,
}

/// What is found of what had not been synced.
#[derive(Clone, Copy, Debug)]
enum Unsynced {
    Nothing,
    /// Names are there, and their files are empty, or as long as they had been synced.
    Names,
    /// Of each file half of the rest.
    Half,
    Everything,
}

impl Disk {
    /// One on which the directory above the spool is.
    fn new(root: &Path) -> Self {
        let directory = Content { is_directory: true, ..Content::default() };
        Self { root: root.to_owned(), nodes: vec![Node { now: directory.clone(), synced: directory }] }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut names = path.strip_prefix(&self.root).unwrap().iter();
        names.try_fold(0, |at, name| self.nodes[at].now.names.get(name.to_str().unwrap()).copied())
    }

    fn parent(&mut self, path: &Path) -> &mut BTreeMap<String, usize> {
        let parent = self.find(path.parent().unwrap()).unwrap();
        &mut self.nodes[parent].now.names
    }

    fn name(path: &Path) -> String {
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn add(&mut self, path: &Path, is_directory: bool) {
        let number = self.nodes.len();
        let content = Content { is_directory, ..Content::default() };
        self.nodes.push(Node { now: content.clone(), synced: content });
        self.parent(path).insert(Self::name(path), number);
    }

    fn take(&mut self, what: &What) {
        match what {
            What::Create(path) => match self.find(path) {
                Some(known) => self.nodes[known].now.bytes.clear(),
                None => self.add(path, false),
            },
            What::MakeDirectory(path) => self.add(path, true),
            What::Write(path, bytes) => {
                let file = self.find(path).unwrap();
                self.nodes[file].now.bytes.extend(bytes);
            }
            What::Cut(path, length) => {
                let file = self.find(path).unwrap();
                self.nodes[file].now.bytes.truncate(*length);
            }
            What::Sync(path) => {
                let node = self.find(path).unwrap();
                self.nodes[node].synced = self.nodes[node].now.clone();
            }
            What::Rename(from, to) => {
                let node = self.find(from).unwrap();
                self.parent(from).remove(&Self::name(from));
                self.parent(to).insert(Self::name(to), node);
            }
            What::Remove(path) => {
                self.parent(path).remove(&Self::name(path));
            }
        }
    }

    /// Writes what is found after a failure.
    fn lay_down(&self, at: usize, unsynced: Unsynced, to: &Path) {
        let Node { now, synced } = &self.nodes[at];
        if now.is_directory {
            fs::create_dir_all(to).unwrap();
            let names = if matches!(unsynced, Unsynced::Nothing) { &synced.names } else { &now.names };
            names.iter().for_each(|(name, node)| self.lay_down(*node, unsynced, &to.join(name)));
            return;
        }
        let bytes = match unsynced {
            Unsynced::Nothing | Unsynced::Names => synced.bytes.clone(),
            Unsynced::Everything => now.bytes.clone(),
            Unsynced::Half => {
                let rest = now.bytes.get(synced.bytes.len()..).unwrap_or_default();
                [&synced.bytes[..], &rest[..rest.len() / 2]].concat()
            }
        };
        fs::write(to, bytes).unwrap();
    }
}

// The spans in it.

fn text(number: i64) -> String {
    format!("span-{number:08};")
}

/// What a new process finds, every span of it checked.
fn recover(found: &Scratch) -> HashSet<i64> {
    let seen = Seen::default();
    let taken = seen.clone();
    let exporter = Script(move |batch: &Batch| {
        for span in batch.spans() {
            assert_eq!(span.attribute("text").unwrap().as_str(), Some(&*text(number(span))), "corrupt");
        }
        taken.take(batch);
        Ok(())
    });
    let left = found.homes();
    let tracer = builder().exporter(Spool::new(found.spool()).wrap(exporter)).build().unwrap();
    eventually("all is recovered", || left.iter().all(|home| !home.exists()));
    let recovered = books(&tracer).recovered;
    assert_eq!((recovered.dropped.total(), recovered.exported), (0, seen.numbers().len() as u64));
    assert!(tracer.shutdown(LONG).is_complete());
    let counts = seen.counts();
    assert!(counts.values().all(|count| *count == 1), "nothing is recovered twice");
    counts.into_keys().collect()
}

fn unix_nanos() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

/// What the child has done, and told of.
struct Life {
    /// The directory on which all of it was.
    disk: PathBuf,
    calls: Vec<Call>,
    /// Numbers, and when these spans had ended.
    ended: Vec<(i64, u128)>,
    /// The same for their delivery.
    delivered: HashMap<i64, u128>,
}

/// `None` where nothing can be logged.
fn live(fsync: &str) -> Option<Life> {
    let scratch = Scratch::new();
    let (shim, mut child) = Shim::child("power::child_that_is_logged", scratch.path())?;
    let disk = scratch.spool();
    fs::create_dir(&disk).unwrap();
    shim.begin("log");
    let output = child.env("FSYNC", fsync).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let times = |name: &str| {
        let told = fs::read_to_string(scratch.path().join(name)).unwrap();
        let time = |line: &str| {
            let (number, nanos) = line.split_once(' ').unwrap();
            (number.parse::<i64>().unwrap(), nanos.parse::<u128>().unwrap())
        };
        told.lines().map(time).collect::<Vec<_>>()
    };
    let (ended, delivered) = (times("ended"), times("delivered").into_iter().collect());
    Some(Life { calls: read_log(&fs::read(shim.log()).unwrap()), ended, delivered, disk })
}

/// For a second and a half numbered spans, the first of which the backend takes.
#[test]
#[ignore = "a part of another test"]
fn child_that_is_logged() {
    let Some(path) = as_child() else { return };
    let fsync = match std::env::var("FSYNC").unwrap().as_str() {
        "every batch" => Fsync::EveryBatch,
        _ => Fsync::Interval(INTERVAL),
    };
    let mut told = fs::File::create(path.join("delivered")).unwrap();
    let exporter = Script(move |batch: &Batch| {
        if batch.spans().any(|span| number(span) > 200) {
            return Err(ExportError::retry("down").after(INTERVAL));
        }
        let nanos = unix_nanos();
        batch.spans().for_each(|span| writeln!(told, "{} {nanos}", number(span)).unwrap());
        Ok(())
    });
    let builder = builder().max_batch_spans(64).batch_delay(Duration::from_millis(40));
    // Even the directory above it has to be made to last.
    let spool = Spool::new(path.join("spool/spool")).fsync(fsync);
    let tracer = builder.exporter(spool.wrap(exporter)).build().unwrap();
    let mut ended = fs::File::create(path.join("ended")).unwrap();
    for number in 0..700 {
        tracer.span("order").set_attribute("number", number).set_attribute("text", text(number));
        writeln!(ended, "{number} {}", unix_nanos()).unwrap();
        if number % 5 == 0 {
            thread::sleep(Duration::from_millis(10));
        }
    }
    // No shutdown: it would sync.
    std::process::exit(0);
}

/// The failures of one life, after calls of all kinds; the age of the oldest span that any of them cost.
fn fail_everywhere(life: &Life) -> Duration {
    let mut disk = Disk::new(&life.disk);
    let mut oldest_lost = Duration::ZERO;
    let step = (life.calls.len() / 12).max(1);
    for (at, call) in life.calls.iter().enumerate() {
        disk.take(&call.what);
        let is_first = at < 9;
        if !is_first && at % step != 0 && at + 1 != life.calls.len() {
            continue;
        }
        for unsynced in [Unsynced::Nothing, Unsynced::Names, Unsynced::Half, Unsynced::Everything] {
            let found = Scratch::new();
            disk.lay_down(0, unsynced, found.path());
            let recovered = recover(&found);
            let had_been_delivered =
                |number: &i64| life.delivered.get(number).is_some_and(|then| *then <= call.nanos);
            let lost = life.ended.iter().filter(|(number, then)| {
                *then <= call.nanos && !recovered.contains(number) && !had_been_delivered(number)
            });
            let age = lost.map(|(_, then)| call.nanos - then).max().unwrap_or_default();
            let age = Duration::from_nanos(age as u64);
            oldest_lost = oldest_lost.max(age);
        }
    }
    oldest_lost
}

/// The age of the oldest span that any failure cost. One busy moment of the machine ages what it keeps from being
/// written; a promise that is not kept is broken every time.
fn oldest_lost(fsync: &str, allowed: Duration) -> Option<Duration> {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        least = least.min(fail_everywhere(&live(fsync)?));
        if least <= allowed {
            break;
        }
    }
    assert!(least <= allowed, "a span was lost that had ended {least:?} before");
    println!("synced at {fsync}: the oldest span lost was {least:?} old");
    Some(least)
}

/// What a span may wait for its write, and a write for the disk.
const MARGIN: Duration = Duration::from_millis(250);

#[test]
fn a_power_failure_costs_the_interval_at_most() {
    if let Some(age) = oldest_lost("an interval", INTERVAL + MARGIN) {
        assert!(age > Duration::ZERO, "a disk that loses nothing is none that fails");
    }
}

#[test]
fn with_a_sync_after_every_write_a_power_failure_costs_what_was_not_written() {
    oldest_lost("every batch", MARGIN);
}

/// What is left at the end is synced before the shutdown returns, as the process may be gone at once; and with it what
/// says how far the deliveries have come.
#[test]
fn a_shutdown_waits_for_the_last_sync() {
    let scratch = Scratch::new();
    let Some((shim, child)) = Shim::child("power::child_that_ends_at_once", scratch.path()) else { return };
    fs::create_dir(scratch.spool()).unwrap();
    shim.begin("log");
    shim.begin_with("slow-fsync", 150);
    run(child);
    let mut disk = Disk::new(&scratch.spool());
    read_log(&fs::read(shim.log()).unwrap()).iter().for_each(|call| disk.take(&call.what));
    let found = Scratch::new();
    disk.lay_down(0, Unsynced::Nothing, found.path());
    let recovered = recover(&found);
    assert_eq!(recovered, (100..150).collect(), "all that is left, and nothing else");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_ends_at_once() {
    let Some(path) = as_child() else { return };
    let exporter = Script(move |batch: &Batch| match batch.spans().any(|span| number(span) >= 100) {
        true => Err(ExportError::retry("down").after(LONG)),
        false => Ok(()),
    });
    let spool = Spool::new(path.join("spool/spool")).fsync(Fsync::Interval(LONG * 10));
    let tracer = builder().exporter(spool.wrap(exporter)).build().unwrap();
    let end = |numbers: std::ops::Range<i64>| {
        for number in numbers {
            tracer.span("order").set_attribute("number", number).set_attribute("text", text(number));
        }
    };
    end(0..100);
    assert!(tracer.flush(LONG).is_complete());
    end(100..150);
    let report = tracer.shutdown(Duration::from_secs(5));
    assert_eq!((report.stats.exported(), report.stats.spooled()), (100, 50), "{report:#?}");
    println!("1 passed");
    std::process::exit(0);
}
