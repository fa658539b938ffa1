//! The file of budgets.

use std::{fs, path::PathBuf, process::Command};

const HEAD: &str = "# Instructions a span (http: a request): workload, the caller's thread, all threads.\n\
                    # Written by `cargo bench --bench instructions -- --update`.\n";

pub struct Budgets(Vec<(String, Budget)>);

#[derive(Clone, Copy)]
pub struct Budget {
    pub caller: f64,
    pub process: f64,
}

impl Budgets {
    pub fn read() -> Self {
        let text = fs::read_to_string(file()).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Self(lines.map(|line| budget(line).unwrap_or_else(|| panic!("not a budget: {line}"))).collect())
    }

    /// What a workload may cost; without a budget, nothing.
    pub fn of(&self, name: &str) -> Budget {
        let known = self.0.iter().find(|(known, _)| known == name);
        known.map_or(Budget { caller: 0.0, process: 0.0 }, |(_, budget)| *budget)
    }

    pub fn set(&mut self, name: &str, caller: f64, process: f64) {
        let budget = Budget { caller, process };
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = budget,
            None => self.0.push((name.to_owned(), budget)),
        }
    }

    pub fn write(&self, valgrind: &str) {
        let mut text = format!("{HEAD}# {}, {}, {valgrind}\n\n", version("rustc"), version("ldd"));
        for (name, Budget { caller, process }) in &self.0 {
            text += &format!("{name:<12} {caller:>8.1} {process:>8.1}\n");
        }
        fs::write(file(), text).expect("the budgets can be written");
    }
}

fn budget(line: &str) -> Option<(String, Budget)> {
    let mut fields = line.split_whitespace();
    let (name, caller, process) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name.to_owned(), Budget { caller: caller.parse().ok()?, process: process.parse().ok()? }))
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/budgets.txt")
}

/// The first line of what a program says of its version.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or(program).to_owned()
}
