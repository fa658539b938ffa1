//! `local100` on one thread and on two.

use super::numbers;
use crate::{
    peers,
    sink::SINK,
    statistics::median,
    turns::Turns,
    workload::{Peer, Workload},
};
use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

const PEERS: [Peer; 3] = [Peer::Throughline, Peer::Fastrace, Peer::OpenTelemetry];
const LASTING: Duration = Duration::from_millis(500);

/// A trace, and a flush, that any thread may run.
pub struct Shared {
    pub trace: Box<dyn Fn() + Send + Sync>,
    pub flush: Box<dyn Fn() + Send + Sync>,
}

/// The process: so many threads run rounds of 40 traces and flush after each. Prints the spans a second,
/// all threads together, and the nanoseconds a span at the caller.
///
/// # Errors
///
/// If a span is lost.
pub fn run(peer: Peer, threads: usize) -> Result<(), String> {
    let shared = match peer {
        Peer::Throughline => peers::throughline::shared(),
        Peer::Fastrace => peers::fastrace::shared(),
        Peer::OpenTelemetry => peers::opentelemetry::shared(),
        other => return Err(format!("{}: not on several threads", other.name())),
    };
    let _warm_up = rounds(&shared, LASTING / 5);
    let before = SINK.delivered();
    let start = Barrier::new(threads + 1);
    let (elapsed, runs) = thread::scope(|scope| {
        let body = || {
            start.wait();
            rounds(&shared, LASTING)
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(body)).collect();
        start.wait();
        let began = Instant::now();
        let runs: Vec<_> = handles.into_iter().map(|handle| handle.join().expect("a thread")).collect();
        (began.elapsed(), runs)
    });
    let spans_a_round = Workload::Local100.units_a_round() as f64;
    let spans: f64 = runs.iter().map(|(rounds, _)| *rounds as f64 * spans_a_round).sum();
    let caller: f64 = runs.iter().map(|(_, caller)| caller.as_nanos() as f64).sum();
    println!("{} {}", spans / elapsed.as_secs_f64(), caller / spans);
    let delivered = (SINK.delivered() - before) as f64;
    if delivered == spans { Ok(()) } else { Err(format!("{delivered} of {spans} spans delivered")) }
}

/// How many rounds, and how long they took without the flushes.
fn rounds(shared: &Shared, lasting: Duration) -> (usize, Duration) {
    let (began, mut rounds, mut caller) = (Instant::now(), 0, Duration::ZERO);
    while began.elapsed() < lasting {
        let start = Instant::now();
        (0..Workload::Local100.traces_a_round()).for_each(|_| (shared.trace)());
        caller += start.elapsed();
        (shared.flush)();
        rounds += 1;
    }
    (rounds, caller)
}

/// A table of both.
pub fn compare(runs: usize, turns: &mut Turns) -> Result<String, String> {
    let commands: Vec<Vec<String>> = PEERS
        .iter()
        .flat_map(|peer| {
            ["1", "2"].map(|threads| ["threads", peer.name(), threads].map(String::from).to_vec())
        })
        .collect();
    let mut measured: Vec<Vec<[f64; 2]>> = vec![Vec::new(); commands.len()];
    for run in 0..runs {
        eprintln!("turn {} of {runs}: threads", run + 1);
        for (all, output) in measured.iter_mut().zip(turns.turn(run, &commands)?) {
            all.push(numbers(&output)?);
        }
    }
    let mut table = String::from(
        "## local100 on two threads\n\n\
         | | spans a second, one thread | two | × | caller, ns, one thread | two |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for (peer, pair) in PEERS.iter().zip(measured.chunks(2)) {
        let column = |series: &[[f64; 2]], index: usize| median(series.iter().map(|run| run[index]));
        let ratio = median(pair[0].iter().zip(&pair[1]).map(|(one, two)| two[0] / one[0]));
        table += &format!(
            "| {} | {:.1} M | {:.1} M | {ratio:.2} | {:.1} | {:.1} |\n",
            peer.name(),
            column(&pair[0], 0) / 1e6,
            column(&pair[1], 0) / 1e6,
            column(&pair[0], 1),
            column(&pair[1], 1),
        );
    }
    Ok(table)
}
