//! The memory a tracer takes: bounded whatever happens, little on a thread that is idle, none that matters
//! once it has been shut down. A binary of its own, for the counting allocator; one test, as it counts for the
//! whole process.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Span, Tracer,
    export::{ExportError, Exporter},
};

const LONG: Duration = Duration::from_secs(60);
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const THREADS: usize = 64;

/// Counts the bytes that are allocated and not freed, and the most there have been.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: hands every call on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is the one asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Counts what it is given. Hangs while it is told to.
struct Gate {
    exported: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
}

impl Exporter for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        while self.hangs.load(Ordering::Acquire) {
            thread::yield_now();
        }
        self.exported.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }
}

struct Setting {
    tracer: Tracer,
    exported: Arc<AtomicUsize>,
    hangs: Arc<AtomicBool>,
}

fn tracer() -> Setting {
    let (exported, hangs) = (Arc::default(), Arc::default());
    let gate = Gate { exported: Arc::clone(&exported), hangs: Arc::clone(&hangs) };
    let tracer = Tracer::builder("memory")
        .environment(|_| None)
        .diagnostics(|_| {})
        .exporter(gate)
        .build()
        .expect("a tracer");
    Setting { tracer, exported, hangs }
}

fn end_spans(tracer: &Tracer, count: usize) {
    for _ in 0..count {
        tracer.span("one of many").end();
    }
}

#[test]
fn memory_is_bounded() {
    a_thread_that_is_idle_costs_less_than_64_kib();
    a_burst_is_delivered_whole_and_its_memory_comes_back();
    many_threads_and_an_exporter_that_hangs_stay_within_the_bounds();
    attributes_without_end_and_huge_values_are_cut_before_they_are_copied();
    spans_that_do_not_end_are_kept_by_nobody_else();
    a_tracer_that_has_been_shut_down_leaves_little();
}

fn a_thread_that_is_idle_costs_less_than_64_kib() {
    let setting = tracer();
    let tracer = &setting.tracer;
    let (worked, measured) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    let idle = || {
        let request = tracer.span("request").entered();
        request.set_attribute("url.path", "/orders/7");
        for _ in 0..100 {
            let _query = Span::new("query").entered();
        }
        drop(request);
        worked.wait();
        measured.wait();
    };
    // The first use of anything is not the threads' cost.
    end_spans(tracer, 1_000);
    assert!(tracer.flush(LONG).is_complete());
    let before = live();
    thread::scope(|scope| {
        (0..THREADS).for_each(|_| drop(scope.spawn(idle)));
        worked.wait();
        assert!(tracer.flush(LONG).is_complete());
        let each = live().saturating_sub(before) / THREADS;
        assert!(each < 64 * KIB, "{each} bytes a thread");
        measured.wait();
    });
}

fn a_burst_is_delivered_whole_and_its_memory_comes_back() {
    let setting = tracer();
    end_spans(&setting.tracer, 1);
    assert!(setting.tracer.flush(LONG).is_complete());
    let before = live();
    end_spans(&setting.tracer, 20_000);
    assert!(setting.tracer.flush(LONG).is_complete());
    assert_eq!(setting.exported.load(Ordering::Relaxed), 20_001);
    let kept = live().saturating_sub(before);
    // Spare blocks and vectors, as ARCHITECTURE.md has them.
    assert!(kept < 64 * 25 * KIB + 16 * 49 * KIB, "{kept} bytes are kept");
}

fn many_threads_and_an_exporter_that_hangs_stay_within_the_bounds() {
    let setting = tracer();
    setting.hangs.store(true, Ordering::Release);
    let before = live();
    PEAK.store(before, Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| end_spans(&setting.tracer, 10_000));
        }
    });
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    // As many as fit the lanes, first blocks included, of 64 bytes; the queue, of 112; and what is spare.
    let bound =
        (98_304 + THREADS * 256) * 64 + 65_536 * 112 + 64 * 17 * KIB + 16 * 57 * KIB + THREADS * 16 * KIB;
    assert!(peak < bound + MIB, "{peak} bytes at most, not {bound}");
    setting.hangs.store(false, Ordering::Release);
    let stats = setting.tracer.shutdown(LONG).stats;
    let exporter = &stats.exporters[0];
    assert_eq!(stats.ended, 640_000);
    assert_eq!(exporter.exported, setting.exported.load(Ordering::Relaxed) as u64);
    assert_eq!(stats.ended, exporter.exported + exporter.dropped.total() + stats.dropped.total());
}

fn attributes_without_end_and_huge_values_are_cut_before_they_are_copied() {
    let setting = tracer();
    let huge = "x".repeat(100 * MIB);
    let keys: Vec<_> = (0..10_000).map(|number| format!("key.{number}")).collect();
    let before = live();
    PEAK.store(before, Ordering::Relaxed);
    let span = setting.tracer.span("greedy");
    for key in &keys {
        span.set_attribute(key.clone(), "value");
    }
    span.set_attribute("huge", &huge);
    span.set_attribute(huge.clone(), &huge);
    span.end();
    assert!(setting.tracer.flush(LONG).is_complete());
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    // One copy of the key is this test's own.
    assert!(peak < 100 * MIB + 2 * MIB, "{peak} bytes at most");
    assert_eq!(setting.exported.load(Ordering::Relaxed), 1);
}

fn spans_that_do_not_end_are_kept_by_nobody_else() {
    const OPEN: usize = 200_000;
    let setting = tracer();
    end_spans(&setting.tracer, 1_000);
    assert!(setting.tracer.flush(LONG).is_complete());
    let mut open = Vec::with_capacity(OPEN);
    let before = live();
    for _ in 0..OPEN {
        let span = setting.tracer.span("open");
        span.set_attribute("number", 1);
        open.push(span);
    }
    assert!(setting.tracer.flush(LONG).is_complete(), "what is open is not waited for");
    let each = live().saturating_sub(before) / OPEN;
    assert!(each < KIB, "{each} bytes for each of them");
    assert_eq!(setting.tracer.stats().open, OPEN as u64);
    // They are the application's. So that the queue has room for them, they go bit by bit.
    while !open.is_empty() {
        open.truncate(open.len().saturating_sub(10_000));
        assert!(setting.tracer.flush(LONG).is_complete());
    }
    assert_eq!(setting.tracer.stats().open, 0);
    let kept = live().saturating_sub(before);
    assert!(kept < 64 * 25 * KIB + 256 * 16 * KIB + MIB, "{kept} bytes are kept");
}

/// Even though this thread goes on and has not been told that it is over.
fn a_tracer_that_has_been_shut_down_leaves_little() {
    end_spans(&tracer().tracer, 1);
    let before = live();
    let setting = tracer();
    for _ in 0..20_000 {
        setting.tracer.span("one of many").set_attribute("number", 1);
    }
    assert!(setting.tracer.shutdown(LONG).is_complete());
    drop(setting);
    // Its threads let go of what they have as they end, which nobody waits for.
    let patience = Instant::now() + LONG;
    let kept = loop {
        let kept = live().saturating_sub(before);
        if kept < 64 * KIB || Instant::now() > patience {
            break kept;
        }
        thread::yield_now();
    };
    assert!(kept < 64 * KIB, "{kept} bytes are kept");
}
