//! One measurement, in this process: one peer, one workload.

use crate::{
    allocations,
    sink::{SINK, Seen},
    subject::Subject,
    workload::{Peer, Workload},
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

/// What is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    Times,
    Allocations,
}

/// What a process has measured. Per unit of the workload: a span, or a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// Nanoseconds that the caller's thread took, flushes aside.
    pub caller: f64,
    /// Nanoseconds of processor time of all the process's threads, flushes included.
    pub cpu: f64,
    /// Microseconds that a flush took.
    pub flush: f64,
    pub allocations: f64,
    pub allocated_bytes: f64,
    /// Spans that reached the exporter, and those that should have.
    pub delivered: u64,
    pub expected: u64,
}

/// Runs a workload for about so long, after a fifth of that to warm up.
pub fn measure(peer: Peer, workload: Workload, lasting: Duration, aspect: Aspect) -> Measured {
    let mut subject = Subject::set_up(peer, workload);
    let warm_up = run(&mut subject, lasting / 5);
    let before = SINK.delivered();
    if aspect == Aspect::Allocations {
        allocations::start_counting();
    }
    let cpu = process_nanos();
    let run = run(&mut subject, lasting);
    let cpu = process_nanos() - cpu;
    let (allocations, bytes) = allocations::counted();

    let expected = (run.rounds * workload.spans_a_round(peer)) as u64;
    let delivered = SINK.delivered() - before;
    assert_eq!(before, (warm_up.rounds * workload.spans_a_round(peer)) as u64, "spans of the warm-up");
    let units = (run.rounds * workload.units_a_round()) as f64;
    Measured {
        caller: run.caller.as_nanos() as f64 / units,
        cpu: cpu as f64 / units,
        flush: run.flushes.as_nanos() as f64 / 1e3 / run.rounds as f64,
        allocations: allocations as f64 / units,
        allocated_bytes: bytes as f64 / units,
        delivered,
        expected,
    }
}

impl Measured {
    /// Has every span arrived, and none twice?
    ///
    /// # Errors
    ///
    /// Says how many have.
    pub fn check(&self) -> Result<(), String> {
        let Self { delivered, expected, .. } = self;
        if delivered == expected {
            return Ok(());
        }
        Err(format!("{delivered} of {expected} spans have been delivered: the comparison does not count"))
    }
}

/// One line, which [`FromStr`] reads.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caller, cpu, flush, allocations, allocated_bytes, delivered, expected } = self;
        write!(f, "{caller} {cpu} {flush} {allocations} {allocated_bytes} {delivered} {expected}")
    }
}

impl FromStr for Measured {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[caller, cpu, flush, allocations, allocated_bytes, delivered, expected]) => {
                let (delivered, expected) = (delivered as u64, expected as u64);
                Ok(Self { caller, cpu, flush, allocations, allocated_bytes, delivered, expected })
            }
            _ => Err(format!("not a measurement: {line}")),
        }
    }
}

/// What the spans of one trace, or request, carry.
pub fn look(peer: Peer, workload: Workload) -> Vec<Seen> {
    let mut subject = Subject::set_up(peer, workload);
    SINK.look(|| {
        subject.one();
        subject.flush();
    })
}

#[derive(Default)]
struct Run {
    rounds: usize,
    caller: Duration,
    flushes: Duration,
}

fn run(subject: &mut Subject, lasting: Duration) -> Run {
    let mut run = Run::default();
    let began = Instant::now();
    while run.rounds == 0 || began.elapsed() < lasting {
        let start = Instant::now();
        subject.round();
        let ended = Instant::now();
        subject.flush();
        run.caller += ended - start;
        run.flushes += ended.elapsed();
        run.rounds += 1;
    }
    run
}

/// Processor time of all threads this process has had.
fn process_nanos() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the process's usage");
    usage.user_time().num_nanoseconds() + usage.system_time().num_nanoseconds()
}
