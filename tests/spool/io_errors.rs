//! Calls into the system that fail: EIO for every kind of call that the spool makes, some others, half-written records, and
//! the same at the worst moments. A child does it to itself, below whose libc the errors come from.
//!
//! Each time: what no disk has taken is in memory within its bound, counted, or dropped and counted; the disk is
//! used again within 30 s; what is delivered is so once; and the books balance whenever they are read.

use super::support::{
    Backend, LONG, Scratch, Seen, Shim, as_child, assert_balanced, books, builder, end_numbered, eventually,
    good, run,
};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use throughline::{
    Diagnostic, Tracer,
    export::{DropReason, Fsync, Spool},
};

/// Within which a disk is used again.
const BACK: Duration = Duration::from_secs(30);

fn injected(test: &str) {
    let scratch = Scratch::new();
    if let Some((_shim, child)) = Shim::child(&format!("io_errors::{test}"), scratch.path()) {
        run(child);
    }
}

/// Ends one span after the other until one is on disk; how many there are then.
fn end_until_spooled(tracer: &Tracer, mut next: i64) -> i64 {
    let started = Instant::now();
    loop {
        let unspooled = books(tracer).unspooled;
        end_numbered(tracer, next..next + 1);
        next += 1;
        eventually("it has been written, or could not be", || {
            let stats = tracer.stats();
            let books = &stats.exporters[0];
            stats.buffered == 0 && books.spooled + books.unspooled + books.exported >= next as u64
        });
        if books(tracer).unspooled == unspooled {
            println!("the disk is used again after {:?}", started.elapsed());
            return next;
        }
        assert!(started.elapsed() < BACK, "the disk is not used again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn writes_that_fail_leave_spans_in_memory() {
    injected("child_whose_writes_fail");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_writes_fail() {
    const MEMORY: u64 = 1_000;
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    // The second is a write that gets half its way: what follows must not hang on to the torn record.
    for (round, fault) in ["write", "short"].into_iter().enumerate() {
        let backend = Backend::down();
        let directory = path.join("spool").join(round.to_string());
        let builder = builder().max_queued(MEMORY as usize, usize::MAX);
        let tracer = builder.exporter(Spool::new(&directory).wrap(backend.exporter())).build().unwrap();
        end_numbered(&tracer, 0..100);
        eventually("all is on disk", || books(&tracer).spooled == 100);
        shim.begin(fault);
        end_numbered(&tracer, 100..2_000);
        eventually("none of them is on disk", || books(&tracer).unspooled == 1_900);
        let before = books(&tracer);
        assert_eq!((before.spooled, before.exported), (100, 0));
        assert!(before.pending <= MEMORY, "{before:#?}");
        assert_eq!(before.dropped.get(DropReason::QueueFull), 1_900 - before.pending);
        assert_eq!(before.dropped.total(), 1_900 - before.pending);
        assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
        assert!(!tracer.flush(Duration::from_millis(50)).is_lossless());
        shim.end(fault);
        let next = end_until_spooled(&tracer, 2_000);
        backend.come_back();
        let report = tracer.shutdown(LONG);
        assert_balanced(&report.stats);
        let books = &report.stats.exporters[0];
        assert_eq!((books.pending, books.spooled), (0, 0), "{report:#?}");
        assert_eq!(books.exported + books.dropped.total(), next as u64);
        let counts = backend.seen.counts();
        assert_eq!(counts.len() as u64, books.exported);
        assert!(counts.values().all(|count| *count == 1));
        assert!((0..100).all(|number| counts.contains_key(&number)), "what was on disk is delivered");
    }
}

#[test]
fn a_write_that_got_half_its_way_costs_the_next_process_nothing() {
    injected("child_that_leaves_a_torn_record");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_leaves_a_torn_record() {
    let Some(path) = as_child() else { return };
    let (shim, backend) = (Shim::of(&path), Backend::down());
    let tracer = at(&path, &backend);
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    shim.begin("short");
    end_numbered(&tracer, 100..101);
    eventually("it is not on disk", || books(&tracer).unspooled == 1);
    shim.end("short");
    let next = end_until_spooled(&tracer, 101);
    let report = tracer.shutdown(Duration::from_millis(300));
    let left = report.stats.spooled();
    assert_eq!(left + report.stats.exporters[0].dropped.get(DropReason::ShutdownDeadline), next as u64);
    drop(tracer);
    backend.come_back();
    let tracer = at(&path, &backend);
    // By the one before, if it had a batch in hand.
    eventually("what was on disk is delivered", || backend.seen.numbers().len() as u64 == left);
    assert_eq!(books(&tracer).recovered.dropped.total(), 0);
    assert!(tracer.shutdown(LONG).is_complete());
    assert!(backend.seen.counts().values().all(|count| *count == 1));
}

fn at(path: &Path, backend: &Backend) -> Tracer {
    builder().exporter(Spool::new(path.join("spool")).wrap(backend.exporter())).build().unwrap()
}

#[test]
fn no_call_that_fails_keeps_anything_from_starting() {
    injected("child_that_starts_with_a_failing_disk");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_starts_with_a_failing_disk() {
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    let faults =
        [("open", libc::EIO), ("open", libc::EMFILE), ("write", libc::ENOSPC), ("rename", libc::EROFS)];
    for (round, (fault, error)) in faults.into_iter().enumerate() {
        let seen = Seen::default();
        shim.begin_with(fault, error);
        let spool = Spool::new(path.join("spool").join(round.to_string()));
        let tracer = builder().exporter(spool.wrap(good(&seen))).build().unwrap();
        end_numbered(&tracer, 0..100);
        assert!(tracer.flush(LONG).is_complete(), "delivered all the same");
        assert_eq!(books(&tracer).unspooled, 100);
        assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
        shim.end(fault);
        let next = end_until_spooled(&tracer, 100);
        assert!(tracer.shutdown(LONG).is_complete());
        seen.assert_once(0..next);
    }
}

/// Of a disk that takes writes and does not keep them, nothing is said to be safe that had to be made to last.
#[test]
fn a_sync_that_fails_is_noticed() {
    injected("child_whose_syncs_fail");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_syncs_fail() {
    let Some(path) = as_child() else { return };
    let shim = Shim::of(&path);
    let (seen, backend) = (Seen::default(), Backend::down());

    let spool = Spool::new(path.join("spool/every")).fsync(Fsync::EveryBatch);
    let tracer = builder().exporter(spool.wrap(backend.exporter())).build().unwrap();
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    shim.begin("fsync");
    end_numbered(&tracer, 100..200);
    eventually("none of these is", || books(&tracer).unspooled == 100);
    assert_eq!((books(&tracer).spooled, books(&tracer).pending), (100, 100));
    shim.end("fsync");
    let next = end_until_spooled(&tracer, 200);
    backend.come_back();
    assert!(tracer.shutdown(LONG).is_complete());
    backend.seen.assert_once(0..next);

    // Between two syncs a power failure may take what there is: only that it is not safe has to be said.
    let spool = Spool::new(path.join("spool/interval")).fsync(Fsync::Interval(Duration::from_millis(10)));
    shim.begin("fsync");
    let tracer = builder().exporter(spool.wrap(good(&seen))).build().unwrap();
    end_numbered(&tracer, 0..100);
    eventually("it is said", || tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
    shim.end("fsync");
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..100);
}

#[test]
fn cursors_and_files_that_cannot_be_changed_hold_no_delivery_up() {
    injected("child_whose_names_cannot_be_changed");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_names_cannot_be_changed() {
    let Some(path) = as_child() else { return };
    let (shim, backend) = (Shim::of(&path), Backend::down());
    let tracer = at(&path, &backend);
    end_numbered(&tracer, 0..1_000);
    eventually("all is on disk", || books(&tracer).spooled == 1_000);
    ["rename", "unlink", "rmdir"].into_iter().for_each(|fault| shim.begin(fault));
    backend.come_back();
    eventually("all is delivered", || books(&tracer).exported == 1_000);
    assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0, "a crash would deliver these again");
    ["rename", "unlink", "rmdir"].into_iter().for_each(|fault| shim.end(fault));
    end_numbered(&tracer, 1_000..1_100);
    assert!(tracer.flush(LONG).is_complete());
    assert!(tracer.shutdown(LONG).is_complete());
    backend.seen.assert_once(0..1_100);
}

/// What has become readable just now is delivered within the time that is promised.
#[track_caller]
fn assert_read_again(is_delivered: impl FnMut() -> bool) {
    let back = Instant::now();
    eventually("all is delivered", is_delivered);
    println!("read again after {:?}", back.elapsed());
    assert!(back.elapsed() < BACK);
}

#[test]
fn what_cannot_be_read_now_is_read_later() {
    injected("child_whose_reads_fail");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_reads_fail() {
    let Some(path) = as_child() else { return };
    let (shim, backend) = (Shim::of(&path), Backend::down());
    // Little is in memory, so that most has to be read back.
    let builder = builder().max_queued(64, 1 << 20).max_batch_spans(16);
    let tracer = builder.exporter(Spool::new(path.join("spool")).wrap(backend.exporter())).build().unwrap();
    for part in 1..=20 {
        end_numbered(&tracer, part * 50 - 50..part * 50);
        eventually("all is on disk", || books(&tracer).spooled == part as u64 * 50);
    }
    shim.begin("read");
    backend.come_back();
    eventually("what is in memory is delivered", || books(&tracer).exported > 0);
    std::thread::sleep(Duration::from_millis(200));
    let books_then = books(&tracer);
    // What was in memory, and what had been read back before for an attempt.
    assert!(books_then.exported < 500 && books_then.dropped.total() == 0, "{books_then:#?}");
    shim.end("read");
    assert_read_again(|| books(&tracer).exported == 1_000);
    assert!(tracer.shutdown(LONG).is_complete());
    backend.seen.assert_once(0..1_000);
}

#[test]
#[ignore = "takes ten seconds"]
fn what_an_earlier_process_left_and_cannot_be_read_now_is_read_later() {
    injected("child_that_cannot_read_what_was_left");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_cannot_read_what_was_left() {
    let Some(path) = as_child() else { return };
    let (shim, backend) = (Shim::of(&path), Backend::down());
    let tracer = at(&path, &backend);
    end_numbered(&tracer, 0..100);
    assert_eq!(tracer.shutdown(Duration::from_millis(300)).stats.spooled(), 100);
    drop(tracer);
    backend.come_back();
    shim.begin("read");
    let tracer = at(&path, &backend);
    std::thread::sleep(Duration::from_millis(300));
    shim.end("read");
    assert_read_again(|| books(&tracer).recovered.exported == 100);
    assert!(tracer.shutdown(LONG).is_complete());
    backend.seen.assert_once(0..100);
}

/// A disk that hangs, as a server of files does that is away: what is to be written goes past it within about a second,
/// what is asked for comes to its end, and when the disk is back nothing comes twice.
#[test]
fn a_disk_that_hangs_holds_back_no_span() {
    injected("child_whose_disk_hangs");
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_disk_hangs() {
    let Some(path) = as_child() else { return };
    let (shim, seen) = (Shim::of(&path), Seen::default());
    let tracer = builder().exporter(Spool::new(path.join("spool")).wrap(good(&seen))).build().unwrap();
    end_numbered(&tracer, 0..100);
    assert!(tracer.flush(LONG).is_complete());
    shim.begin("stall");
    end_numbered(&tracer, 100..200);
    eventually("they have been given to the disk", || tracer.stats().buffered == 0);
    std::thread::sleep(Duration::from_millis(20));
    end_numbered(&tracer, 200..300);
    let asked = Instant::now();
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    // While it goes on, nothing waits for it any more.
    for round in 3..10 {
        end_numbered(&tracer, round * 100..round * 100 + 100);
        let asked = Instant::now();
        assert!(tracer.flush(LONG).is_complete());
        assert!(asked.elapsed() < Duration::from_millis(900), "{:?}", asked.elapsed());
    }
    assert_eq!(books(&tracer).unspooled, 900);
    assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
    shim.end("stall");
    let next = end_until_spooled(&tracer, 1_000);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..next);
    drop(tracer);
    // What was written after all has been delivered, and is known to be.
    let again = Seen::default();
    let tracer = builder().exporter(Spool::new(path.join("spool")).wrap(good(&again))).build().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(again.numbers(), [0; 0]);
}

/// The same at the end: a shutdown delivers what the disk does not take.
#[test]
fn a_disk_that_hangs_holds_up_no_shutdown() {
    injected("child_that_ends_while_its_disk_hangs");
}

#[test]
#[ignore = "a part of another test"]
fn child_that_ends_while_its_disk_hangs() {
    let Some(path) = as_child() else { return };
    let (shim, seen) = (Shim::of(&path), Seen::default());
    let tracer = builder().exporter(Spool::new(path.join("spool")).wrap(good(&seen))).build().unwrap();
    end_numbered(&tracer, 0..100);
    assert!(tracer.flush(LONG).is_complete());
    shim.begin("stall");
    end_numbered(&tracer, 100..200);
    let asked = Instant::now();
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    seen.assert_once(0..200);
    shim.end("stall");
}
