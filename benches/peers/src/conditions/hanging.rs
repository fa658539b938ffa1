//! An exporter that hangs: what the caller pays, and what memory it takes. Nothing can be delivered, so
//! what does not fit has to be dropped, and counted.

use super::numbers;
use crate::{
    statistics::median,
    turns::Turns,
    workloads::{CHILDREN, ours},
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};
use throughline::{
    Batch, Tracer,
    export::{ExportError, Exporter},
};

const SPANS: usize = 10_000_000;

/// Never comes back from its first batch.
struct Hanging;

impl Exporter for Hanging {
    fn name(&self) -> &str {
        "hanging"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        loop {
            thread::park();
        }
    }
}

/// The process: ten million spans without a flush. Prints the nanoseconds a span at the caller, the most
/// memory the process has had in KiB, and the percentages that were dropped in the threads' buffers and in
/// front of the exporter.
///
/// # Errors
///
/// If the books do not add up.
pub fn run(hangs: bool) -> Result<(), String> {
    let builder = Tracer::builder("hanging").drop_within(Duration::ZERO);
    let builder = if hangs { builder.exporter(Hanging) } else { builder.exporter(ours::Null) };
    let tracer = builder.build().map_err(|error| error.to_string())?;
    for _ in 0..1_000 {
        ours::nested(tracer.span("root"));
    }
    let traces = SPANS / (CHILDREN + 1);
    let start = Instant::now();
    for _ in 0..traces {
        ours::nested(tracer.span("root"));
    }
    let caller = start.elapsed().as_nanos() as f64 / (traces * (CHILDREN + 1)) as f64;
    let report = tracer.shutdown(Duration::from_secs(1));
    let stats = report.stats;
    let exporter = stats.exporters.first().ok_or("no exporter")?;
    let [ended, buffers, queue] =
        [stats.ended, stats.dropped.total(), exporter.dropped.total()].map(|count| count as f64);
    println!("{caller} {} {} {}", peak_kib(), 100.0 * buffers / ended, 100.0 * queue / ended);
    let settled = exporter.exported as f64 + buffers + queue;
    if settled == ended { Ok(()) } else { Err(format!("{settled} of {ended} spans are accounted for")) }
}

fn peak_kib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(f64::NAN)
}

/// A table of both.
pub fn compare(runs: usize, turns: &mut Turns) -> Result<String, String> {
    let commands = ["never", "always"].map(|hangs| ["hang", hangs].map(String::from).to_vec());
    let mut measured: [Vec<[f64; 4]>; 2] = [Vec::new(), Vec::new()];
    for run in 0..runs {
        eprintln!("turn {} of {runs}: an exporter that hangs", run + 1);
        for (all, output) in measured.iter_mut().zip(turns.turn(run, &commands)?) {
            all.push(numbers(&output)?);
        }
    }
    let [sound, hanging] = &measured;
    let ratio = median(sound.iter().zip(hanging).map(|(sound, hanging)| hanging[0] / sound[0]));
    let mut table = format!(
        "## an exporter that hangs, ten million spans without a pause: caller × {ratio:.2}\n\n\
         | exporter | caller, ns | most memory, MiB | dropped in threads' buffers | in front of the exporter \
         |\n|---|---:|---:|---:|---:|\n",
    );
    for (name, series) in [("does nothing", sound), ("hangs", hanging)] {
        let column = |index: usize| median(series.iter().map(|run| run[index]));
        table += &format!(
            "| {name} | {:.1} | {:.0} | {:.1} % | {:.1} % |\n",
            column(0),
            column(1) / 1024.0,
            column(2),
            column(3),
        );
    }
    Ok(table)
}
