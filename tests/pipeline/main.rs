//! The way from an ended span to a delivered one: flush, shutdown, retries, bounds, and books that balance
//! whatever the exporter does.

mod bounds;
mod deliveries;
mod endings;
mod faults;
mod flushes;
#[cfg(unix)]
mod forks;
mod matrix;
mod pauses;
mod settled;
mod support;
