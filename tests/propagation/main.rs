//! What every header format accepts, refuses and emits, through the public API.

mod baggage;
mod every_format;
mod propagators;
mod single_line;
mod traceparent;
mod tracestate;

/// A valid traceparent, and its parts.
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
