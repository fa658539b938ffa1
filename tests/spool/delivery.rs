//! From the spool to the exporters: once each, live first, and the books at every turn.

use super::support::{
    Backend, Gate, LONG, Scratch, Script, Seen, assert_balanced, assert_lossless, books, builder,
    end_numbered, eventually, good, number, spooled,
};
use std::{
    fs,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};
use throughline::{
    Batch, Diagnostic,
    export::{Delivery, DropReason, ExportError, Fsync, Spool},
};

#[test]
fn what_is_delivered_leaves_nothing_behind() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let tracer = spooled(&scratch, good(&seen));
    end_numbered(&tracer, 0..2_000);
    let report = tracer.flush(LONG);
    assert!(report.is_complete() && report.is_lossless(), "{report:#?}");
    assert_eq!(report.stats.exported(), 2_000);
    end_numbered(&tracer, 2_000..2_010);
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert_balanced(&report.stats);
    seen.assert_once(0..2_010);
    assert_eq!(scratch.homes(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn every_fsync_policy_delivers() {
    for fsync in [Fsync::Never, Fsync::Interval(Duration::from_millis(5)), Fsync::EveryBatch] {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let spool = Spool::new(scratch.spool()).fsync(fsync);
        let tracer = builder().exporter(spool.wrap(good(&seen))).build().unwrap();
        for round in 0..10 {
            end_numbered(&tracer, round * 10..round * 10 + 10);
            assert!(tracer.flush(LONG).is_complete());
        }
        assert!(tracer.shutdown(LONG).is_complete());
        seen.assert_once(0..100);
    }
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..10);
    eventually("the spans are on disk", || books(&tracer).spooled == 10);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&scratch.spool()), 0o700);
    let homes = scratch.homes();
    assert_eq!(homes.iter().map(|home| mode(home)).collect::<Vec<_>>(), [0o700]);
    let files: Vec<_> = fs::read_dir(&homes[0]).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "lock, cursor and segment: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}

#[test]
fn while_the_backend_is_down_everything_is_on_disk() {
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..500);
    let report = tracer.flush(Duration::from_millis(200));
    assert!(report.timed_out && !report.is_complete(), "{report}");
    assert_lossless(&report);
    assert_eq!((report.stats.spooled(), report.stats.exporters[0].pending), (500, 0));
    assert!(report.to_string().contains("500 spooled"), "{report}");
    assert!(tracer.diagnostic_count(Diagnostic::ExportDelayed) > 0);
    backend.come_back();
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report:#?}");
    backend.seen.assert_once(0..500);
    assert!(tracer.shutdown(LONG).is_complete());
}

/// What a shutdown leaves on disk is no loss, and no delivery: the next one delivers it.
#[test]
fn what_a_shutdown_leaves_is_delivered_by_the_next_tracer() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..700);
    let started = Instant::now();
    let report = tracer.shutdown(Duration::from_millis(300));
    assert!(started.elapsed() < LONG / 2);
    assert_lossless(&report);
    assert!(!report.is_complete(), "spooled is not delivered: {report}");
    assert_eq!((report.stats.exported(), report.stats.spooled()), (0, 700));
    assert_eq!(tracer.flush(LONG).stats, report.stats, "the books are closed");
    drop(tracer);

    backend.come_back();
    let tracer = spooled(&scratch, backend.exporter());
    eventually("the rest is delivered", || backend.seen.numbers().len() == 700);
    eventually("its directory is gone", || scratch.homes().len() == 1);
    let books = books(&tracer);
    assert_eq!((books.recovered.exported, books.recovered.spooled, books.exported), (700, 0, 0));
    assert_eq!(books.recovered.dropped.total(), 0);
    // What others have left is none of this tracer's, and does not come into its equation.
    assert_eq!(tracer.stats().ended, 0);
    backend.seen.assert_once(0..700);
    assert!(tracer.shutdown(LONG).is_complete());
    assert!(scratch.homes().is_empty());
}

#[test]
fn what_is_recovered_keeps_its_resource() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let spool = Spool::new(scratch.spool());
    let old = throughline::Tracer::builder("older").environment(|_| None).diagnostics(|_| ());
    let tracer = old.exporter(spool.wrap(backend.exporter())).build().unwrap();
    end_numbered(&tracer, 0..3);
    let report = tracer.shutdown(Duration::from_millis(200));
    assert_eq!(report.stats.spooled(), 3);
    drop(tracer);
    backend.come_back();
    let _tracer = spooled(&scratch, backend.exporter());
    eventually("they are delivered", || backend.seen.services().len() == 3);
    assert_eq!(backend.seen.services(), ["older"; 3]);
}

