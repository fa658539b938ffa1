//! What the compiler says of a wrong `#[instrument]`, and where it points.

#![cfg(feature = "macros")]

#[test]
fn messages() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
