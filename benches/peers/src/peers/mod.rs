//! One file a peer: how it runs each workload, and the exporter that counts its spans.
//!
//! Every peer has the settings its documentation starts with. Where these would lose spans, the smallest
//! change that keeps them all is made, and said in the file.

pub mod bare;
pub mod fastrace;
pub mod opentelemetry;
pub mod throughline;
pub mod tracing;
