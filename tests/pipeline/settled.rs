//! Exporters that get through a part of a batch: what is settled is counted and never comes again, the rest does.

use super::support::{LONG, Script, Seen, assert_balanced, builder, end_spans, lost, quick_retries};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use throughline::{
    Batch, Diagnostic, SpanId, Tracer,
    export::{Delivery, DropReason, ExportError, Exporter, ExporterStats},
};

fn take_first(seen: &Seen, batch: &Batch, spans: usize) {
    let first = batch.spans().take(spans).cloned().collect();
    seen.take(&Batch::new(batch.resource().clone(), first));
}

/// Settles so much of a batch with each call, and fails.
fn stuttering<F: FnMut(u32) -> Option<(usize, usize)> + Send + 'static>(
    seen: &Seen,
    mut settle: F,
) -> (impl Exporter + use<F>, Arc<AtomicU32>) {
    let (seen, calls) = (seen.clone(), Arc::new(AtomicU32::new(0)));
    let counted = calls.clone();
    let exporter = Script(move |batch: &Batch| {
        let call = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let Some((delivered, rejected)) = settle(call) else {
            seen.take(batch);
            return Ok(());
        };
        take_first(&seen, batch, delivered + rejected);
        Err(ExportError::retry("busy").with_settled(delivered, rejected))
    });
    (exporter, calls)
}

fn books(tracer: &Tracer) -> ExporterStats {
    let stats = tracer.stats();
    assert_balanced(&stats);
    stats.exporters[0].clone()
}

#[test]
fn what_is_settled_is_counted_at_once_and_never_comes_again() {
    let seen = Seen::default();
    let (exporter, _calls) = stuttering(&seen, |call| (call == 1).then_some((13, 2)));
    let mut policy = quick_retries(2);
    // Until the shutdown.
    policy.initial_delay = LONG * 1_000_000;
    policy.max_delay = LONG * 1_000_000;
    let tracer = builder().retry(policy).exporter(exporter).build().unwrap();
    end_spans(&tracer, 20);
    assert!(tracer.flush(Duration::from_millis(100)).timed_out);
    let early = books(&tracer);
    assert_eq!((early.exported, early.dropped.get(DropReason::Rejected), early.pending), (13, 2, 5));
    assert_eq!(tracer.diagnostic_count(Diagnostic::ExportFailed), 1, "two were refused");

    let report = tracer.shutdown(LONG);
    assert_eq!((report.stats.exported(), lost(&report.stats, DropReason::Rejected)), (18, 2));
    assert_balanced(&report.stats);
    assert_eq!((seen.batches(), seen.distinct()), (vec![15, 5], 20));
    assert!(!report.is_complete());
}

#[test]
fn spans_that_were_delivered_are_not_lost_when_the_rest_is() {
    let seen = Seen::default();
    let (exporter, calls) = stuttering(&seen, |call| Some(if call == 1 { (13, 0) } else { (0, 0) }));
    let tracer = builder().retry(quick_retries(3)).exporter(exporter).build().unwrap();
    end_spans(&tracer, 15);
    let report = tracer.flush(LONG);
    assert_eq!((report.stats.exported(), lost(&report.stats, DropReason::RetriesExhausted)), (13, 2));
    assert_balanced(&report.stats);
    // What was left was another batch, tried once then.
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(report.stats.exporters[0].retries, 2);
}

#[test]
fn at_the_deadline_only_the_rest_is_lost() {
    let seen = Seen::default();
    let (exporter, _calls) = stuttering(&seen, |call| Some(if call == 1 { (3, 1) } else { (0, 0) }));
    let mut policy = quick_retries(2);
    policy.initial_delay = LONG;
    policy.max_delay = LONG;
    let tracer = builder().retry(policy).exporter(exporter).build().unwrap();
    end_spans(&tracer, 10);
    let report = tracer.shutdown(Duration::from_millis(50));
    assert_eq!(report.stats.exported(), 3);
    assert_eq!(lost(&report.stats, DropReason::Rejected), 1);
    assert_eq!(report.stats.dropped_anywhere().total(), 7, "{report}");
    assert_balanced(&report.stats);
}

