//! This program, run under callgrind.

use super::subjects::WARM_UP;
use std::{env, process::Command};

/// More rounds where all threads are counted: how often one of them finds nothing to do is chance.
const CALLER_ROUNDS: usize = 20;
const PROCESS_ROUNDS: usize = 100;

/// Instructions a unit on the caller's thread, flushes aside.
pub fn caller(workload: &str, units: usize) -> f64 {
    collected(workload, CALLER_ROUNDS, "--toggle-collect=*caller_side*") / (CALLER_ROUNDS * units) as f64
}

/// Instructions a unit on all threads, flushes included.
pub fn process(workload: &str, units: usize) -> f64 {
    collected(workload, PROCESS_ROUNDS, "--zero-before=*all_sides*") / (PROCESS_ROUNDS * units) as f64
}

/// The instructions that callgrind has counted.
fn collected(workload: &str, rounds: usize, option: &str) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(option)
        .arg(env::current_exe().expect("this program"))
        .args(["run", workload, &rounds.to_string()])
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{workload} has failed, after {WARM_UP} rounds to warm up:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or_else(|| panic!("no count:\n{text}"))
}
