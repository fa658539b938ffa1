//! What throughline costs, beside its peers.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```
//!
//! runs every workload with every peer, each in a process of its own, in turns and repeatedly, and prints
//! the medians with their ratios. A process in which a span is lost fails the comparison. What is measured
//! and how is described in `docs/performance.md`; `--help` lists the options.

mod allocations;
mod compare;
mod conditions;
mod machine;
mod measure;
mod peers;
mod plot;
mod report;
mod results;
mod sink;
mod statistics;
mod subject;
mod turns;
mod workload;
// The same request, the same handler, the same use of throughline as in the library's own measurements.
#[path = "../../workloads/mod.rs"]
mod workloads;

use measure::Aspect;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use workload::{Peer, Workload};

const HELP: &str = "\
cargo run --release -- [OPTIONS]      compares all peers on all workloads

  --runs N          how often each process is run; the median counts (default 9)
  --seconds S       how long each measures (default 0.5)
  --only WORKLOAD   one of local100, request, unsampled, 'no tracer', http; may be repeated
  --busy PERCENT    repeats a turn in which other programs took more of the machine (default 5)
  --save DIRECTORY  writes performance.tsv and performance.svg there

cargo run --release -- conditions [--runs N] [--busy PERCENT]
                                      threads, an exporter that hangs, an axum server under load
cargo run --release -- plot FILE.tsv FILE.svg       draws saved results anew
cargo run --release -- look WORKLOAD PEER           shows what the spans of one trace carry
cargo run --release -- measure WORKLOAD PEER SECONDS times|allocations
                                                    one measurement, to be profiled";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["--help" | "-h", ..] => {
            println!("{HELP}");
            Ok(())
        }
        ["measure", workload, peer, seconds, aspect] => measure_one(workload, peer, seconds, aspect),
        ["look", workload, peer] => look(workload, peer),
        ["threads", peer, threads] => {
            named_peer(peer).and_then(|peer| conditions::threads(peer, number(threads)?))
        }
        ["hang", hangs] => conditions::hang(hangs == "always"),
        ["serve", peer] => named_peer(peer).and_then(conditions::serve),
        ["load", port] => number(port).and_then(conditions::load),
        ["conditions", ref rest @ ..] => options(rest).and_then(|options| {
            conditions::conditions(&conditions::Options { runs: options.runs, busy: options.busy })
        }),
        ["plot", from, to] => plot::plot(from.as_ref(), to.as_ref()),
        _ => options(&arguments).and_then(|options| compare::compare(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[&str]) -> Result<compare::Options, String> {
    let mut options = compare::Options::default();
    let mut only = Vec::new();
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{name}: no such option, or no value\n\n{HELP}"))?;
        match *name {
            "--runs" => options.runs = number(value)?,
            "--seconds" => options.lasting = seconds(value)?,
            "--busy" => options.busy = number(value)?,
            "--only" => only.push(named_workload(value)?),
            "--save" => options.save = Some(PathBuf::from(value)),
            _ => return Err(format!("{name}: no such option\n\n{HELP}")),
        }
    }
    if !only.is_empty() {
        options.workloads = only;
    }
    Ok(options)
}

fn measure_one(name: &str, of: &str, lasting: &str, aspect: &str) -> Result<(), String> {
    let (workload, peer) = (named_workload(name)?, named_peer(of)?);
    let aspect = match aspect {
        "times" => Aspect::Times,
        "allocations" => Aspect::Allocations,
        other => return Err(format!("{other}: neither times nor allocations")),
    };
    let measured = measure::measure(peer, workload, seconds(lasting)?, aspect);
    println!("{measured}");
    measured.check().map_err(|loss| format!("{of}, {name}: {loss}"))
}

fn look(name: &str, of: &str) -> Result<(), String> {
    for seen in measure::look(named_peer(of)?, named_workload(name)?) {
        println!("{seen}");
    }
    Ok(())
}

fn named_workload(name: &str) -> Result<Workload, String> {
    let known = Workload::ALL.into_iter().find(|workload| workload.name() == name);
    known.ok_or_else(|| format!("{name}: no such workload"))
}

fn named_peer(name: &str) -> Result<Peer, String> {
    let known = Peer::ALL.into_iter().find(|peer| peer.name() == name);
    known.ok_or_else(|| format!("{name}: no such peer"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number(text)?).map_err(|error| format!("{text}: {error}"))
}

fn number<N: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<N, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}
