//! Draws what the services' spans say.

use std::{
    collections::HashSet,
    io::{IsTerminal, stdout},
    time::Duration,
};
use throughline::{
    TraceId, Tracer,
    analysis::{Performance, RenderOptions, Trace},
    exporters::{ExportedSpan, Memory},
};
use tokio::{
    signal::ctrl_c,
    time::{Instant, interval, sleep},
};

/// Waits until every span has ended, and for its way to the memory. A hang-up takes its time to reach the
/// services. Flushes only then, because a flush has a tail sampler decide about what is still open.
pub async fn wait_for_services(tracers: &[Tracer]) {
    let patience = Instant::now() + Duration::from_secs(5);
    while tracers.iter().any(|tracer| tracer.stats().open > 0) && Instant::now() < patience {
        sleep(Duration::from_millis(5)).await;
    }
    flush(tracers).await;
}

async fn flush(tracers: &[Tracer]) {
    for tracer in tracers {
        let _kept_in_memory = tracer.flush_async(Duration::from_secs(1)).await;
    }
}

/// Every trace as a tree, then every operation in a table.
pub fn draw_all(records: &[ExportedSpan]) {
    let options = render_options();
    let spans = || records.iter().map(ExportedSpan::as_pair);
    for trace in Trace::assemble(spans()) {
        println!("{}", trace.render(&options));
    }
    println!("{}", Performance::of(spans()).render(&options));
}

/// Draws each trace when its last span has ended, until Ctrl-C; then the table.
pub async fn draw_until_interrupted(tracers: &[Tracer], memory: &Memory) -> std::io::Result<()> {
    let mut drawn = HashSet::new();
    let mut ticks = interval(Duration::from_millis(200));
    loop {
        tokio::select! {
            interrupted = ctrl_c() => {
                interrupted?;
                let records = memory.records();
                let spans = records.iter().map(ExportedSpan::as_pair);
                println!("\n{}", Performance::of(spans).render(&render_options()));
                return Ok(());
            }
            _ = ticks.tick() => {
                if tracers.iter().all(|tracer| tracer.stats().open == 0) {
                    flush(tracers).await;
                    draw_new(&memory.records(), &mut drawn);
                }
            }
        }
    }
}

fn draw_new(records: &[ExportedSpan], drawn: &mut HashSet<TraceId>) {
    let new = records.iter().filter(|record| !drawn.contains(&record.span.trace_id()));
    for trace in Trace::assemble(new.map(ExportedSpan::as_pair)) {
        println!("{}", trace.render(&render_options()));
    }
    drawn.extend(records.iter().map(|record| record.span.trace_id()));
}

fn render_options() -> RenderOptions {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(120);
    RenderOptions::new().width(columns).colors(stdout().is_terminal())
}
