//! OpenTelemetry's protocol over HTTP (floor 4).
//!
//! | module | what it owns |
//! |---|---|
//! | `builder`, `exporter` | settings and environment; the exporter |
//! | `encoding` | the choice between the two |
//! | `protobuf`, `wire`; `json`; `model` | each of them; what both say |
//! | `response` | what the server answers |

mod builder;
mod encoding;
mod exporter;
mod json;
mod model;
mod protobuf;
mod response;
mod wire;

pub use builder::OtlpBuilder;
pub use encoding::OtlpEncoding;
pub use exporter::Otlp;
