//! A span in Zipkin's v2 JSON (floor 4) [Zipkin API v2; OpenTelemetry, transformation to Zipkin]. What is
//! empty is left out.

use super::{
    endpoints::{Endpoint, remote_endpoint},
    tags::{Attributes, Tags},
};
use crate::{
    exporters::courier::Body,
    ids::{SpanId, TraceId},
    record::{Event, Resource, SpanKind, SpanRecord},
    transport::{Answer, Content},
};
use serde::{Serialize, Serializer};

/// A list of spans.
#[derive(Default)]
pub(super) struct ZipkinBody {
    text: Vec<u8>,
    /// Of the spans at hand; they carry it all along.
    resource: Option<Resource>,
}

/// Memory kept for the next request; one huge batch must not stay forever.
const KEPT_BYTES: usize = 1 << 20;

impl Body for ZipkinBody {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn begin(&mut self, resource: &Resource) {
        self.text.clear();
        self.text.push(b'[');
        if self.resource.as_ref() != Some(resource) {
            self.resource = Some(resource.clone());
        }
    }

    fn push(&mut self, span: &SpanRecord) {
        let Some(resource) = &self.resource else {
            return;
        };
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        // Texts, numbers and lists only, in memory: there is nothing that could fail.
        let written = serde_json::to_writer(&mut self.text, &WrittenSpan { resource, span });
        debug_assert!(written.is_ok());
    }

    /// With the bracket behind the spans.
    fn len(&self) -> usize {
        self.text.len() + 1
    }

    fn truncate(&mut self, len: usize) {
        self.text.truncate(len.saturating_sub(1));
    }

    fn finish(&mut self) -> &[u8] {
        self.text.push(b']');
        &self.text
    }

    fn shrink(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
    }

    /// Zipkin takes all or nothing, and says no more than that. A page for people is none of its answers.
    fn rejected(&self, answer: &Answer) -> Result<usize, &'static str> {
        match answer.content {
            Content::Html => Err("the answer is none of a Zipkin server: see the endpoint"),
            _ => Ok(0),
        }
    }
}

struct WrittenSpan<'a> {
    resource: &'a Resource,
    span: &'a SpanRecord,
}

impl Serialize for WrittenSpan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a, T: Serialize, A: Serialize> {
            trace_id: ZipkinTraceId,
            #[serde(skip_serializing_if = "Option::is_none")]
            parent_id: Option<SpanId>,
            id: SpanId,
            #[serde(skip_serializing_if = "Option::is_none")]
            kind: Option<&'static str>,
            #[serde(skip_serializing_if = "str::is_empty")]
            name: &'a str,
            #[serde(skip_serializing_if = "is_zero")]
            timestamp: u64,
            duration: u64,
            local_endpoint: Endpoint<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            remote_endpoint: Option<Endpoint<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            annotations: Option<A>,
            tags: T,
            #[serde(skip_serializing_if = "is_false")]
            debug: bool,
        }
        let Self { resource, span } = *self;
        let has_annotations = span.events().len() > 0;
        Shape {
            trace_id: ZipkinTraceId(span.trace_id()),
            // Zipkin takes a span that is its own parent for a fault.
            parent_id: span.parent_span_id().filter(|parent| *parent != span.span_id()),
            id: span.span_id(),
            kind: kind(span.kind()),
            name: span.name(),
            timestamp: span.start_unix_nanos() / 1_000,
            duration: (span.end_unix_nanos().saturating_sub(span.start_unix_nanos()) / 1_000).max(1),
            local_endpoint: Endpoint::named(resource.service_name()),
            remote_endpoint: remote_endpoint(span),
            annotations: has_annotations.then_some(Annotations(span)),
            tags: Tags { resource, span },
            debug: span.flags().is_debug(),
        }
        .serialize(serializer)
    }
}

const fn kind(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Internal => None,
        SpanKind::Server => Some("SERVER"),
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
    }
}

/// 32 digits, or the lower 16 of an id of 64 bits.
struct ZipkinTraceId(TraceId);

impl Serialize for ZipkinTraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0.as_u128()) {
            Ok(short) => serializer.collect_str(&format_args!("{short:016x}")),
            Err(_) => serializer.collect_str(&self.0),
        }
    }
}

struct Annotations<'a>(&'a SpanRecord);

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Annotation {
            timestamp: u64,
            value: String,
        }
        let annotation = |event: Event<'_>| Annotation {
            timestamp: event.unix_nanos / 1_000,
            value: annotation_text(&event),
        };
        serializer.collect_seq(self.0.events().map(annotation))
    }
}

/// The event's name; with attributes, or with a bar in the name, `"name": {"key":"value"}`.
///
/// There is never a bar in it: the Collector takes a text with two of them for an event in a form of its own, and
/// refuses the whole request if it finds no JSON between them.
fn annotation_text(event: &Event<'_>) -> String {
    const BAR: char = '|';
    if event.attributes().len() == 0 && !event.name.contains(BAR) {
        return event.name.to_owned();
    }
    let name = serde_json::to_string(event.name).unwrap_or_default();
    let attributes = serde_json::to_string(&Attributes(event.settled_attributes())).unwrap_or_default();
    // In JSON they only come inside texts.
    format!("{name}: {attributes}").replace(BAR, "\\u007c")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(time: &u64) -> bool {
    *time == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
