//! The calling side (floor 5).

mod config;
mod headers;
mod layer;
mod service;

pub use layer::ClientLayer;
pub use service::{Client, ResendCount, UrlTemplate};