/// An orphan that was for other exporters is not ours to deliver, and stays.
#[test]
fn what_is_for_another_exporter_waits_for_it() {
    struct Other(Backend);
    impl throughline::export::Exporter for Other {
        fn name(&self) -> &str {
            "other"
        }
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            self.0.exporter().export(batch)
        }
    }
    let (scratch, backend, others) =
        (Scratch::new(), Backend::down().asking_for(LONG), Backend::down().asking_for(LONG));
    let spool = Spool::new(scratch.spool());
    let tracer = builder()
        .exporter(spool.wrap(backend.exporter()))
        .exporter(spool.wrap(Other(others.clone())))
        .build()
        .unwrap();
    end_numbered(&tracer, 0..30);
    assert_lossless(&tracer.shutdown(Duration::from_millis(200)));
    drop(tracer);

    backend.come_back();
    others.come_back();
    let tracer = spooled(&scratch, backend.exporter());
    eventually("ours is delivered", || backend.seen.numbers().len() == 30);
    assert!(tracer.shutdown(LONG).is_complete());
    drop(tracer);
    assert_eq!((others.seen.numbers().len(), scratch.homes().len()), (0, 1));

    let tracer = builder().exporter(spool.wrap(Other(others.clone()))).build().unwrap();
    eventually("theirs is delivered", || others.seen.numbers().len() == 30);
    assert!(tracer.shutdown(LONG).is_complete());
    drop(tracer);
    assert!(scratch.homes().is_empty());
    backend.seen.assert_once(0..30);
    others.seen.assert_once(0..30);
}

/// Of two that share a spool, one that hangs holds up no other, and a file goes when both have it.
#[test]
fn exporters_that_share_a_spool_go_at_their_own_pace() {
    let (scratch, backend, gate, seen) = (Scratch::new(), Backend::down(), Gate::closed(), Seen::default());
    let _gate_opens = gate.opened_at_the_end();
    let spool = Spool::new(scratch.spool());
    let (hung_seen, hung_gate) = (seen.clone(), gate.clone());
    let hung = Script(move |batch: &Batch| {
        hung_gate.pass();
        hung_seen.take(batch);
        Ok(())
    });
    backend.come_back();
    let tracer = builder()
        .exporter(spool.wrap(hung).named("hung"))
        .exporter(spool.wrap(backend.exporter()))
        .build()
        .unwrap();
    end_numbered(&tracer, 0..1_000);
    let report = tracer.flush(Duration::from_millis(300));
    assert_lossless(&report);
    let [hung, quick] = &report.stats.exporters[..] else { panic!("two exporters") };
    assert_eq!((hung.exported, hung.spooled), (0, 1_000));
    assert_eq!((quick.exported, quick.spooled), (1_000, 0));
    gate.open();
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..1_000);
    backend.seen.assert_once(0..1_000);
    assert!(scratch.homes().is_empty());
}

#[test]
fn live_spans_come_before_the_backlog() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..3_000);
    assert!(tracer.flush(Duration::from_millis(100)).timed_out);
    drop(tracer.shutdown(Duration::from_millis(100)));
    drop(tracer);

    let order = Arc::new(Mutex::new(Vec::new()));
    let (noted, gate) = (order.clone(), Gate::closed());
    let (reached, at_gate) = mpsc::channel();
    let passes = gate.clone();
    let exporter = Script(move |batch: &Batch| {
        let _test_is_over = reached.send(());
        passes.pass();
        noted.lock().unwrap().extend(batch.spans().map(number));
        Ok(())
    });
    let tracer = spooled(&scratch, exporter);
    // It has begun with what was left.
    at_gate.recv_timeout(LONG).unwrap();
    end_numbered(&tracer, 10_000..10_010);
    eventually("the new ones are there", || books(&tracer).spooled == 10);
    std::thread::sleep(Duration::from_millis(30));
    gate.open();
    eventually("all is delivered", || order.lock().unwrap().len() == 3_010);
    let order = order.lock().unwrap();
    let first_live = order.iter().position(|number| *number >= 10_000).unwrap();
    assert!(first_live <= 512, "live spans came after {first_live} old ones");
}

#[test]
fn a_permanent_error_drops_and_counts() {
    let scratch = Scratch::new();
    let tracer = spooled(&scratch, Script(|_: &Batch| Err(ExportError::permanent("no"))));
    end_numbered(&tracer, 0..100);
    let report = tracer.flush(LONG);
    assert!(!report.is_complete() && !report.is_lossless() && !report.timed_out, "{report}");
    assert_eq!(report.stats.exporters[0].dropped.get(DropReason::Rejected), 100);
    assert_balanced(&report.stats);
}

#[test]
fn a_partial_success_counts_both_sides() {
    let scratch = Scratch::new();
    let tracer = spooled(&scratch, Script(|_: &Batch| Err(ExportError::partial(1, "one was too old"))));
    end_numbered(&tracer, 0..10);
    let report = tracer.flush(LONG);
    let books = &report.stats.exporters[0];
    assert!(
        books.exported + books.dropped.get(DropReason::Rejected) == 10 && books.exported < 10,
        "{report}"
    );
    assert_balanced(&report.stats);
}

