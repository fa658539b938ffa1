//! The answering side (floor 5).

mod config;
mod headers;
mod layer;
mod service;

pub use layer::ServerLayer;
pub use service::Server;
