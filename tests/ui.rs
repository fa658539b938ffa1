//! What the compiler says of a wrong `#[instrument]`, and where it points.

#![cfg(feature = "macros")]

use std::process::Command;

/// The compiler whose own words `types.stderr` quotes.
const QUOTED: &str = "rustc 1.95.";

#[test]
fn messages() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/functions.rs");
    cases.compile_fail("tests/ui/options.rs");
    // The others are our messages; here it is rustc's, which changes from version to version.
    if rustc_version().starts_with(QUOTED) {
        cases.compile_fail("tests/ui/types.rs");
    }
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    String::from_utf8(output.stdout).expect("a version is text")
}
