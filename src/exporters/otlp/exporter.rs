//! The exporter (floor 4): a body in one of the encodings, and a courier.

use super::encoding::OtlpBody;
use crate::{
    export::{AbortHandle, ExportError, Exporter},
    exporters::courier::Courier,
    record::Batch,
};
use std::fmt;

/// Sends spans by OTLP over HTTP or gRPC: to the OpenTelemetry Collector, to Jaeger, and to most backends
/// there are.
///
/// A batch goes as one request, or as several if it is longer than
/// [`max_request_bytes`](super::OtlpBuilder::max_request_bytes). Spans that the server says it has refused
/// are counted as such and never sent again; a server that is busy (429, 502, 503 and 504) or cannot be
/// reached is tried again by the pipeline, no sooner than its `Retry-After` says, and not with what it has
/// taken already. All other answers are final, those included that are none of an OTLP server.
///
/// [By gRPC](super::OtlpBuilder::grpc) (feature `otlp-grpc`) these are tried again: CANCELLED, DEADLINE_EXCEEDED, ABORTED,
/// OUT_OF_RANGE, UNAVAILABLE and DATA_LOSS, and RESOURCE_EXHAUSTED from a server that says when; no sooner than its
/// `google.rpc.RetryInfo` says.
///
/// What OTLP has no field for goes as attributes: `throughline.outcome`, if the span was cancelled or panicked, and
/// `throughline.adjusted_count`, if it stands for more than itself.
///
/// ```no_run
/// use throughline::{Tracer, exporters::Otlp};
///
/// let otlp = Otlp::builder()
///     .endpoint("https://collector.example:4318")
///     .header("x-api-key", std::env::var("API_KEY")?)
///     .build()?;
/// let tracer = Tracer::builder("orders").exporter(otlp).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Otlp {
    courier: Courier<OtlpBody>,
}

impl Otlp {
    pub(super) const fn new(courier: Courier<OtlpBody>) -> Self {
        Self { courier }
    }
}

impl Exporter for Otlp {
    fn name(&self) -> &str {
        "otlp"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.courier.deliver(batch)
    }

    fn abort_handle(&self) -> Option<AbortHandle> {
        Some(self.courier.abort_handle())
    }
}

/// Shows the address without its query, and headers by their names.
impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp").field("courier", &self.courier).finish()
    }
}
