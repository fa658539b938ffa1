//! What lies in the spool's directory and is not the spool's: it is neither read nor written nor taken away. And what
//! is the spool's, and in disorder: what is whole of it is delivered.

use super::support::{
    Backend, LONG, Scratch, Script, Seen, assert_lossless, books, builder, end_numbered, eventually, good,
    spooled,
};
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, SystemTime},
};
use throughline::{
    Batch, Diagnostic, Tracer,
    export::{Delivery, DropReason, Fsync, Spool},
};

/// A directory as the spool names its own.
fn named_as_a_home(scratch: &Scratch) -> PathBuf {
    scratch.spool().join("0123456789abcdef")
}

/// What a process has left: so many spans, for an exporter of the usual name. Its directory.
fn leave(scratch: &Scratch, spans: i64) -> PathBuf {
    let before = scratch.homes();
    let tracer = spooled(scratch, Backend::down().asking_for(LONG).exporter());
    end_numbered(&tracer, 0..spans);
    assert_lossless(&tracer.shutdown(Duration::from_millis(300)));
    drop(tracer);
    scratch.homes().into_iter().find(|home| !before.contains(home)).unwrap()
}

/// Runs a tracer until it has looked at what there is, and delivered what of it it finds.
fn look_around(scratch: &Scratch, seen: &Seen) -> Tracer {
    // As a process leaves it that is killed in its last moments: it is cleared away, after all that is older.
    let last = scratch.spool().join("ffffffffffffffff");
    fs::create_dir_all(&last).unwrap();
    fs::write(last.join("lock"), "").unwrap();
    let tracer = spooled(scratch, good(seen));
    eventually("it has looked around", || !last.exists());
    thread::sleep(Duration::from_millis(100));
    tracer
}

#[test]
fn files_of_others_stay() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let foreign = named_as_a_home(&scratch);
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("lock"), "").unwrap();
    fs::write(foreign.join("precious.db"), "data").unwrap();
    let tracer = look_around(&scratch, &seen);
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(fs::read_to_string(foreign.join("precious.db")).unwrap(), "data");
    assert!(foreign.join("lock").exists());
}

/// Also where spans are beside them, which are delivered.
#[test]
fn files_of_others_in_a_directory_of_ours_stay() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let home = leave(&scratch, 50);
    fs::write(home.join("precious.db"), "data").unwrap();
    fs::create_dir(home.join("00000000000000ff.segment")).unwrap();
    let tracer = spooled(&scratch, good(&seen));
    eventually("the spans are delivered", || books(&tracer).recovered.exported == 50);
    assert!(tracer.shutdown(LONG).is_complete());
    drop(tracer);
    seen.assert_once(0..50);
    let mut left: Vec<_> = fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["00000000000000ff.segment", "precious.db"]);
}

#[test]
fn no_directory_is_taken_away_for_being_empty_of_ours() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let foreign = named_as_a_home(&scratch);
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("lock"), "4711\n").unwrap();
    let tracer = look_around(&scratch, &seen);
    assert!(tracer.shutdown(LONG).is_complete());
    assert_eq!(fs::read_to_string(foreign.join("lock")).unwrap(), "4711\n", "a lock of ours is empty");
}

#[cfg(unix)]
mod links {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    #[test]
    fn a_link_to_a_directory_is_not_followed() {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        // Spans lie there, to make it worth while.
        let elsewhere = scratch.path().join("elsewhere");
        fs::rename(leave(&scratch, 50), &elsewhere).unwrap();
        fs::write(elsewhere.join("precious.db"), "data").unwrap();
        symlink(&elsewhere, named_as_a_home(&scratch)).unwrap();
        let tracer = look_around(&scratch, &seen);
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!(seen.numbers().len(), 0);
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 4);
        assert!(named_as_a_home(&scratch).is_symlink());
    }

    #[test]
    fn no_file_is_written_through_a_link() {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let home = leave(&scratch, 50);
        let victim = scratch.path().join("victim");
        fs::write(&victim, "important").unwrap();
        symlink(&victim, home.join("script.new")).unwrap();
        let tracer = spooled(&scratch, good(&seen));
        eventually("the spans are delivered", || books(&tracer).recovered.exported == 50);
        eventually("their directory is gone", || !home.exists());
        // In its own directory, too.
        let own = scratch.homes().pop().unwrap();
        symlink(&victim, own.join("script.new")).unwrap();
        end_numbered(&tracer, 50..60);
        assert!(tracer.flush(LONG).is_complete());
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "important");
        assert_eq!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable), 0);
        seen.assert_once(0..60);
    }

    #[test]
    fn no_file_is_read_through_a_link() {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let home = leave(&scratch, 50);
        let [segment] = &scratch.files("segment")[..] else { panic!("one file") };
        let elsewhere = scratch.path().join("elsewhere");
        fs::rename(segment, &elsewhere).unwrap();
        symlink(&elsewhere, segment).unwrap();
        let tracer = look_around(&scratch, &seen);
        assert!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0, "it is said");
        assert!(tracer.shutdown(LONG).is_complete());
        drop(tracer);
        assert_eq!(seen.numbers().len(), 0);
        // What comes back to its place is delivered.
        fs::rename(&elsewhere, segment).unwrap();
        let tracer = spooled(&scratch, good(&seen));
        eventually("the spans are delivered", || !home.exists());
        assert!(tracer.shutdown(LONG).is_complete());
        seen.assert_once(0..50);
    }

    /// Whoever may write there could have put anything in it.
    #[test]
    fn what_others_may_write_to_is_not_read() {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let home = leave(&scratch, 50);
        fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
        let tracer = look_around(&scratch, &seen);
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!((seen.numbers().len(), scratch.files("segment").len()), (0, 1));
    }

    #[test]
    fn what_others_own_is_not_read() {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let home = leave(&scratch, 50);
        if chown(&home, Some(65_534), None).is_err() {
            println!("skipped: giving a directory away takes root's rights");
            return;
        }
        let tracer = look_around(&scratch, &seen);
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!((seen.numbers().len(), scratch.files("segment").len()), (0, 1));
    }
}

