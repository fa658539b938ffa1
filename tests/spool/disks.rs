//! Disks that fail: spans are kept in memory, counted, and go to disk again when it is back.

use super::support::{
    Backend, Gate, LONG, Scratch, Script, Seen, as_child, assert_balanced, books, builder, child,
    end_numbered, eventually, good,
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Diagnostic, Tracer,
    export::{DropReason, Exporter, Spool},
};

/// A small file system in memory, unmounted at the end. `None` where that is not permitted.
struct Tmpfs(PathBuf);

impl Tmpfs {
    fn new(scratch: &Scratch, size: &str) -> Option<Self> {
        let path = scratch.path().join("disk");
        fs::create_dir(&path).unwrap();
        let options = format!("size={size},mode=0700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(path)),
            _ => {
                println!("skipped: mounting a tmpfs takes root's rights");
                None
            }
        }
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        let _full = fs::write(&filler, vec![1; 64 << 20]);
        filler
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn tracer(directory: &Path, exporter: impl Exporter + 'static) -> Tracer {
    builder().exporter(Spool::new(directory).wrap(exporter)).build().unwrap()
}

/// Ends spans until some are on disk again.
fn assert_back_in_time(tracer: &Tracer, next: &mut i64) {
    let before = books(tracer).unspooled;
    let started = Instant::now();
    loop {
        let unspooled = books(tracer).unspooled;
        end_numbered(tracer, *next..*next + 1);
        *next += 1;
        eventually("it is written, or is not", || {
            let books = books(tracer);
            let stats = tracer.stats();
            stats.buffered == 0
                && (books.unspooled > unspooled || books.pending < before + unspooled + 1)
                && books.exported + books.pending + books.spooled == *next as u64
        });
        std::thread::sleep(Duration::from_millis(30));
        if books(tracer).unspooled == unspooled {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "the disk is not used again");
    }
    println!("the disk is used again after {:?}", started.elapsed());
}

#[test]
fn a_full_disk_is_survived() {
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let Some(disk) = Tmpfs::new(&scratch, "512k") else { return };
    let tracer = tracer(&disk.0.join("spool"), backend.exporter());
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    let filler = disk.fill();
    end_numbered(&tracer, 100..2_000);
    eventually("it has been noticed", || tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
    eventually("nothing is lost", || {
        let books = books(&tracer);
        books.spooled + books.pending == 2_000 && books.unspooled > 0
    });
    // The books know which are safe.
    let report = tracer.flush(Duration::from_millis(50));
    assert!(!report.is_lossless(), "{report}");
    fs::remove_file(filler).unwrap();
    let mut next = 2_000;
    assert_back_in_time(&tracer, &mut next);
    backend.come_back();
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    backend.seen.assert_once(0..next);
}

/// What is in memory only when the time is over is lost, and said to be.
#[test]
fn a_full_disk_at_the_end_is_a_loss() {
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let Some(disk) = Tmpfs::new(&scratch, "512k") else { return };
    let tracer = tracer(&disk.0.join("spool"), backend.exporter());
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    let _filler = disk.fill();
    end_numbered(&tracer, 100..1_000);
    let report = tracer.shutdown(Duration::from_millis(300));
    assert_balanced(&report.stats);
    assert!(!report.is_lossless() && !report.is_complete(), "{report}");
    let books = &report.stats.exporters[0];
    assert!(books.spooled >= 100 && books.pending == 0);
    assert_eq!(books.spooled + books.dropped.total(), 1_000);
}

/// What is in memory and on disk leaves memory for what has no other place, and is read back later.
#[test]
fn what_is_on_disk_makes_room_for_what_is_not() {
    let (scratch, seen, gate) = (Scratch::new(), Seen::default(), Gate::closed());
    let _gate_opens = gate.opened_at_the_end();
    let Some(disk) = Tmpfs::new(&scratch, "512k") else { return };
    let (taken, passes) = (seen.clone(), gate.clone());
    let exporter = Script(move |batch: &Batch| {
        passes.pass();
        taken.take(batch);
        Ok(())
    });
    let builder = builder().max_queued(500, usize::MAX).max_batch_spans(16).batch_delay(Duration::ZERO);
    let tracer = builder.exporter(Spool::new(disk.0.join("spool")).wrap(exporter)).build().unwrap();
    end_numbered(&tracer, 0..400);
    eventually("all is on disk", || books(&tracer).spooled == 400);
    let _filler = disk.fill();
    end_numbered(&tracer, 400..1_200);
    eventually("what the disk took, and what memory took, is there", || {
        let books = books(&tracer);
        tracer.stats().buffered == 0 && books.unspooled > 0 && books.spooled + books.unspooled == 1_200
    });
    let books = books(&tracer);
    assert!(books.pending >= 300, "{books:#?}");
    assert_eq!(books.dropped.get(DropReason::QueueFull), books.unspooled - books.pending);
    gate.open();
    let report = tracer.shutdown(LONG);
    assert_eq!(report.stats.exported(), books.spooled + books.pending, "{report:#?}");
    assert!(!report.timed_out);
    assert!(seen.counts().values().all(|count| *count == 1));
}

#[test]
fn a_disk_that_becomes_read_only_is_survived() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let Some(disk) = Tmpfs::new(&scratch, "8m") else { return };
    // A file that is open for writing keeps a disk from becoming read-only: from the start, then.
    disk.remount("ro");
    let tracer = tracer(&disk.0.join("spool"), good(&seen));
    end_numbered(&tracer, 0..500);
    assert!(tracer.flush(LONG).is_complete(), "delivered all the same");
    assert_eq!(books(&tracer).unspooled, 500);
    assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
    disk.remount("rw");
    let mut next = 500;
    assert_back_in_time(&tracer, &mut next);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..next);
}

#[test]
fn a_directory_that_is_none_keeps_nothing_from_starting() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let file = scratch.path().join("a file");
    fs::write(&file, "").unwrap();
    let tracer = tracer(&file, good(&seen));
    end_numbered(&tracer, 0..100);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(report.stats.exporters[0].unspooled, 100);
    seen.assert_once(0..100);
}

