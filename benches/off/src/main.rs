//! What is left of throughline where it is switched off at compile time. `cd benches/off && cargo run --release`
//!
//! Counts, under callgrind, the instructions of a loop that makes spans and records on them, and of the same
//! loop without. Fails unless they are as many. Skipped where valgrind is not installed.

use std::{env, hint::black_box, process::Command, process::ExitCode};
use throughline::{Span, instrument};

const ROUNDS: u64 = 10_000;

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("plain") => plain(),
        Some("traced") => traced(),
        _ => return compare(),
    }
    ExitCode::SUCCESS
}

/// Callgrind knows this function by its name.
#[inline(never)]
fn plain() {
    for round in 0..ROUNDS {
        black_box(double(round));
    }
    // Else the two would be the same code, and one of them, and its name, left out.
    black_box(1);
}

/// Callgrind knows this function by its name.
#[inline(never)]
fn traced() {
    for round in 0..ROUNDS {
        let order = Span::new("order").entered();
        order.set_attribute("order.id", round as i64).set_attribute("customer", "ada");
        order.set_attribute_fmt("round", format_args!("{round}"));
        let child = Span::new("reserve");
        child.in_scope(|| Span::current().set_attribute("item", "lamp").is_recording());
        black_box(traced_double(round));
        child.end();
    }
    black_box(2);
}

fn double(number: u64) -> u64 {
    number * 2
}

#[instrument]
fn traced_double(number: u64) -> u64 {
    double(number)
}

fn compare() -> ExitCode {
    if !cfg!(throughline_off) {
        eprintln!("built without `--cfg throughline_off`: run it in its own folder");
        return ExitCode::FAILURE;
    }
    let [Some(plain), Some(traced)] = ["plain", "traced"].map(instructions) else {
        println!("switched off: skipped, valgrind is not installed (`apt-get install valgrind`)");
        return ExitCode::SUCCESS;
    };
    println!("switched off: {traced} instructions in {ROUNDS} rounds with spans, {plain} without");
    if plain > ROUNDS && traced == plain { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The instructions of one loop; `None` without valgrind.
fn instructions(name: &str) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect=throughline_off::{name}"))
        .arg(env::current_exe().expect("this program"))
        .arg(name)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} has failed:\n{text}");
    let count = text.lines().find_map(|line| line.split_once("Collected : "))?.1;
    Some(count.trim().parse().expect("a count"))
}
