//! A span as one of us and a server can both tell it, so that the two can be compared.

use std::collections::BTreeMap;
use throughline::{Attribute, Outcome, Resource, SpanKind, SpanRecord, Status, Value, semconv};

/// What an exporter calls how a span ended, where that is news.
const OUTCOME: &str = "throughline.outcome";

pub type Attributes = BTreeMap<String, Value<'static>>;

/// All there is to a span but its flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub resource: Attributes,
    pub trace_id: String,
    pub span_id: String,
    pub parent: Option<String>,
    pub name: String,
    pub kind: SpanKind,
    pub start_unix_nanos: u64,
    pub end_unix_nanos: u64,
    pub status: Status,
    pub trace_state: String,
    pub attributes: Attributes,
    pub events: Vec<SeenEvent>,
    pub links: Vec<SeenLink>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SeenEvent {
    pub name: String,
    pub unix_nanos: u64,
    pub attributes: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SeenLink {
    pub trace_id: String,
    pub span_id: String,
    pub trace_state: String,
    pub attributes: Attributes,
}

impl Seen {
    /// A record as an exporter was given it.
    pub fn record(resource: &Resource, span: &SpanRecord) -> Self {
        let mut attributes = owned(span.attributes());
        if span.outcome() != Outcome::Completed {
            attributes.insert(OUTCOME.to_owned(), span.outcome().as_str().into());
        }
        let event = |event: throughline::record::Event<'_>| SeenEvent {
            name: event.name.to_owned(),
            unix_nanos: event.unix_nanos,
            attributes: owned(event.attributes()),
        };
        let link = |link: throughline::record::Link<'_>| SeenLink {
            trace_id: link.trace_id().to_string(),
            span_id: link.span_id().to_string(),
            trace_state: link.trace_state().to_header_within(usize::MAX).into_owned(),
            attributes: owned(link.attributes()),
        };
        Self {
            resource: owned(resource.attributes()),
            trace_id: span.trace_id().to_string(),
            span_id: span.span_id().to_string(),
            parent: span.parent_span_id().map(|id| id.to_string()),
            name: span.name().to_owned(),
            kind: span.kind(),
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos: span.end_unix_nanos(),
            status: span.status().clone(),
            trace_state: span.trace_state().to_header_within(usize::MAX).into_owned(),
            attributes,
            events: span.events().map(event).collect(),
            links: span.links().map(link).collect(),
        }
    }

    pub fn service(&self) -> &str {
        self.resource.get(semconv::SERVICE_NAME).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)?.as_str()
    }
}

fn owned<'a>(attributes: impl Iterator<Item = Attribute<'a>>) -> Attributes {
    attributes.map(|attribute| (attribute.key.to_owned(), attribute.value.into_owned())).collect()
}

/// Spans in an order that does not depend on who tells them.
pub fn sorted(mut spans: Vec<Seen>) -> Vec<Seen> {
    spans.sort_by(|one, other| (&one.trace_id, &one.span_id).cmp(&(&other.trace_id, &other.span_id)));
    spans
}
