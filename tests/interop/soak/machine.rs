//! What Linux says of a process: its memory, and what it has used of the processors.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// How many a second, on every Linux that Rust runs on.
const CLOCK_TICKS: f64 = 100.0;

/// The memory of this process that is in use.
pub fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Ticks of the processors.
pub struct Cpu {
    process: u64,
    /// Those of its threads that are still there, by their names.
    threads: BTreeMap<String, u64>,
}

impl Cpu {
    pub fn of_self() -> Self {
        Self::of(std::process::id())
    }

    pub fn of(process: u32) -> Self {
        let folder = format!("/proc/{process}");
        let (_, process) = read(Path::new(&folder)).unwrap();
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("{folder}/task")).unwrap() {
            // One that has ended meanwhile has nothing to say.
            if let Some((name, ticks)) = read(&thread.unwrap().path()) {
                *threads.entry(name).or_default() += ticks;
            }
        }
        Self { process, threads }
    }

    pub fn since(mut self, before: &Self) -> Self {
        self.process -= before.process;
        for (name, ticks) in &mut self.threads {
            *ticks -= before.threads.get(name).copied().unwrap_or_default();
        }
        self
    }

    pub fn print(&self, whose: &str, spans: u64, took: Duration) {
        print(whose, self.process, spans, took);
    }

    /// Of what was used, who has: threads by their names, and those that have ended.
    pub fn print_threads(&self, ended: &str, spans: u64, took: Duration) {
        print(ended, self.process.saturating_sub(self.threads.values().sum()), spans, took);
        let busy = self.threads.iter().filter(|(_, ticks)| **ticks > 0);
        busy.for_each(|(name, ticks)| print(name, *ticks, spans, took));
    }
}

fn print(whose: &str, ticks: u64, spans: u64, took: Duration) {
    let seconds = ticks as f64 / CLOCK_TICKS;
    let share = 100.0 * seconds / took.as_secs_f64();
    let each = seconds * 1e9 / spans as f64;
    println!("{whose:>20}: {seconds:7.2} s, {share:5.1} % of a processor, {each:5.0} ns a span");
}

/// The name and the ticks, of the user and of the system [proc_pid_stat(5): comm, utime, stime].
fn read(folder: &Path) -> Option<(String, u64)> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    let (front, rest) = stat.rsplit_once(") ")?;
    let (_, name) = front.split_once(" (")?;
    let numbers: Vec<_> = rest.split(' ').collect();
    let used = [11, 12].map(|field: usize| numbers[field].parse::<u64>().unwrap());
    Some((name.to_owned(), used.iter().sum()))
}
