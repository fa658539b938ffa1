//! What is measured, the same wherever it is: with the clock here, beside the peers, and with the
//! instructions counted.

#![allow(dead_code, reason = "each measurement uses its part")]

pub mod http;
pub mod ours;

use std::hint::black_box;

/// Children of a root in the workloads that have no attributes.
pub const CHILDREN: usize = 100;

/// A text that a real service would have made from the request.
pub fn path() -> &'static str {
    black_box("/orders/1234567")
}

/// Another.
pub fn user() -> &'static str {
    black_box("ada@example.com")
}

/// A number that a real service would have read from somewhere.
pub fn attempt() -> i64 {
    black_box(1)
}
