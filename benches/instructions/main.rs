//! Instructions a span, counted by callgrind, and their budgets. `cargo bench --bench instructions`.
//!
//! Times differ from run to run by several per cent, these counts by next to nothing: a step that gets
//! dearer is seen at once. Two numbers for each workload: what the caller's thread executes between two
//! flushes, and what all threads execute, flushes included. Counting begins and ends with the functions in
//! which that happens, behind rounds in which everything is set up.
//!
//! `budgets.txt` beside this file holds what was counted last, and with which compiler, C library and
//! valgrind. With the same ones, more than 3 % above it fails (25 % for all threads); with others the budgets
//! are a hint.
//! `cargo bench --bench instructions -- --update` writes it anew.

#[path = "../workloads/mod.rs"]
mod workloads;

mod budgets;
mod callgrind;
mod subjects;

use budgets::{Budget, Budgets};
use std::process::ExitCode;

/// The share by which the caller's budget may be exceeded.
const SLACK: f64 = 0.03;
/// The same for all threads together: how often the collector and an exporter wake up, and with how much to do,
/// is the scheduler's choice.
const PROCESS_SLACK: f64 = 0.25;

fn main() -> ExitCode {
    // cargo passes `--bench` to whatever it benches.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", workload, rounds] => {
            subjects::run(workload, rounds.parse().expect("a number of rounds"));
            ExitCode::SUCCESS
        }
        ["--update"] => count(true),
        _ => count(false),
    }
}

fn count(update: bool) -> ExitCode {
    let Some(versions) = budgets::versions() else {
        println!("instructions: skipped, valgrind is not installed (`apt-get install valgrind`)");
        return ExitCode::SUCCESS;
    };
    let (known, mut counted) = (Budgets::read(), Budgets::default());
    println!("instructions a span (http: a request), by {versions}\n");
    println!("{:<12} {:>10}  {:<9} {:>10}  {:<9}", "", "caller", "", "process", "");
    let mut exceeded = false;
    for (name, units) in subjects::ALL {
        let now = Budget { caller: callgrind::caller(name, units), process: callgrind::process(name, units) };
        let budget = known.of(name);
        let [caller, process] = [
            (now.caller, budget.map(|budget| budget.caller)),
            (now.process, budget.map(|budget| budget.process)),
        ]
        .map(|(now, budget)| budget.map(|budget| now / budget - 1.0));
        println!(
            "{name:<12} {:>10.1}  {:<9} {:>10.1}  {:<9}",
            now.caller,
            percent(caller),
            now.process,
            percent(process)
        );
        exceeded |= [(caller, SLACK), (process, PROCESS_SLACK)]
            .iter()
            .any(|(more, slack)| more.is_some_and(|more| more > *slack));
        counted.push(name, now);
    }
    if update {
        counted.write(&versions);
    } else if !known.are_of(&versions) {
        println!("\nthe budgets are of another compiler, C library or valgrind, and so only a hint");
    } else if exceeded {
        eprintln!(
            "\nmore than {} % above the budget ({} % for all threads): make it cheaper or, if it is worth its price, say so in the \
             commit and run `cargo bench --bench instructions -- --update`",
            100.0 * SLACK,
            100.0 * PROCESS_SLACK,
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What is more than in the budget.
fn percent(more: Option<f64>) -> String {
    more.map_or_else(|| "(new)".to_owned(), |more| format!("({:+.1} %)", 100.0 * more))
}
