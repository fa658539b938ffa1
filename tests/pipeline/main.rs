//! The way from an ended span to a delivered one: flush, shutdown, retries, bounds, and books that balance
//! whatever the exporter does.

mod bounds;
mod endings;
mod faults;
mod matrix;
mod support;
