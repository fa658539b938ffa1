//! What a service meets beyond a single thread and an exporter that is always ready: more threads, an
//! exporter that hangs, a real server under load.

mod hanging;
mod load;
mod server;
mod threads;

pub use hanging::run as hang;
pub use load::run as load;
pub use server::{App, router, run as serve};
pub use threads::{Shared, run as threads};

use crate::{machine, turns::Turns};

pub struct Options {
    pub runs: usize,
    pub busy: f64,
}

/// Runs them all and prints what comes of it.
///
/// # Errors
///
/// If a process fails, as it does when a span is lost that should not be.
pub fn conditions(options: &Options) -> Result<(), String> {
    let mut turns = Turns::new(options.busy);
    println!("{}", threads::compare(options.runs, &mut turns)?);
    println!("{}", hanging::compare(options.runs, &mut turns)?);
    println!("{}", server::compare(options.runs, &mut turns)?);
    println!("{}; {}\n{} turns; {turns}", machine::date(), machine::describe(), options.runs);
    Ok(())
}

/// The numbers on a line, as many as are expected.
fn numbers<const N: usize>(line: &str) -> Result<[f64; N], String> {
    let numbers: Vec<f64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    numbers.try_into().map_err(|_| format!("not {N} numbers: {line}"))
}
