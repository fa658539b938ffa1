//! How much lies on disk, and for how long; and what is not in memory for it.

use super::support::{
    Backend, LONG, Scratch, Seen, assert_balanced, books, builder, end_numbered, eventually, good,
};
use std::{collections::HashSet, fs, time::Duration};
use throughline::{
    Diagnostic, Tracer,
    export::{DropReason, Spool},
};

/// Spans of some 16 kB.
fn end_large(tracer: &Tracer, numbers: std::ops::Range<i64>) {
    let text = "x".repeat(16_000);
    for number in numbers {
        tracer.span("large").set_attribute("number", number).set_attribute("text", &text);
        if number % 100 == 0 {
            // The threads' buffers have a bound of their own.
            let _report = tracer.flush(Duration::from_millis(1));
        }
    }
}

fn bytes_on_disk(scratch: &Scratch) -> u64 {
    scratch.files("segment").iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
}

#[test]
fn the_oldest_goes_first() {
    const MOST: u64 = 12 << 20;
    const MEMORY: usize = 4 << 20;
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let backend = backend.asking_for(LONG);
    let spool = Spool::new(scratch.spool()).max_bytes(MOST);
    let builder = builder().max_queued(10_000, MEMORY);
    let tracer = builder.exporter(spool.wrap(backend.exporter())).build().unwrap();
    for part in 0..20 {
        end_large(&tracer, part * 100..part * 100 + 100);
        let part = part as u64 + 1;
        eventually("all is written", || {
            let books = books(&tracer);
            // What had been in memory all the time still is, when its file has gone.
            let is_written = books.pending as usize * 16_000 <= MEMORY;
            is_written && books.spooled + books.pending + books.dropped.total() == part * 100
        });
        eventually("not too much", || bytes_on_disk(&scratch) <= MOST);
    }
    assert!(tracer.diagnostic_count(Diagnostic::SpansDropped) > 0);
    let report = tracer.shutdown(Duration::from_millis(100));
    assert_balanced(&report.stats);
    assert!(!report.is_lossless(), "what was dropped is lost: {report}");
    let books = &report.stats.exporters[0];
    let kept = books.spooled;
    assert!(kept * 16_000 > MOST / 2, "only {kept} are kept");
    assert_eq!(books.dropped.total(), 2_000 - kept);
    assert!(books.dropped.get(DropReason::SpoolFull) > 800, "{report}");
    drop(tracer);

    backend.come_back();
    let tracer = super::support::spooled(&scratch, backend.exporter());
    eventually("the kept ones are delivered", || backend.seen.numbers().len() as u64 == kept);
    backend.seen.assert_once(2_000 - kept as i64..2_000);
    assert!(tracer.shutdown(LONG).is_complete());
}

#[test]
fn what_was_recovered_counts_towards_the_bound() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let tracer = super::support::spooled(&scratch, backend.exporter());
    end_large(&tracer, 0..1_000);
    let report = tracer.shutdown(Duration::from_secs(2));
    assert_eq!(report.stats.spooled(), 1_000, "{report}");
    drop(tracer);
    let spool = Spool::new(scratch.spool()).max_bytes(8 << 20);
    let tracer = builder().exporter(spool.wrap(backend.exporter())).build().unwrap();
    eventually("the oldest files are gone", || {
        let recovered = books(&tracer).recovered;
        recovered.spooled > 0 && recovered.dropped.get(DropReason::SpoolFull) + recovered.spooled == 1_000
    });
    eventually("from the disk, too", || bytes_on_disk(&scratch) <= 8 << 20);
}

