//! What single operations cost. `cargo bench --bench micro`.
//!
//! Every span is recorded, collected and handed to an exporter that does nothing, and none may be lost:
//! between two samples the collector gets the time it needs.

#[path = "../workloads/mod.rs"]
mod workloads;

mod middleware;
mod propagation;
mod recorder;
mod spans;

fn main() {
    divan::main();
}
