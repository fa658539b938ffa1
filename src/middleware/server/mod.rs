//! The answering side (floor 5).

mod config;
mod layer;
mod service;

pub use layer::ServerLayer;
pub use service::Server;
