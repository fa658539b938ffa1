//! Instructions a span, counted by callgrind, and their budgets. `cargo bench --bench instructions`.
//!
//! Times differ from run to run by several per cent, these counts by next to nothing: a step that gets
//! dearer is seen at once. Two numbers for each workload: what the caller's thread executes between two
//! flushes, and what all threads execute, flushes included. Counting begins and ends with the functions in
//! which that happens, behind rounds in which everything is set up.
//!
//! `budgets.txt` beside this file holds what was counted last; more than 2 % above it fails.
//! `cargo bench --bench instructions -- --update` writes it anew. The counts are of the compiler, the C
//! library and the valgrind that the file names; others may differ a little.

#[path = "../workloads/mod.rs"]
mod workloads;

mod budgets;
mod callgrind;
mod subjects;

use budgets::Budgets;
use std::process::ExitCode;

/// The share by which a budget may be exceeded.
const SLACK: f64 = 0.02;

fn main() -> ExitCode {
    // cargo passes `--bench` to whatever it benches.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", workload, rounds] => subjects::run(workload, rounds.parse().expect("a number of rounds")),
        ["--update"] => return count(true),
        _ => return count(false),
    }
    ExitCode::SUCCESS
}

fn count(update: bool) -> ExitCode {
    let Some(valgrind) = callgrind::version() else {
        println!("instructions: skipped, valgrind is not installed (`apt-get install valgrind`)");
        return ExitCode::SUCCESS;
    };
    let mut budgets = Budgets::read();
    let mut exceeded = false;
    println!("instructions a span (http: a request), counted by {valgrind}\n");
    println!(
        "{:<12} {:>10} {:>10} {:>8}   {:>10} {:>10} {:>8}",
        "", "caller", "budget", "", "process", "budget", ""
    );
    for (name, units) in subjects::ALL {
        let caller = callgrind::caller(name, units);
        let process = callgrind::process(name, units);
        let budget = budgets.of(name);
        let [of_caller, of_process] = [(caller, budget.caller), (process, budget.process)]
            .map(|(counted, budget)| counted / budget - 1.0);
        println!(
            "{name:<12} {caller:>10.1} {:>10.1} {:>+7.1}%   {process:>10.1} {:>10.1} {:>+7.1}%",
            budget.caller,
            100.0 * of_caller,
            budget.process,
            100.0 * of_process,
        );
        exceeded |= of_caller > SLACK || of_process > SLACK;
        budgets.set(name, caller, process);
    }
    if update {
        budgets.write(&valgrind);
    } else if exceeded {
        eprintln!(
            "\nmore than {} % above the budget: make it cheaper or, if it is worth its price, say so in the \
             commit and run `cargo bench --bench instructions -- --update`",
            100.0 * SLACK,
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
