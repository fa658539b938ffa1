//! Batches that always fail: they are tried as often as is said, and hold nothing else up, wherever they lie and
//! whatever else there is to do.

use super::support::{
    Backend, LONG, Scratch, Script, Seen, assert_balanced, assert_lossless, books, builder, end_numbered,
    eventually, number, spooled,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use throughline::{
    Batch,
    export::{Delivery, DropReason, ExportError, Exporter, Spool},
};

/// Takes all but batches that have one of these in them, and says how often those came.
fn chokes_on(poison: &'static [i64], seen: &Seen) -> (impl Exporter + use<>, Arc<AtomicUsize>) {
    let (seen, tries) = (seen.clone(), Arc::new(AtomicUsize::new(0)));
    let tried = tries.clone();
    let exporter = Script(move |batch: &Batch| {
        if batch.spans().any(|span| poison.contains(&number(span))) {
            tried.fetch_add(1, Ordering::Relaxed);
            return Err(ExportError::retry("it chokes on it"));
        }
        seen.take(batch);
        Ok(())
    });
    (exporter, tries)
}

/// Nothing live comes: the backlog goes on all the same, whichever of it is poison.
#[test]
fn poison_in_the_backlog_of_an_idle_process_holds_nothing_up() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let tracer = spooled(&scratch, Backend::down().asking_for(LONG).exporter());
    end_numbered(&tracer, 0..5_000);
    assert_lossless(&tracer.shutdown(Duration::from_millis(300)));
    drop(tracer);
    // At the front, and two in the midst.
    let (exporter, tries) = chokes_on(&[5, 2_000, 4_000], &seen);
    let spool = Spool::new(scratch.spool());
    let tracer = builder().max_batch_spans(100).exporter(spool.wrap(exporter)).build().unwrap();
    eventually("the others are delivered", || books(&tracer).recovered.exported == 4_700);
    eventually("the three are tried in turn", || tries.load(Ordering::Relaxed) >= 12);
    let recovered = books(&tracer).recovered;
    assert_eq!(
        (recovered.spooled, recovered.dropped.total()),
        (300, 0),
        "nothing tells that it is their fault"
    );
    // Others that succeed tell.
    let mut next = 10_000;
    eventually("they are set aside", || {
        end_numbered(&tracer, next..next + 1);
        next += 1;
        std::thread::sleep(Duration::from_millis(2));
        books(&tracer).recovered.dropped.get(DropReason::RetriesExhausted) == 300
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "this process has lost none of its own: {report:#?}");
    assert_eq!(seen.numbers().len() as i64, 4_700 + next - 10_000);
    assert!(seen.counts().values().all(|count| *count == 1));
    assert!(scratch.homes().is_empty());
}

/// After an outage in which all of them have failed: each has its turn, and not only the one that fails on.
#[test]
fn poison_among_others_that_have_failed_does_not_come_first_for_ever() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let tracer = spooled(&scratch, Backend::down().asking_for(LONG).exporter());
    end_numbered(&tracer, 0..1_000);
    assert_lossless(&tracer.shutdown(Duration::from_millis(300)));
    drop(tracer);
    let (mut exporter, _) = chokes_on(&[5, 105], &seen);
    let mut outage = 12;
    let exporter = Script(move |batch: &Batch| {
        outage -= 1;
        if outage >= 0 { Err(ExportError::retry("down")) } else { exporter.export(batch) }
    });
    let spool = Spool::new(scratch.spool());
    let tracer = builder().max_batch_spans(100).exporter(spool.wrap(exporter)).build().unwrap();
    eventually("the others are delivered", || books(&tracer).recovered.exported == 800);
    let recovered = books(&tracer).recovered;
    assert_eq!((recovered.spooled, recovered.dropped.total()), (200, 0));
    assert_lossless(&tracer.shutdown(Duration::from_millis(200)));
}

