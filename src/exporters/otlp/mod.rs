//! OpenTelemetry's protocol over HTTP and gRPC (floor 4).
//!
//! | module | what it owns |
//! |---|---|
//! | `builder`, `exporter` | settings and environment; the exporter |
//! | `protocol`, `grpc`, `by_grpc` | by HTTP or by gRPC; what a gRPC server's answer means, if the feature is there |
//! | `encoding` | the choice between the two |
//! | `protobuf`, `wire`; `json`; `model` | each of them; what both say |
//! | `response`, `throttle` | what the server answers |

mod builder;
#[cfg(feature = "otlp-grpc")]
mod by_grpc;
mod encoding;
mod exporter;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(not(feature = "otlp-grpc"))]
#[path = "without_grpc.rs"]
mod grpc;
mod json;
mod model;
mod protobuf;
mod protocol;
mod response;
#[cfg(feature = "otlp-grpc")]
mod throttle;
mod wire;

pub use builder::OtlpBuilder;
pub use encoding::OtlpEncoding;
pub use exporter::Otlp;
