//! The answering side (floor 5).

mod headers;
mod layer;
mod service;

pub use layer::ServerLayer;
pub use service::Server;
