//! What cannot be instrumented.

use throughline::instrument;

#[instrument]
const fn constant() -> u8 {
    1
}

#[instrument]
struct NoFunction;

trait Declares {
    #[instrument]
    fn declared(&self);
}

impl Declares for NoFunction {
    fn declared(&self) {}
}

fn main() {
    NoFunction.declared();
    constant();
}
