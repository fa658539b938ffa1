//! OTLP's two encodings (floor 4): pure, from records to bytes.

use super::{
    json::JsonBody,
    protobuf::ProtobufBody,
    response::{rejected_in_json, rejected_in_protobuf},
};
use crate::{
    exporters::courier::Body,
    record::{Batch, Resource, SpanRecord},
    transport::{Answer, Content},
};

/// How spans are written for OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpEncoding {
    /// Protocol Buffers: small, and cheap to write. `http/protobuf` in `OTEL_EXPORTER_OTLP_PROTOCOL`.
    #[default]
    Protobuf,
    /// JSON, for servers that take nothing else, and for people. `http/json` in
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`.
    Json,
}

impl OtlpEncoding {
    /// The body of one `ExportTraceServiceRequest` with the whole batch, for a transport of one's own.
    /// [`Otlp`](super::Otlp) needs no such call.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use throughline::{Batch, Resource, exporters::OtlpEncoding};
    ///
    /// let batch = Batch::new(Arc::new(Resource::new("orders")), Vec::new());
    /// let text = String::from_utf8(OtlpEncoding::Json.encode(&batch))?;
    /// assert!(text.starts_with(r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name""#));
    /// # Ok::<(), std::string::FromUtf8Error>(())
    /// ```
    pub fn encode(self, batch: &Batch) -> Vec<u8> {
        let mut body = OtlpBody::new(self);
        body.begin(batch.resource());
        batch.spans().for_each(|span| body.push(span));
        body.finish().to_vec()
    }
}

/// A request's body in either encoding.
pub(super) enum OtlpBody {
    Protobuf(ProtobufBody),
    Json(JsonBody),
}

/// Memory kept for the next request; one huge batch must not stay forever.
const KEPT_BYTES: usize = 1 << 20;

impl OtlpBody {
    pub(super) fn new(encoding: OtlpEncoding) -> Self {
        match encoding {
            OtlpEncoding::Protobuf => Self::Protobuf(ProtobufBody::default()),
            OtlpEncoding::Json => Self::Json(JsonBody::default()),
        }
    }
}

impl Body for OtlpBody {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Protobuf(_) => "application/x-protobuf",
            Self::Json(_) => "application/json",
        }
    }

    fn begin(&mut self, resource: &Resource) {
        match self {
            Self::Protobuf(body) => body.begin(resource),
            Self::Json(body) => body.begin(resource),
        }
    }

    fn push(&mut self, span: &SpanRecord) {
        match self {
            Self::Protobuf(body) => body.push(span),
            Self::Json(body) => body.push(span),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Protobuf(body) => body.len(),
            Self::Json(body) => body.len(),
        }
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Protobuf(body) => body.truncate(len),
            Self::Json(body) => body.truncate(len),
        }
    }

    fn finish(&mut self) -> &[u8] {
        match self {
            Self::Protobuf(body) => body.finish(),
            Self::Json(body) => body.finish(),
        }
    }

    fn shrink(&mut self) {
        match self {
            Self::Protobuf(body) => body.shrink_to(KEPT_BYTES),
            Self::Json(body) => body.shrink_to(KEPT_BYTES),
        }
    }

    /// An empty body is an empty message. Any other has to be one: a page of some other server that
    /// answers everything with 200 must not pass for a delivery.
    fn rejected(&self, answer: &Answer) -> Result<usize, &'static str> {
        if answer.body.is_empty() {
            return Ok(0);
        }
        let rejected = match (answer.content, self) {
            (Content::Protobuf, _) | (Content::Unsaid, Self::Protobuf(_)) => {
                rejected_in_protobuf(&answer.body)
            }
            (Content::Json, _) | (Content::Unsaid, Self::Json(_)) => rejected_in_json(&answer.body),
            (Content::Html | Content::Other, _) => None,
        };
        rejected.ok_or("the answer is none of an OTLP server: see the endpoint")
    }
}
