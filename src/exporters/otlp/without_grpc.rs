//! What stands in for `grpc.rs` without the feature `otlp-grpc` (floor 4).

use super::protocol::Protocol;

pub(super) const PROTOCOL: Option<Protocol> = None;

/// What `OTEL_EXPORTER_OTLP_PROTOCOL` accepts.
pub(super) const NAMES: &str = "http/protobuf or http/json; grpc needs the feature otlp-grpc";