#[test]
fn what_is_too_old_is_dropped() {
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let tracer = super::support::spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..50);
    assert_eq!(tracer.shutdown(Duration::from_millis(300)).stats.spooled(), 50);
    drop(tracer);
    backend.come_back();
    let spool = Spool::new(scratch.spool()).max_age(Duration::from_nanos(1));
    let tracer = builder().exporter(spool.wrap(backend.exporter())).build().unwrap();
    eventually("they are gone", || scratch.files("segment").is_empty());
    eventually("every one is accounted for", || {
        let recovered = books(&tracer).recovered;
        recovered.dropped.get(DropReason::SpoolFull) + recovered.exported == 50
    });
    assert!(tracer.shutdown(LONG).is_complete(), "this tracer has lost nothing");
}

/// What does not fit in memory is read back from disk.
#[test]
fn a_small_memory_delivers_all_the_same() {
    let (scratch, backend) = (Scratch::new(), Backend::down());
    let builder = builder().max_queued(64, 1 << 20).max_batch_spans(16);
    let tracer = builder.exporter(Spool::new(scratch.spool()).wrap(backend.exporter())).build().unwrap();
    for part in 0..100 {
        end_numbered(&tracer, part * 50..part * 50 + 50);
        eventually("all is written", || books(&tracer).spooled == part as u64 * 50 + 50);
    }
    backend.come_back();
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    backend.seen.assert_once(0..5_000);
}

/// Files of 4 MiB, and each goes when it has been delivered.
#[test]
fn delivered_files_go_while_the_tracer_lives() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let tracer = super::support::spooled(&scratch, good(&seen));
    for part in 0..10 {
        end_large(&tracer, part * 100..part * 100 + 100);
        assert!(tracer.flush(LONG).is_complete());
    }
    let files = scratch.files("segment");
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(fs::metadata(&files[0]).unwrap().len() <= 4 << 20);
    assert!(tracer.shutdown(LONG).is_complete());
    seen.assert_once(0..1_000);
}

/// The books can be read while everything moves.
#[test]
fn the_books_balance_at_every_moment() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let taken = seen.clone();
    let (mut calls, mut failed) = (0_u32, HashSet::new());
    let exporter = super::support::Script(move |batch: &throughline::Batch| {
        calls += 1;
        // One that fails each time that it comes is another matter.
        if calls.is_multiple_of(3) && failed.insert(batch.spans().next().map(super::support::number)) {
            return Err(throughline::export::ExportError::retry("busy"));
        }
        taken.take(batch);
        Ok(())
    });
    let builder = builder().batch_delay(Duration::ZERO).max_batch_spans(50);
    let tracer = builder.exporter(Spool::new(scratch.spool()).wrap(exporter)).build().unwrap();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_i64)
            .map(|writer| {
                let tracer = &tracer;
                scope.spawn(move || end_numbered(tracer, writer * 3_000..writer * 3_000 + 3_000))
            })
            .collect();
        let mut last = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            let stats = tracer.stats();
            assert_balanced(&stats);
            assert!(stats.exported() >= last, "counts only grow");
            last = stats.exported();
        }
    });
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete(), "{report:#?}");
    assert_eq!(report.stats.exported(), 12_000);
    seen.assert_once(0..12_000);
}

/// A bound below the usual length of a file holds as well.
#[test]
fn a_small_bound_holds() {
    const MOST: u64 = 1 << 20;
    let (scratch, backend) = (Scratch::new(), Backend::down().asking_for(LONG));
    let spool = Spool::new(scratch.spool()).max_bytes(MOST);
    let builder = builder().max_queued(40, 1 << 20);
    let tracer = builder.exporter(spool.wrap(backend.exporter())).build().unwrap();
    for part in 0..20 {
        end_large(&tracer, part * 20..part * 20 + 20);
        eventually("all is written", || {
            let books = books(&tracer);
            tracer.stats().buffered == 0 && books.exported + books.pending <= 40
        });
        assert!(bytes_on_disk(&scratch) <= MOST + MOST / 4, "{} bytes", bytes_on_disk(&scratch));
    }
    let books = books(&tracer);
    assert!(books.spooled * 16_000 > MOST / 2, "{books:#?}");
    assert_eq!(books.spooled + books.pending + books.dropped.get(DropReason::SpoolFull), 400);
}