/// A batch that fails again and again while others succeed is set aside; the others are not held up.
#[test]
fn a_poison_batch_is_set_aside() {
    for panics in [false, true] {
        let (scratch, seen) = (Scratch::new(), Seen::default());
        let taken = seen.clone();
        let tries = Arc::new(Mutex::new(0));
        let tried = tries.clone();
        let exporter = Script(move |batch: &Batch| {
            if batch.spans().any(|span| number(span) == 5) {
                *tried.lock().unwrap() += 1;
                assert!(!panics, "poison");
                return Err(ExportError::retry("it chokes on it"));
            }
            taken.take(batch);
            Ok(())
        });
        let tracer = spooled(&scratch, exporter);
        end_numbered(&tracer, 0..10);
        let mut next = 10;
        eventually("it is set aside", || {
            end_numbered(&tracer, next..next + 1);
            next += 1;
            std::thread::sleep(Duration::from_millis(2));
            books(&tracer).dropped.total() > 0
        });
        let report = tracer.flush(LONG);
        let reason = if panics { DropReason::ExporterPanicked } else { DropReason::RetriesExhausted };
        let lost = report.stats.exporters[0].dropped.get(reason);
        assert_eq!(lost, report.stats.dropped_anywhere().total());
        assert!(lost >= 1 && !report.is_lossless());
        // A failure tells against the batch only if others have been delivered since.
        let tries = *tries.lock().unwrap();
        assert!(if panics { tries == 5 } else { tries >= 5 }, "{tries} tries");
        assert_eq!(report.stats.exported() + lost, next as u64);
        assert_eq!(seen.numbers().len() as u64, report.stats.exported());
        assert_balanced(&report.stats);
    }
}

#[test]
fn an_exporter_that_panics_now_and_then_loses_nothing() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let taken = seen.clone();
    let mut calls = 0;
    let exporter = Script(move |batch: &Batch| {
        calls += 1;
        assert_ne!(calls % 2, 1, "every other call");
        taken.take(batch);
        Ok(())
    });
    let tracer = spooled(&scratch, exporter);
    for round in 0..20 {
        end_numbered(&tracer, round * 10..round * 10 + 10);
        let started = Instant::now();
        assert!(tracer.flush(LONG).is_complete());
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..200);
}

#[test]
fn filters_hold_for_what_is_live_and_for_what_is_recovered() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let even = |backend: &Backend| {
        let delivery = Delivery::to(backend.exporter()).filter(|span| number(span) % 2 == 0);
        builder().exporter(Spool::new(scratch.spool()).wrap(delivery)).build().unwrap()
    };
    let tracer = even(&backend);
    end_numbered(&tracer, 0..100);
    assert_lossless(&tracer.shutdown(Duration::from_millis(200)));
    drop(tracer);
    backend.come_back();
    let tracer = even(&backend);
    end_numbered(&tracer, 100..200);
    assert!(tracer.flush(LONG).is_complete());
    eventually("the old ones are through", || {
        books(&tracer).recovered.spooled == 0 && backend.seen.numbers().len() == 100
    });
    let books = books(&tracer);
    assert_eq!((books.exported, books.filtered), (50, 50));
    assert_eq!((books.recovered.exported, books.recovered.filtered), (50, 50));
    assert!(backend.seen.numbers().iter().all(|number| number % 2 == 0));
}

/// Two tracers, as two processes would, at the same directory at the same time.
#[test]
fn tracers_at_one_directory_keep_apart() {
    let scratch = Scratch::new();
    let (one, other) = (Backend::down(), Backend::down());
    let (first, second) = (spooled(&scratch, one.exporter()), spooled(&scratch, other.exporter()));
    end_numbered(&first, 0..100);
    end_numbered(&second, 100..200);
    eventually("both are on disk", || books(&first).spooled == 100 && books(&second).spooled == 100);
    assert_eq!(scratch.homes().len(), 2);
    one.come_back();
    other.come_back();
    assert!(first.shutdown(LONG).is_complete() && second.shutdown(LONG).is_complete());
    one.seen.assert_once(0..100);
    other.seen.assert_once(100..200);
}

/// A span on its way to the disk waits for no batch.
#[test]
fn a_span_is_on_disk_at_once_whatever_the_batch_delay() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let builder = builder().batch_delay(LONG * 100);
    let tracer = builder.exporter(Spool::new(scratch.spool()).wrap(good(&seen))).build().unwrap();
    let mut quickest = Duration::MAX;
    for number in 0..5 {
        let started = Instant::now();
        end_numbered(&tracer, number..number + 1);
        eventually("it is on disk", || books(&tracer).spooled == number as u64 + 1);
        quickest = quickest.min(started.elapsed());
    }
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
    assert_eq!(seen.numbers().len(), 0);
}
