//! Children of this very program, each of which runs one test that does nothing in the parent.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A process of this program that runs one ignored test only, which is told by a variable that it is the child.
pub fn child(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, directory).stdin(Stdio::null());
    command
}

/// Where the parent wants its child to work; `None` in the parent itself.
pub fn as_child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

const CHILD: &str = "THROUGHLINE_TEST_CHILD";
