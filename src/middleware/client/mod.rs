//! The calling side (floor 5).

mod config;
mod destinations;
mod headers;
mod layer;
mod service;
mod start;
mod target;
mod values;

pub use config::UrlTemplate;
pub use destinations::{Destinations, OwnNetwork};
pub use layer::ClientLayer;
pub use service::Client;
pub use start::ResendCount;
