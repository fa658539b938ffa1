//! The answering side (floor 5).

mod config;
mod forwarded;
mod headers;
mod layer;
mod recent;
mod service;
mod start;
pub mod trust;

pub use forwarded::Forwarded;
pub use layer::ServerLayer;
pub use service::Server;
