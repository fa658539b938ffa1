//! What both of OTLP's encodings say of a span (floor 4), where it is not what the record says already
//! [opentelemetry-proto 1.9, trace/v1/trace.proto].

use crate::record::{SpanKind, SpanRecord, Status};

/// The flags' bits beyond W3C's byte: it is known whether the parent is remote, and it is
/// [trace.proto, SpanFlags].
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The name of the scope, and its version.
pub(super) const SCOPE: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

pub(super) const fn kind(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

pub(super) const fn status_code(status: &Status) -> u64 {
    match status {
        Status::Unset => 0,
        Status::Ok => 1,
        Status::Error { .. } => 2,
    }
}

pub(super) const fn flags(span: &SpanRecord) -> u32 {
    let remote = if span.parent_is_remote() { IS_REMOTE } else { 0 };
    span.flags().bits() as u32 | HAS_IS_REMOTE | remote
}
