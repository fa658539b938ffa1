//! The exporter (floor 4): Zipkin's body, and a courier.

use super::json::ZipkinBody;
use crate::{
    export::{AbortHandle, ExportError, Exporter},
    exporters::courier::Courier,
    record::Batch,
};
use std::fmt;

/// Sends spans to Zipkin, and to what takes its v2 JSON: the OpenTelemetry Collector, Jaeger, others.
///
/// Fields are mapped as OpenTelemetry's specification says. Where it does not: the resource's attributes
/// are tags of each span, tracestate and links are tags as the Collector names them, `w3c.tracestate` and
/// `otlp.link.0`; a server span's `remoteEndpoint` is its caller; a trace id whose upper half is zero, which
/// comes from a tracer of 64-bit ids, is written with 16 digits. A span never shares its id with its
/// caller's, so `shared` is never said. Times are in whole microseconds, a duration at least one.
///
/// Answers are taken as [OTLP's](https://opentelemetry.io/docs/specs/otlp/#failures-1): a server that is
/// busy (429, 502, 503 and 504) or cannot be reached is tried again by the pipeline.
///
/// ```no_run
/// use throughline::{Tracer, exporters::Zipkin};
///
/// let zipkin = Zipkin::builder().endpoint("http://zipkin.example:9411/api/v2/spans").build()?;
/// let tracer = Tracer::builder("orders").exporter(zipkin).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Zipkin {
    courier: Courier<ZipkinBody>,
}

impl Zipkin {
    pub(super) const fn new(courier: Courier<ZipkinBody>) -> Self {
        Self { courier }
    }
}

impl Exporter for Zipkin {
    fn name(&self) -> &str {
        "zipkin"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.courier.deliver(batch)
    }

    fn abort_handle(&self) -> Option<AbortHandle> {
        Some(self.courier.abort_handle())
    }
}

/// Shows the address without its query, and headers by their names.
impl fmt::Debug for Zipkin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zipkin").field("courier", &self.courier).finish()
    }
}