/// As long as a part of it gets through each time, a batch is not given up.
#[test]
fn progress_begins_the_attempts_anew() {
    let seen = Seen::default();
    let (exporter, calls) = stuttering(&seen, |call| (call < 40).then_some(((call % 2) as usize, 0)));
    let tracer = builder().retry(quick_retries(3)).exporter(exporter).build().unwrap();
    end_spans(&tracer, 30);
    let report = tracer.flush(LONG);
    assert!(report.is_complete(), "{report}");
    assert_eq!((calls.load(Ordering::SeqCst), seen.count(), seen.distinct()), (40, 30, 30));
}

#[test]
fn more_than_there_is_counts_as_all() {
    for (delivered, rejected, expected) in
        [(7, 0, (7, 0)), (3, 4, (3, 4)), (usize::MAX, usize::MAX, (7, 0)), (5, usize::MAX, (5, 2))]
    {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = calls.clone();
        let exporter = Script(move |_: &Batch| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(ExportError::retry("busy").with_settled(delivered, rejected))
        });
        let tracer = builder().retry(quick_retries(5)).exporter(exporter).build().unwrap();
        end_spans(&tracer, 7);
        let report = tracer.flush(LONG);
        assert_eq!((report.stats.exported(), lost(&report.stats, DropReason::Rejected)), expected);
        assert_eq!(calls.load(Ordering::SeqCst), 1, "nothing is left to be tried again");
        assert_balanced(&report.stats);
    }
}

#[test]
fn a_final_error_refuses_only_the_rest() {
    for (error, expected) in [
        (ExportError::permanent as fn(&'static str) -> ExportError, (3, 4)),
        // About the whole batch, whatever else it says.
        (|message| ExportError::partial(2, message), (5, 2)),
    ] {
        let exporter = Script(move |_: &Batch| Err(error("the disk is gone").with_settled(3, 1)));
        let tracer = builder().exporter(exporter).build().unwrap();
        end_spans(&tracer, 7);
        let report = tracer.flush(LONG);
        assert_eq!((report.stats.exported(), lost(&report.stats, DropReason::Rejected)), expected);
        assert_balanced(&report.stats);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is settled when, behind filters, too: each span that is meant for the exporter is settled once.
    #[test]
    fn however_a_batch_is_settled_each_span_is_once(
        spans in vec(any::<bool>(), 1..60),
        parts in vec((0..9_usize, 0..3_usize), 0..20),
        batch_spans in 1..20_usize,
    ) {
        let wanted = spans.iter().filter(|is_wanted| **is_wanted).count();
        let settled = Arc::new(Mutex::new((HashMap::<SpanId, usize>::new(), 0)));
        let (noted, mut parts) = (settled.clone(), parts.into_iter());
        let exporter = Script(move |batch: &Batch| {
            let (delivered, rejected) = parts.next().unwrap_or((usize::MAX, 0));
            let mut noted = noted.lock().unwrap();
            let delivered = delivered.min(batch.len());
            let rejected = rejected.min(batch.len() - delivered);
            for span in batch.spans().take(delivered + rejected) {
                *noted.0.entry(span.span_id()).or_default() += 1;
            }
            noted.1 += rejected;
            Err(ExportError::retry("busy").with_settled(delivered, rejected))
        });
        let is_wanted = |span: &throughline::SpanRecord| span.name() == "wanted";
        let delivery = Delivery::to(exporter).filter(is_wanted);
        let tracer = builder()
            .max_batch_spans(batch_spans)
            .retry(quick_retries(100))
            .exporter(delivery)
            .build()
            .unwrap();
        for is_wanted in &spans {
            tracer.span(if *is_wanted { "wanted" } else { "other" }).end();
        }
        let report = tracer.flush(LONG);
        assert_balanced(&report.stats);
        let (counts, rejected) = &*settled.lock().unwrap();
        prop_assert_eq!(counts.len(), wanted);
        prop_assert!(counts.values().all(|count| *count == 1));
        let books = &report.stats.exporters[0];
        prop_assert_eq!(books.exported, (wanted - rejected) as u64);
        prop_assert_eq!(books.dropped.get(DropReason::Rejected), *rejected as u64);
        prop_assert_eq!(books.dropped.total(), *rejected as u64);
        prop_assert_eq!(books.filtered, (spans.len() - wanted) as u64);
    }
}
