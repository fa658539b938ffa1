//! The comparison: processes in turns, and what comes of it.
//!
//! A turn runs one workload with each of its peers, one right after another, and begins with another peer
//! each time. Ratios are those of one turn; their median is what counts. A turn in which other programs
//! took much of the machine is run again.

use crate::{
    machine::{self, Watch},
    measure::Measured,
    plot, report,
    results::{self, Row},
    statistics::{median, quantile},
    workload::{Peer, Workload},
};
use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

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
            let allocations = measure(workload, peer, options.lasting, "allocations")?;
            all.push(Series { workload, peer, times: Vec::new(), allocations });
            carried.push((workload, peer, spawn(&["look", workload.name(), peer.name()])?));
        }
    }
    let mut quiet = Turns { repeated: 0, others: Vec::new() };
    for run in 0..options.runs {
        for &workload in &options.workloads {
            eprintln!("turn {} of {}: {}", run + 1, options.runs, workload.name());
            for (peer, measured) in quiet.turn(workload, run, options)? {
                let series = all.iter_mut().find(|series| (series.workload, series.peer) == (workload, peer));
                series.expect("a series for each").times.push(measured);
            }
        }
    }
    let rows: Vec<Row> = all.iter().map(|series| row(series, &all)).collect();
    print!("{}", report::report(&rows, &carried));
    println!(
        "\n{}; {}\n{} turns, {:.1} s each process; other programs took {:.1} % of the machine (median of the \
         turns, at most {:.1} %); {} turns were repeated for it",
        machine::date(),
        machine::describe(),
        options.runs,
        options.lasting.as_secs_f64(),
        median(quiet.others.iter().copied()),
        quantile(quiet.others.iter().copied(), 1.0),
        quiet.repeated,
    );
    if let Some(directory) = &options.save {
        let (table, picture) = (directory.join("performance.tsv"), directory.join("performance.svg"));
        results::write(&table, &rows)?;
        plot::plot(&table, &picture)?;
    }
    Ok(())
}

/// How quiet the machine was.
struct Turns {
    repeated: usize,
    others: Vec<f64>,
}

impl Turns {
    /// More repetitions of one turn than this, and the least busy one counts.
    const PATIENCE: usize = 20;

    fn turn(
        &mut self,
        workload: Workload,
        run: usize,
        options: &Options,
    ) -> Result<Vec<(Peer, Measured)>, String> {
        let mut best: Option<(f64, Vec<(Peer, Measured)>)> = None;
        for attempt in 0.. {
            let watch = Watch::start();
            let mut peers = workload.peers().to_vec();
            let count = peers.len();
            peers.rotate_left(run % count);
            let measured: Result<Vec<_>, String> = peers
                .into_iter()
                .map(|peer| Ok((peer, measure(workload, peer, options.lasting, "times")?)))
                .collect();
            let (others, measured) = (watch.others_percent(), measured?);
            if best.as_ref().is_none_or(|(least, _)| others < *least) {
                best = Some((others, measured));
            }
            if others <= options.busy || attempt == Self::PATIENCE {
                break;
            }
            self.repeated += 1;
        }
        let (others, measured) = best.expect("at least one attempt");
        self.others.push(others);
        Ok(measured)
    }
}

fn measure(workload: Workload, peer: Peer, lasting: Duration, aspect: &str) -> Result<Measured, String> {
    let seconds = lasting.as_secs_f64().to_string();
    spawn(&["measure", workload.name(), peer.name(), &seconds, aspect])?.trim().parse()
}

/// Runs this program with these arguments; what it printed.
fn spawn(arguments: &[&str]) -> Result<String, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    // No setting of the user's may favour anybody.
    let inherited = env::vars_os().map(|(name, _)| name);
    let settings = inherited.filter(|name| name.to_string_lossy().starts_with("OTEL_"));
    let mut command = Command::new(program);
    for name in settings {
        command.env_remove(name);
    }
    let output = command
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{arguments:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{} has failed", arguments.join(" ")));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
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