/// A file of its own that cannot be read holds nothing else up, and is read when it can be.
#[test]
fn one_file_that_cannot_be_read_holds_nothing_up() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(Duration::from_millis(1)));
    // Files of 1 MiB, of which there are several.
    let spool = Spool::new(scratch.spool()).max_bytes(4 << 20);
    let text = "x".repeat(16_000);
    let builder = builder().max_queued(16, 1 << 20).max_batch_spans(16);
    let tracer = builder.exporter(spool.wrap(backend.exporter())).build().unwrap();
    for number in 0..200 {
        tracer.span("large").set_attribute("number", number).set_attribute("text", &text);
        if number % 10 == 9 {
            eventually("all is on disk", || books(&tracer).spooled == number as u64 + 1);
        }
    }
    let first = scratch.files("segment").remove(0);
    assert!(scratch.files("segment").len() >= 3);
    let elsewhere = scratch.path().join("elsewhere");
    fs::rename(&first, &elsewhere).unwrap();
    // A directory is there, and no file that could be read.
    fs::create_dir(&first).unwrap();
    backend.come_back();
    eventually("the others are delivered", || {
        let books = books(&tracer);
        books.exported >= 100 && tracer.diagnostic_count(Diagnostic::SpoolUnavailable) > 0
    });
    fs::remove_dir(&first).unwrap();
    fs::rename(&elsewhere, &first).unwrap();
    eventually("so is what was in it", || books(&tracer).exported == 200);
    assert!(tracer.shutdown(LONG).is_complete());
    backend.seen.assert_once(0..200);
}

#[test]
fn a_file_that_can_never_be_read_goes_when_it_is_too_old() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let home = leave(&scratch, 50);
    let [segment] = &scratch.files("segment")[..] else { panic!("one file") };
    // The nearest there is, for a user who may read everything.
    fs::remove_file(segment).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", segment).unwrap();
    thread::sleep(Duration::from_millis(5));
    assert!(fs::symlink_metadata(segment).unwrap().modified().unwrap() < SystemTime::now());
    let spool = Spool::new(scratch.spool()).max_age(Duration::from_nanos(1));
    let tracer = builder().exporter(spool.wrap(good(&seen))).build().unwrap();
    eventually("it is gone", || !home.exists());
    assert_eq!(books(&tracer).recovered.dropped.get(DropReason::SpoolDamaged), 1);
    assert!(tracer.diagnostic_count(Diagnostic::SpoolDamaged) > 0);
}

/// The exporter that is done first does not take the directory away from under the cursor of the other, and that
/// one does not make it anew.
#[test]
fn a_directory_that_two_are_done_with_at_once_goes() {
    for round in 0..30 {
        let (scratch, barrier) = (Scratch::new(), Arc::new(Barrier::new(2)));
        let spool = Spool::new(scratch.spool()).fsync(Fsync::EveryBatch);
        let build = |one, other| {
            let builder = builder().exporter(spool.wrap(one).named("one"));
            builder.exporter(spool.wrap(other).named("other")).build().unwrap()
        };
        let down = || Backend::down().asking_for(LONG).exporter();
        let tracer = build(Delivery::to(down()), Delivery::to(down()));
        end_numbered(&tracer, 0..50);
        assert_lossless(&tracer.shutdown(Duration::from_millis(100)));
        drop(tracer);

        let together = || {
            let barrier = barrier.clone();
            Delivery::to(Script(move |_: &Batch| {
                barrier.wait();
                Ok(())
            }))
        };
        let tracer = build(together(), together());
        eventually("both have them", || {
            tracer.stats().exporters.iter().all(|exporter| exporter.recovered.exported == 50)
        });
        assert!(tracer.shutdown(LONG).is_complete());
        assert_eq!(tracer.diagnostic_count(Diagnostic::SpoolUnavailable), 0, "round {round}");
        drop(tracer);
        eventually("nothing is left", || scratch.homes().is_empty());
    }
}

/// As an exporter leaves it whose cursor came after the rest had been taken away.
#[test]
fn a_cursor_without_anything_beside_it_is_cleared_away() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let home = leave(&scratch, 10);
    fs::remove_file(home.join("lock")).unwrap();
    scratch.files("segment").iter().for_each(|file| fs::remove_file(file).unwrap());
    let tracer = look_around(&scratch, &seen);
    assert!(!home.exists());
    assert!(tracer.shutdown(LONG).is_complete());
}
