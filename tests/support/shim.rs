//! Faults that no machine has at hand: calls of a child process into its libc that fail as the test says.
//!
//! `shim.c` is compiled here, by the compiler that Rust links with, and loaded before the child's libc. Only
//! where there is a GNU libc to stand before; elsewhere a test says that it has been skipped.

use super::child::child;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CONTROLS: &str = "shim";

/// The faults of one child, switched by whoever has this: the parent, or the child itself.
pub struct Shim(PathBuf);

impl Shim {
    /// A child to be run under a new shim, all faults off. Both work in this directory; faults of files hit what is
    /// below its `spool`. `None` where that cannot be.
    pub fn child(test: &str, directory: &Path) -> Option<(Self, Command)> {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            println!("skipped: there is no GNU libc to stand before");
            return None;
        }
        let shim = Self(directory.join(CONTROLS));
        fs::create_dir_all(&shim.0).unwrap();
        let library = shim.0.join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shim.c");
        let compiler = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .args([source, "-ldl", "-lpthread"])
            .output();
        let output = compiler.expect("the compiler that Rust links with");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut command = child(test, directory);
        command.env("LD_PRELOAD", &library).env("SHIM", &shim.0).env("SPOOL", directory.join("spool"));
        Some((shim, command))
    }

    /// Of the child that works in this directory.
    pub fn of(directory: &Path) -> Self {
        Self(directory.join(CONTROLS))
    }

    /// Where it keeps a log, if that is switched on.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub fn begin(&self, fault: &str) {
        self.begin_with(fault, "");
    }

    pub fn begin_with(&self, fault: &str, amount: impl ToString) {
        // Whole at once: somebody may be looking.
        let new = self.0.join("new");
        fs::write(&new, amount.to_string()).unwrap();
        fs::rename(&new, self.0.join(fault)).unwrap();
    }

    pub fn end(&self, fault: &str) {
        fs::remove_file(self.0.join(fault)).unwrap();
    }
}

/// Runs the child to its end, which it has to come to.
#[track_caller]
pub fn run(mut child: Command) {
    let output = child.output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
    print!("{}", said[0]);
}
