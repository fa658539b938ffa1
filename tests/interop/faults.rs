//! Real servers that are killed while spans are on their way to them.

use crate::{
    collector, jaeger,
    own_servers::OwnServers,
    seen::Seen,
    servers::{setting, until},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};
use throughline::{
    Tracer, TracerBuilder,
    export::{DropReason, ExporterStats, RetryPolicy, Spool},
    exporters::{Otlp, Zipkin},
};

const BATCH: usize = 64;

fn builder() -> TracerBuilder {
    let builder = Tracer::builder("faults").environment(|_| None).diagnostics(|_| ());
    builder.max_batch_spans(BATCH).batch_delay(Duration::from_millis(20))
}

/// Gives up soon.
fn few_retries() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.max_attempts = 2;
    policy.initial_delay = Duration::from_millis(20);
    policy
}

fn otlp(address: &str) -> Otlp {
    Otlp::builder().environment(|_| None).endpoint(format!("http://{address}")).build().unwrap()
}

/// Numbered spans, a thousand a second.
struct Traffic {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Traffic {
    fn start(tracer: &Tracer) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let (tracer, has_ended, begin) = (tracer.clone(), ends.clone(), Instant::now());
        let run = move || {
            let mut made = 0;
            while !has_ended.load(Ordering::Relaxed) {
                while made < begin.elapsed().as_millis() as u64 {
                    tracer.span("order").set_attribute("number", made);
                    made += 1;
                }
                sleep(Duration::from_millis(1));
            }
            made
        };
        Self { ends, thread: thread::spawn(run) }
    }

    /// How many it was.
    fn end(self) -> u64 {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Kills the Collector amid traffic and lets it be away for so long; how many spans there were, and since when it
/// was back.
fn outage(collector: &OwnServers, tracer: &Tracer, away: Duration) -> (u64, Instant) {
    let traffic = Traffic::start(tracer);
    sleep(Duration::from_secs(1));
    collector.kill();
    sleep(away);
    collector.start_again("collector");
    let back = Instant::now();
    sleep(Duration::from_secs(1));
    (traffic.end(), back)
}

/// The numbers of the spans that the Collector has: how many came in all, and which.
fn numbers(collector: &OwnServers) -> (usize, BTreeSet<i64>) {
    let spans = collector::all_in(collector.folder());
    let number = |span: &Seen| span.attributes["number"].as_i64().unwrap();
    (spans.len(), spans.iter().map(number).collect())
}

#[test]
fn behind_a_spool_a_killed_collector_loses_nothing() {
    let collector = OwnServers::start(&["collector"]);
    let spool = Spool::new(format!("{}/spool", collector.folder()));
    let exporter = spool.wrap(otlp(&collector.setting("COLLECTOR_OTLP_HTTP")));
    let tracer = builder().exporter(exporter).build().unwrap();
    let (made, back) = outage(&collector, &tracer, Duration::from_secs(3));
    while tracer.stats().exported() < made {
        assert!(back.elapsed() < Duration::from_secs(60), "not drained: {:?}", tracer.stats());
        sleep(Duration::from_millis(20));
    }
    println!("{made} spans, drained {:?} after the Collector's return", back.elapsed());
    let report = tracer.shutdown(Duration::from_secs(10));
    assert!(report.is_complete() && report.stats.ended == made, "{report:?}");
    assert!(report.stats.exporters[0].retries > 0, "it has not been away");

    let (all, different) = numbers(&collector);
    assert_eq!(different, (0..made as i64).collect());
    assert!(all - different.len() <= BATCH, "{} came twice", all - different.len());
}

#[test]
fn without_a_spool_the_books_say_what_a_killed_collector_has_not_got() {
    let collector = OwnServers::start(&["collector"]);
    let exporter = otlp(&collector.setting("COLLECTOR_OTLP_HTTP"));
    let tracer = builder().retry(few_retries()).exporter(exporter).build().unwrap();
    let (made, _) = outage(&collector, &tracer, Duration::from_secs(1));
    let report = tracer.shutdown(Duration::from_secs(10));
    let books = &report.stats.exporters[0];
    assert!(!report.is_complete() && report.stats.ended == made, "{report:?}");
    let dropped = books.dropped.get(DropReason::RetriesExhausted);
    assert!(dropped > 500, "for a second at least nobody was there: {books:?}");
    assert_eq!((books.exported + dropped, books.pending), (made, 0), "{books:?}");

    // Of the batch that was on its way when it was killed, it may have more than it could say.
    let (all, different) = numbers(&collector);
    let exported = books.exported as usize;
    assert!((exported..=exported + BATCH).contains(&different.len()), "{}: {books:?}", different.len());
    assert!(all - different.len() <= BATCH, "{} came twice", all - different.len());
}

#[tokio::test]
async fn servers_that_are_down_hold_up_no_other() {
    let killed = OwnServers::start(&["jaeger", "zipkin"]);
    let url = format!("http://{}/api/v2/spans", killed.setting("ZIPKIN_HTTP"));
    let zipkin = Zipkin::builder().environment(|_| None).endpoint(url).build().unwrap();
    let tracer = builder().retry(few_retries()).exporter(otlp(&setting("COLLECTOR_OTLP_HTTP")));
    let tracer = tracer.exporter(otlp(&killed.setting("JAEGER_OTLP_HTTP"))).exporter(zipkin).build().unwrap();
    // Each time a trace of so many spans, all of which have been delivered or dropped then.
    let orders = |count: u64| {
        let first = tracer.span("day");
        (1..count).for_each(|_| first.child("order").end());
        let trace = first.context().unwrap().trace_id().to_string();
        first.end();
        (trace, tracer.flush(Duration::from_secs(20)))
    };

    assert!(orders(100).1.is_complete());
    killed.kill();
    let (trace, report) = orders(200);
    assert!(!report.timed_out);
    assert_eq!(
        report.stats.exporters.iter().map(books).collect::<Vec<_>>(),
        [(300, 0), (100, 200), (100, 200)]
    );
    until(|spans: &Vec<_>| spans.len() == 200, async || collector::trace(&trace)).await;

    killed.start_again("jaeger");
    let (trace, report) = orders(50);
    assert_eq!(
        report.stats.exporters.iter().map(books).collect::<Vec<_>>(),
        [(350, 0), (150, 200), (100, 250)]
    );
    let query = format!("http://{}", killed.setting("JAEGER_QUERY"));
    until(|spans: &Vec<_>| spans.len() == 50, async || jaeger::trace_at(&query, &trace).await).await;
}

/// Delivered, and dropped after every attempt; there is nothing else.
fn books(exporter: &ExporterStats) -> (u64, u64) {
    let dropped = exporter.dropped.get(DropReason::RetriesExhausted);
    assert_eq!((exporter.pending, exporter.dropped.total()), (0, dropped), "{exporter:?}");
    (exporter.exported, dropped)
}