/// The process's own backlog, and what others left behind it.
#[test]
fn poison_of_its_own_does_not_hold_up_what_others_left() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let other = spooled(&scratch, Backend::down().asking_for(LONG).exporter());
    end_numbered(&other, 1_000..1_100);
    eventually("they are on disk", || books(&other).spooled == 100);
    let (exporter, tries) = chokes_on(&[5], &seen);
    let tracer = spooled(&scratch, exporter);
    end_numbered(&tracer, 0..10);
    eventually("it fails", || tries.load(Ordering::Relaxed) > 2);
    // The other process ends only now.
    assert_lossless(&other.shutdown(Duration::from_millis(100)));
    drop(other);
    eventually("what was left is delivered", || books(&tracer).recovered.exported == 100);
    assert!(seen.numbers().iter().filter(|number| **number >= 1_000).count() == 100);
    let report = tracer.shutdown(Duration::from_millis(200));
    assert_lossless(&report);
    assert_eq!(report.stats.exported() + report.stats.spooled(), 10);
}

/// No disk takes it: in memory it holds nothing up either, and is set aside when others have been delivered often
/// enough.
#[test]
fn poison_in_memory_holds_nothing_up() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    // A file where the directory should be.
    std::fs::write(scratch.spool(), "").unwrap();
    let (exporter, tries) = chokes_on(&[5], &seen);
    let builder = builder().max_queued(100, usize::MAX).max_batch_spans(10).batch_delay(Duration::ZERO);
    let tracer = builder.exporter(Spool::new(scratch.spool()).wrap(exporter)).build().unwrap();
    end_numbered(&tracer, 0..10);
    eventually("it fails", || tries.load(Ordering::Relaxed) > 2);
    let mut next = 10;
    eventually("it is set aside", || {
        end_numbered(&tracer, next..next + 1);
        next += 1;
        eventually("the others are delivered", || {
            let books = books(&tracer);
            books.exported + 10 >= next as u64
        });
        books(&tracer).dropped.total() > 0
    });
    let report = tracer.shutdown(LONG);
    assert_balanced(&report.stats);
    let books = &report.stats.exporters[0];
    assert_eq!(books.dropped.total(), books.dropped.get(DropReason::RetriesExhausted), "{report:#?}");
    assert_eq!(books.exported + books.dropped.total(), next as u64);
    assert!(books.dropped.total() <= 10 && books.unspooled == next as u64, "{report:#?}");
    assert_eq!(seen.numbers().len() as u64, books.exported);
}

/// A filter that panics now and then loses nothing that is safe on disk, and one that always does costs no other batch.
#[test]
fn a_filter_that_panics_has_as_many_tries_as_an_exporter() {
    let (scratch, seen, calls) = (Scratch::new(), Seen::default(), Arc::new(AtomicUsize::new(0)));
    let (exporter, counted) = (super::support::good(&seen), calls.clone());
    let delivery = Delivery::to(exporter).filter(move |span| {
        let is_poison = number(span) == 5 && counted.fetch_add(1, Ordering::Relaxed) < 4;
        assert!(!is_poison, "four times");
        true
    });
    let tracer = builder().exporter(Spool::new(scratch.spool()).wrap(delivery)).build().unwrap();
    end_numbered(&tracer, 0..100);
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(calls.load(Ordering::Relaxed), 5);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..100);
}

/// Batches that the backend refuses say nothing for those that it cannot take now.
#[test]
fn what_is_refused_does_not_tell_against_what_fails() {
    let scratch = Scratch::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let tried = tries.clone();
    let exporter = Script(move |batch: &Batch| {
        if batch.spans().any(|span| number(span) < 10) {
            tried.fetch_add(1, Ordering::Relaxed);
            return Err(ExportError::retry("not now"));
        }
        Err(ExportError::permanent("no"))
    });
    let tracer = spooled(&scratch, exporter);
    end_numbered(&tracer, 0..10);
    eventually("it fails", || tries.load(Ordering::Relaxed) > 0);
    for number in 10..60 {
        let before = tries.load(Ordering::Relaxed);
        end_numbered(&tracer, number..number + 1);
        eventually("it has been refused, and the other has failed", || {
            books(&tracer).dropped.get(DropReason::Rejected) == number as u64 - 9
                && tries.load(Ordering::Relaxed) > before
        });
    }
    let books = books(&tracer);
    assert_eq!((books.spooled, books.dropped.total()), (10, 50), "{books:#?}");
}
