//! Exporters that get through a part of a batch, behind a spool: the part is finished, on disk too, and only the rest
//! comes again, whatever comes in between.

use super::support::{
    LONG, Scratch, Script, Seen, assert_balanced, books, builder, end_numbered, eventually, number, spooled,
};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use throughline::{
    Batch, SpanRecord,
    export::{Delivery, DropReason, ExportError, Exporter, Spool},
};

fn take_first(seen: &Seen, batch: &Batch, spans: usize) {
    let first = batch.spans().take(spans).cloned().collect();
    seen.take(&Batch::new(batch.resource().clone(), first));
}

/// Takes a part of each batch and fails, until it is healed.
#[derive(Clone)]
struct Stuttering {
    seen: Seen,
    is_healed: Arc<AtomicBool>,
    part: (usize, usize),
}

impl Stuttering {
    fn new(delivered: usize, rejected: usize) -> Self {
        Self { seen: Seen::default(), is_healed: Arc::default(), part: (delivered, rejected) }
    }

    /// Once, and then nothing until it is healed.
    fn exporter(&self) -> impl Exporter + use<> {
        let Self { seen, is_healed, part: (mut delivered, mut rejected) } = self.clone();
        Script(move |batch: &Batch| {
            if is_healed.load(Ordering::SeqCst) {
                seen.take(batch);
                return Ok(());
            }
            take_first(&seen, batch, delivered + rejected);
            let error = ExportError::retry("busy").with_settled(delivered, rejected);
            (delivered, rejected) = (0, 0);
            Err(error)
        })
    }

    fn heal(&self) {
        self.is_healed.store(true, Ordering::SeqCst);
    }
}

#[test]
fn what_is_settled_is_neither_sent_again_nor_forgotten() {
    let (scratch, backend) = (Scratch::new(), Stuttering::new(11, 2));
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..15);
    eventually("a part is settled", || books(&tracer).exported == 11);
    let early = books(&tracer);
    assert_eq!((early.dropped.get(DropReason::Rejected), early.spooled + early.pending), (2, 2));
    // Live ones come first.
    backend.heal();
    end_numbered(&tracer, 15..20);
    let report = tracer.flush(LONG);
    assert_balanced(&report.stats);
    backend.seen.assert_once(0..20);
    let books = &report.stats.exporters[0];
    assert_eq!((books.exported, books.dropped.total(), books.spooled, books.pending), (18, 2, 0, 0));
    let _report = tracer.shutdown(LONG);
    assert!(scratch.homes().is_empty());
}

#[test]
fn the_next_process_gets_only_the_rest() {
    let (scratch, backend) = (Scratch::new(), Stuttering::new(7, 3));
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..30);
    eventually("a part is settled", || books(&tracer).exported == 7);
    let report = tracer.shutdown(Duration::ZERO);
    assert_balanced(&report.stats);
    assert_eq!(report.stats.spooled(), 20, "{report}");
    drop(tracer);
    // It may be amid a call, which would deliver behind the books' back.
    eventually("the first exporter is gone", || Arc::strong_count(&backend.is_healed) == 1);

    backend.heal();
    let tracer = spooled(&scratch, backend.exporter());
    eventually("the rest is delivered", || books(&tracer).recovered.exported == 20);
    backend.seen.assert_once(0..30);
    let _report = tracer.shutdown(LONG);
}

/// Where no disk takes the spans, the rest of a chunk stays in memory.
#[test]
fn without_a_disk_only_the_rest_comes_again() {
    let (scratch, backend) = (Scratch::new(), Stuttering::new(4, 1));
    fs::write(scratch.spool(), "no directory").unwrap();
    let tracer = spooled(&scratch, backend.exporter());
    end_numbered(&tracer, 0..12);
    eventually("a part is settled", || books(&tracer).exported == 4);
    let early = books(&tracer);
    assert_eq!((early.dropped.get(DropReason::Rejected), early.spooled, early.pending), (1, 0, 7));
    backend.heal();
    end_numbered(&tracer, 12..20);
    let report = tracer.flush(LONG);
    assert_balanced(&report.stats);
    backend.seen.assert_once(0..20);
    assert_eq!(report.stats.exported(), 19);
    let _report = tracer.shutdown(LONG);
}

