//! The file of budgets.

use std::{fs, path::PathBuf, process::Command};

const HEAD: &str = "# Instructions a span (http: a request): workload, the caller's thread, all threads.\n\
                    # Written by `cargo bench --bench instructions -- --update`.\n";
const COUNTED_WITH: &str = "# counted with: ";

#[derive(Default)]
pub struct Budgets {
    counted_with: String,
    budgets: Vec<(String, Budget)>,
}

#[derive(Clone, Copy)]
pub struct Budget {
    pub caller: f64,
    pub process: f64,
}

impl Budgets {
    pub fn read() -> Self {
        let text = fs::read_to_string(file()).unwrap_or_default();
        let counted_with = text.lines().find_map(|line| line.strip_prefix(COUNTED_WITH)).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let budgets = lines.map(|line| budget(line).unwrap_or_else(|| panic!("not a budget: {line}")));
        Self { counted_with: counted_with.to_owned(), budgets: budgets.collect() }
    }

    /// Another compiler, C library or valgrind counts otherwise.
    pub fn are_of(&self, versions: &str) -> bool {
        self.counted_with == versions
    }

    /// What a workload may cost.
    pub fn of(&self, name: &str) -> Option<Budget> {
        self.budgets.iter().find(|(known, _)| known == name).map(|(_, budget)| *budget)
    }

    /// Adds a workload that is not there yet.
    pub fn push(&mut self, name: &str, budget: Budget) {
        self.budgets.push((name.to_owned(), budget));
    }

    pub fn write(&self, versions: &str) {
        let mut text = format!("{HEAD}{COUNTED_WITH}{versions}\n\n");
        for (name, Budget { caller, process }) in &self.budgets {
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

/// What counts depend on besides the sources; `None` without valgrind.
pub fn versions() -> Option<String> {
    let [compiler, library] =
        ["rustc", "ldd"].map(|program| version(program).unwrap_or_else(|| format!("{program}?")));
    Some([compiler, library, version("valgrind")?].join(", "))
}

/// The first line of what a program says of its version.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}
