//! Zipkin's v2 format over HTTP (floor 4).
//!
//! | module | what it owns |
//! |---|---|
//! | `builder`, `exporter` | settings and environment; the exporter |
//! | `json` | a span in the format |
//! | `tags`, `endpoints` | what goes into its tags; who took part |

mod builder;
mod endpoints;
mod exporter;
mod json;
mod tags;

pub use builder::ZipkinBuilder;
pub use exporter::Zipkin;