/// A batch that gets no further is set aside; the part of it that got through stays counted as that.
#[test]
fn a_poison_part_does_not_take_the_others_along() {
    let (scratch, seen) = (Scratch::new(), Seen::default());
    let taken = seen.clone();
    let exporter = Script(move |batch: &Batch| {
        let good = batch.spans().take_while(|span| number(span) % 100 != 50).count();
        take_first(&taken, batch, good);
        if good == batch.len() { Ok(()) } else { Err(ExportError::retry("504").with_settled(good, 0)) }
    });
    let tracer =
        builder().max_batch_spans(1).exporter(Spool::new(scratch.spool()).wrap(exporter)).build().unwrap();
    end_numbered(&tracer, 0..60);
    let mut next = 1_000;
    eventually("it is set aside", || {
        // A strike counts only while others get through.
        end_numbered(&tracer, next..next + 1);
        next += 1;
        if next % 100 == 50 {
            next += 1;
        }
        books(&tracer).dropped.total() > 0
    });
    let _waited = tracer.flush(LONG);
    let report = tracer.shutdown(LONG);
    assert_balanced(&report.stats);
    assert_eq!(report.stats.dropped_anywhere().get(DropReason::RetriesExhausted), 1);
    assert!(seen.counts().values().all(|count| *count == 1), "none comes twice");
    assert!((0..60).filter(|number| *number != 50).all(|number| seen.counts().contains_key(&number)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is settled when, behind a filter, from disk or from memory: each span is once.
    #[test]
    fn however_a_batch_is_settled_each_span_is_once(
        wanted in vec(any::<bool>(), 1..60),
        parts in vec((0..7_usize, 0..3_usize), 0..12),
        batch_spans in 1..16_usize,
        has_disk in prop::bool::weighted(0.7),
    ) {
        let scratch = Scratch::new();
        if !has_disk {
            fs::write(scratch.spool(), "no directory").unwrap();
        }
        let settled = Arc::new(Mutex::new((HashMap::<i64, usize>::new(), 0)));
        let (noted, mut parts) = (settled.clone(), parts.into_iter());
        let exporter = Script(move |batch: &Batch| {
            let (delivered, rejected) = parts.next().unwrap_or((usize::MAX, 0));
            let delivered = delivered.min(batch.len());
            let rejected = rejected.min(batch.len() - delivered);
            let mut noted = noted.lock().unwrap();
            for span in batch.spans().take(delivered + rejected) {
                *noted.0.entry(number(span)).or_default() += 1;
            }
            noted.1 += rejected;
            Err(ExportError::retry("busy").with_settled(delivered, rejected))
        });
        let is_wanted = wanted.clone();
        let is_wanted = move |span: &SpanRecord| is_wanted[number(span) as usize];
        let delivery = Delivery::to(exporter).filter(is_wanted);
        let tracer = builder()
            .max_batch_spans(batch_spans)
            .exporter(Spool::new(scratch.spool()).wrap(delivery))
            .build()
            .unwrap();
        end_numbered(&tracer, 0..wanted.len() as i64);
        let report = tracer.shutdown(LONG);
        assert_balanced(&report.stats);
        let count = wanted.iter().filter(|is_wanted| **is_wanted).count();
        let (counts, rejected) = &*settled.lock().unwrap();
        prop_assert_eq!(counts.len(), count);
        prop_assert!(counts.iter().all(|(number, count)| *count == 1 && wanted[*number as usize]));
        let books = &report.stats.exporters[0];
        prop_assert_eq!(books.exported, (count - rejected) as u64);
        prop_assert_eq!(books.dropped.get(DropReason::Rejected), *rejected as u64);
        prop_assert_eq!(books.dropped.total(), *rejected as u64);
        prop_assert_eq!(books.filtered, (wanted.len() - count) as u64);
    }
}
