//! The comparison: each workload with each of its peers, in turns, and the medians.
//!
//! Ratios are those of one turn; their median is what counts.

use crate::{
    machine,
    measure::Measured,
    plot, report,
    results::{self, Row},
    statistics::{median, quantile},
    turns::{Turns, spawn},
    workload::{Peer, Workload},
};
use std::{path::PathBuf, time::Duration};

pub struct Options {
    pub runs: usize,
    pub lasting: Duration,
    /// The percentage of the machine that others may use during a turn.
    pub busy: f64,
    pub workloads: Vec<Workload>,
    pub save: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            runs: 9,
            lasting: Duration::from_millis(500),
            busy: 5.0,
            workloads: Workload::ALL.to_vec(),
            save: None,
        }
    }
}

/// What one peer has measured on one workload, in each turn.
struct Series {
    workload: Workload,
    peer: Peer,
    times: Vec<Measured>,
    allocations: Measured,
}

/// Runs it, prints it, keeps it.
///
/// # Errors
///
/// If a process fails, as it does when a span is lost.
pub fn compare(options: &Options) -> Result<(), String> {
    let mut carried = Vec::new();
    let mut all: Vec<Series> = Vec::new();
    for &workload in &options.workloads {
        for &peer in workload.peers() {
            let allocations = spawn(&command(workload, peer, options.lasting, "allocations"))?;
            all.push(Series { workload, peer, times: Vec::new(), allocations: allocations.parse()? });
            let look = ["look", workload.name(), peer.name()].map(String::from);
            carried.push((workload, peer, spawn(&look)?));
        }
    }
    let mut turns = Turns::new(options.busy);
    for run in 0..options.runs {
        for &workload in &options.workloads {
            eprintln!("turn {} of {}: {}", run + 1, options.runs, workload.name());
            let commands: Vec<_> = workload
                .peers()
                .iter()
                .map(|peer| command(workload, *peer, options.lasting, "times"))
                .collect();
            let outputs = turns.turn(run, &commands)?;
            let series = all.iter_mut().filter(|series| series.workload == workload);
            for (series, output) in series.zip(outputs) {
                series.times.push(output.parse()?);
            }
        }
    }
    let rows: Vec<Row> = all.iter().map(|series| row(series, &all)).collect();
    print!("{}", report::report(&rows, &carried));
    println!(
        "\n{}; {}\n{} turns, {:.1} s each process; {turns}",
        machine::date(),
        machine::describe(),
        options.runs,
        options.lasting.as_secs_f64(),
    );
    if let Some(directory) = &options.save {
        let (table, picture) = (directory.join("performance.tsv"), directory.join("performance.svg"));
        results::write(&table, &rows)?;
        plot::plot(&table, &picture)?;
    }
    Ok(())
}

fn command(workload: Workload, peer: Peer, lasting: Duration, aspect: &str) -> Vec<String> {
    let seconds = lasting.as_secs_f64().to_string();
    ["measure", workload.name(), peer.name(), &seconds, aspect].map(String::from).to_vec()
}

/// The medians; on `http` of what comes on top of no layers at all.
fn row(series: &Series, all: &[Series]) -> Row {
    let &Series { workload, peer, ref times, ref allocations } = series;
    let of = |peer| all.iter().find(|other| other.workload == workload && other.peer == peer);
    let base = of(Peer::Bare).filter(|_| peer != Peer::Bare);
    let reference = of(workload.reference());

    let added = |series: &Series, turn: usize, what: fn(&Measured) -> f64| {
        what(&series.times[turn]) - base.map_or(0.0, |base| what(&base.times[turn]))
    };
    let values = |what| -> Vec<f64> { (0..times.len()).map(|turn| added(series, turn, what)).collect() };
    let ratio = |what| match reference.filter(|_| peer != Peer::Bare) {
        Some(to) => median((0..times.len()).map(|turn| added(series, turn, what) / added(to, turn, what))),
        None => f64::NAN,
    };
    let quartiles = |values: &[f64]| {
        let of = |share| quantile(values.iter().copied(), share);
        (of(0.25), of(0.75))
    };
    let caller: fn(&Measured) -> f64 = |measured| measured.caller;
    let cpu: fn(&Measured) -> f64 = |measured| measured.cpu;
    let (callers, cpus) = (values(caller), values(cpu));
    let (delivered, expected) = times
        .iter()
        .fold((0, 0), |(delivered, expected), run| (delivered + run.delivered, expected + run.expected));
    Row {
        workload,
        peer,
        caller: median(callers.iter().copied()),
        cpu: median(cpus.iter().copied()),
        caller_quartiles: quartiles(&callers),
        cpu_quartiles: quartiles(&cpus),
        caller_ratio: ratio(caller),
        cpu_ratio: ratio(cpu),
        allocations: allocations.allocations - base.map_or(0.0, |base| base.allocations.allocations),
        allocated_bytes: allocations.allocated_bytes
            - base.map_or(0.0, |base| base.allocations.allocated_bytes),
        flush: median(times.iter().map(|measured| measured.flush)),
        delivered_percent: if expected == 0 { f64::NAN } else { 100.0 * delivered as f64 / expected as f64 },
        runs: times.len(),
    }
}
