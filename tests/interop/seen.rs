//! A span as one of us and a server can both tell it, so that the two can be compared.

use std::{collections::BTreeMap, fmt::Debug};
use throughline::{Attribute, Outcome, Resource, SpanKind, SpanRecord, Status, Value, semconv};

/// What an exporter calls how a span ended, and how many it stands for, where that is news.
const OUTCOME: &str = "throughline.outcome";
const ADJUSTED_COUNT: &str = "throughline.adjusted_count";

const HAS_IS_REMOTE: u64 = 0x100;
const IS_REMOTE: u64 = 0x200;

pub type Attributes = BTreeMap<String, Value<'static>>;

/// All there is to a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub resource: Attributes,
    /// What recorded it: a name and a version.
    pub scope: (String, String),
    pub trace_id: String,
    pub span_id: String,
    pub parent: Option<String>,
    pub name: String,
    pub kind: SpanKind,
    pub start_unix_nanos: u64,
    pub end_unix_nanos: u64,
    pub status: Status,
    pub trace_state: String,
    /// As OTLP has them, which says with them whether the parent is remote [trace.proto, SpanFlags].
    pub flags: u64,
    pub attributes: Attributes,
    pub events: Vec<SeenEvent>,
    pub links: Vec<SeenLink>,
    /// How many attributes, events and links there was no room for.
    pub dropped: [u64; 3],
}

#[derive(Clone, Debug, PartialEq)]
pub struct SeenEvent {
    pub name: String,
    pub unix_nanos: u64,
    pub attributes: Attributes,
    pub dropped: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SeenLink {
    pub trace_id: String,
    pub span_id: String,
    pub trace_state: String,
    pub flags: u64,
    pub attributes: Attributes,
    pub dropped: u64,
}

impl Seen {
    /// A record as an exporter was given it.
    pub fn record(resource: &Resource, span: &SpanRecord) -> Self {
        let mut attributes = owned(span.attributes());
        if span.outcome() != Outcome::Completed {
            attributes.insert(OUTCOME.to_owned(), span.outcome().as_str().into());
        }
        if span.adjusted_count() != 1.0 {
            attributes.insert(ADJUSTED_COUNT.to_owned(), span.adjusted_count().into());
        }
        let event = |event: throughline::record::Event<'_>| SeenEvent {
            name: event.name.to_owned(),
            unix_nanos: event.unix_nanos,
            attributes: owned(event.attributes()),
            dropped: event.dropped_attributes.into(),
        };
        let link = |link: throughline::record::Link<'_>| SeenLink {
            trace_id: link.trace_id().to_string(),
            span_id: link.span_id().to_string(),
            trace_state: link.trace_state().to_header_within(usize::MAX).into_owned(),
            flags: link.flags().bits().into(),
            attributes: owned(link.attributes()),
            dropped: link.dropped_attributes.into(),
        };
        let remote = if span.parent_is_remote() { IS_REMOTE } else { 0 };
        Self {
            resource: owned(resource.attributes()),
            scope: (env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            trace_id: span.trace_id().to_string(),
            span_id: span.span_id().to_string(),
            parent: span.parent_span_id().map(|id| id.to_string()),
            name: span.name().to_owned(),
            kind: span.kind(),
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos: span.end_unix_nanos(),
            status: span.status().clone(),
            trace_state: span.trace_state().to_header_within(usize::MAX).into_owned(),
            flags: u64::from(span.flags().bits()) | HAS_IS_REMOTE | remote,
            attributes,
            events: span.events().map(event).collect(),
            links: span.links().map(link).collect(),
            dropped: [span.dropped_attributes(), span.dropped_events(), span.dropped_links()].map(u64::from),
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
    attributes.map(|attribute| (attribute.key.to_owned(), comparable(attribute.value.into_owned()))).collect()
}

/// The same value, if it can be compared: what is no number equals nothing, and of what an empty list is, only we
/// know.
pub fn comparable(value: Value<'static>) -> Value<'static> {
    match value {
        Value::F64(number) if number.is_nan() => Value::from("NaN"),
        Value::Bools(list) if list.is_empty() => Value::Strs(Vec::new().into()),
        Value::I64s(list) if list.is_empty() => Value::Strs(Vec::new().into()),
        Value::F64s(list) if list.is_empty() => Value::Strs(Vec::new().into()),
        value => value,
    }
}

/// Spans in an order that does not depend on who tells them.
pub fn sorted(mut spans: Vec<Seen>) -> Vec<Seen> {
    spans.sort_by(|one, other| (&one.trace_id, &one.span_id).cmp(&(&other.trace_id, &other.span_id)));
    spans
}

/// Span by span, so that a difference can be read.
pub fn assert_same<S: Debug + PartialEq>(seen: &[S], sent: &[S], what: &str) {
    for (seen, sent) in seen.iter().zip(sent) {
        assert_eq!(seen, sent, "{what}");
    }
    assert_eq!(seen.len(), sent.len(), "{what}");
}
