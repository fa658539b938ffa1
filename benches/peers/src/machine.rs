//! The machine, the versions, and what other programs do meanwhile. Linux only.

use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
use std::{fs, process::Command, thread, time::Instant};

/// A line on the machine and the compiler.
pub fn describe() -> String {
    let model = first_value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, Linux {}, {}", kernel.trim(), output("rustc", &["--version"]))
}

/// Today, as `2026-01-31`.
pub fn date() -> String {
    output("date", &["-u", "+%F"])
}

/// The version of a crate in this comparison's lock file.
pub fn version(crate_name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let entry = format!("name = \"{crate_name}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("?", |(version, _)| version)
}

/// How busy others keep the machine, from here on.
pub struct Watch {
    began: Instant,
    busy: f64,
    children: f64,
}

impl Watch {
    pub fn start() -> Self {
        Self { began: Instant::now(), busy: busy_seconds(), children: children_seconds() }
    }

    /// The percentage of all cores' time since the start that neither this program nor the processes it
    /// has waited for have used.
    pub fn others_percent(&self) -> f64 {
        let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
        let others = (busy_seconds() - self.busy) - (children_seconds() - self.children);
        (100.0 * others / (self.began.elapsed().as_secs_f64() * cores)).max(0.0)
    }
}

/// What all processors have done other than idle, the time that a hypervisor took away included.
fn busy_seconds() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = read("/proc/stat");
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .map(|all| all.split_whitespace().filter_map(|number| number.parse().ok()).collect())
        .unwrap_or_default();
    // user nice system idle iowait irq softirq steal, and guests, which are users already
    let busy: f64 = ticks.iter().take(8).sum::<f64>() - ticks.iter().skip(3).take(2).sum::<f64>();
    busy / TICKS_A_SECOND
}

fn children_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    })
}

fn first_value(file: &str, key: &str) -> Option<String> {
    let text = read(file);
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map_or_else(|_| format!("{program}?"), |out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