/// Somebody clears `/var` while the process runs: the rest goes to a new directory.
#[test]
fn a_spool_that_is_taken_away_is_begun_again() {
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let tracer = tracer(&scratch.spool(), backend.exporter());
    end_numbered(&tracer, 0..100);
    eventually("all is on disk", || books(&tracer).spooled == 100);
    fs::remove_dir_all(scratch.spool()).unwrap();
    let text = "x".repeat(16_000);
    let (mut ended, mut next) = (100, Instant::now());
    eventually("there is a new file", || {
        // More than a file takes; and once more where a busy disk was so slow that they went past it.
        if Instant::now() >= next {
            next += Duration::from_secs(2);
            for number in ended..ended + 600 {
                tracer.span("large").set_attribute("number", number).set_attribute("text", &text);
            }
            ended += 600;
        }
        !scratch.files("segment").is_empty()
    });
    backend.come_back();
    let report = tracer.shutdown(LONG);
    assert_balanced(&report.stats);
    let books = &report.stats.exporters[0];
    assert_eq!(books.exported + books.dropped.total(), ended as u64, "{report:#?}");
    assert!(scratch.homes().is_empty());
}

// Limits of the process, which take nobody's rights.

/// Runs a child that a shell has bounded by this.
fn run_bounded(by: &str, test: &str, scratch: &Scratch) {
    let program = child(&format!("disks::{test}"), scratch.path());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{by} && exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        shell.env(name, value.unwrap());
    }
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(scratch.path().join("done").exists(), "{output:?}");
}

/// As on a full disk, a write gets half its way and the next one fails.
#[test]
fn files_that_may_not_grow_are_a_full_disk() {
    // 16 KiB, and no signal.
    run_bounded("trap '' XFSZ && ulimit -f 32", "child_whose_files_may_not_grow", &Scratch::new());
}

#[test]
#[ignore = "a part of another test"]
fn child_whose_files_may_not_grow() {
    let Some(path) = as_child() else { return };
    let error = fs::write(path.join("a file"), vec![0; 1 << 20]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EFBIG), "there is a limit: {error}");
    let backend = Backend::down();
    let tracer = tracer(&path.join("spool"), backend.exporter());
    let mut next = 0;
    eventually("some had no room", || {
        end_numbered(&tracer, next..next + 10);
        next += 10;
        eventually("they are written, or are not", || {
            let books = books(&tracer);
            tracer.stats().buffered == 0 && books.spooled + books.unspooled == next as u64
        });
        books(&tracer).unspooled > 0
    });
    let before = books(&tracer);
    assert!(before.spooled > 0 && before.dropped.total() == 0, "{before:#?}");
    assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0);
    // There is room again: in another file.
    assert_back_in_time(&tracer, &mut next);
    let report = tracer.shutdown(Duration::from_millis(100));
    assert_balanced(&report.stats);
    let left = report.stats.spooled();
    assert_eq!(left + report.stats.exporters[0].dropped.total(), next as u64);
    drop(tracer);
    backend.come_back();
    // What the torn write left behind costs nothing.
    let tracer = self::tracer(&path.join("spool"), backend.exporter());
    // By the one before, if it had a batch in hand.
    eventually("what is on disk is delivered", || backend.seen.numbers().len() as u64 == left);
    assert_eq!(books(&tracer).recovered.dropped.total(), 0);
    assert!(tracer.shutdown(LONG).is_complete());
    assert!(backend.seen.counts().values().all(|count| *count == 1));
    fs::write(path.join("done"), "").unwrap();
}

#[test]
fn without_file_handles_spans_stay_in_memory() {
    let scratch = Scratch::new();
    run_bounded("ulimit -n 40", "child_without_file_handles", &scratch);
}

#[test]
#[ignore = "a part of another test"]
fn child_without_file_handles() {
    let Some(path) = as_child() else { return };
    let seen = Seen::default();
    let handles: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).take(10_000).collect();
    assert!(handles.len() < 1_000, "there is a limit");
    let tracer = tracer(&path.join("spool"), good(&seen));
    end_numbered(&tracer, 0..100);
    assert!(tracer.flush(LONG).is_complete());
    assert_eq!(books(&tracer).unspooled, 100);
    drop(handles);
    let spool = path.join("spool");
    assert!(
        !spool.exists() || fs::read_dir(spool).unwrap().count() == 0,
        "what could not be made is taken away"
    );
    let mut next = 100;
    assert_back_in_time(&tracer, &mut next);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..next);
    fs::write(path.join("done"), "").unwrap();
}
