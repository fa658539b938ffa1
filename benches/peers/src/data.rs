//! The data of the workload `request`, the same for every peer.

use std::hint::black_box;

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
