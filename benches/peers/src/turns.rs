//! Processes in turns, on a machine that others use as well.
//!
//! A turn runs what is to be compared one right after another, and begins elsewhere each time. A turn in
//! which other programs took much of the machine is run again.

use crate::{
    machine::Watch,
    statistics::{median, quantile},
};
use std::{
    env, fmt,
    process::{Command, Stdio},
};

/// More repetitions of one turn than this, and the least busy one counts.
const PATIENCE: usize = 20;

pub struct Turns {
    /// The percentage of the machine that others may use during a turn.
    busy: f64,
    repeated: usize,
    others: Vec<f64>,
}

impl Turns {
    pub const fn new(busy: f64) -> Self {
        Self { busy, repeated: 0, others: Vec::new() }
    }

    /// Runs this program once with each of these command lines, the `first` one first; what they printed,
    /// in the order of the command lines.
    ///
    /// # Errors
    ///
    /// If one of them fails.
    pub fn turn(&mut self, first: usize, commands: &[Vec<String>]) -> Result<Vec<String>, String> {
        self.quietest(|| {
            let mut outputs = vec![String::new(); commands.len()];
            for index in 0..commands.len() {
                let index = (first + index) % commands.len();
                outputs[index] = spawn(&commands[index])?;
            }
            Ok(outputs)
        })
    }

    /// Runs `body` until the machine was quiet meanwhile.
    ///
    /// # Errors
    ///
    /// The body's.
    pub fn quietest<T>(&mut self, mut body: impl FnMut() -> Result<T, String>) -> Result<T, String> {
        let mut best: Option<(f64, T)> = None;
        for attempt in 0.. {
            let watch = Watch::start();
            let result = body()?;
            let others = watch.others_percent();
            if best.as_ref().is_none_or(|(least, _)| others < *least) {
                best = Some((others, result));
            }
            if others <= self.busy || attempt == PATIENCE {
                break;
            }
            self.repeated += 1;
        }
        let (others, result) = best.expect("at least one attempt");
        self.others.push(others);
        Ok(result)
    }
}

/// How quiet the machine was.
impl fmt::Display for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "other programs took {:.1} % of the machine (median of the turns; at most {:.1} %), and {} turns \
             were run again for it",
            median(self.others.iter().copied()),
            quantile(self.others.iter().copied(), 1.0),
            self.repeated,
        )
    }
}

/// This program with these arguments, in an environment in which no setting of the user's favours
/// anybody.
pub fn program(arguments: &[String]) -> Result<Command, String> {
    let mut command = Command::new(env::current_exe().map_err(|error| error.to_string())?);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stderr(Stdio::inherit());
    Ok(command)
}

/// Runs it; what it printed.
///
/// # Errors
///
/// If it fails.
pub fn spawn(arguments: &[String]) -> Result<String, String> {
    let output = program(arguments)?.output().map_err(|error| format!("{arguments:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{}` has failed", arguments.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
