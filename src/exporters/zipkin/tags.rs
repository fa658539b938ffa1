//! What goes into a span's tags (floor 4), each key once [OpenTelemetry, transformation to Zipkin,
//! attributes and status; mapping to non-OTLP formats].

use crate::{
    exporters::unnamed::unnamed_attributes,
    record::{Link, Resource, SpanRecord, Status},
    semconv,
    value::{Attribute, Number, Value},
};
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

/// What the exporter says itself, and nobody else.
const OURS: [&str; 7] = [
    semconv::OTEL_DROPPED_ATTRIBUTES_COUNT,
    semconv::OTEL_DROPPED_EVENTS_COUNT,
    semconv::OTEL_DROPPED_LINKS_COUNT,
    semconv::OTEL_SCOPE_NAME,
    semconv::OTEL_SCOPE_VERSION,
    semconv::OTEL_STATUS_CODE,
    TRACE_STATE,
];

const TRACE_STATE: &str = "w3c.tracestate";
/// Any value of this tag makes a failure of a span.
const ERROR: &str = "error";
const LINK: &str = "otlp.link.";

/// All tags of a span, as texts.
pub(super) struct Tags<'a> {
    pub(super) resource: &'a Resource,
    pub(super) span: &'a SpanRecord,
}

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { resource, span } = self;
        let mut tags = serializer.serialize_map(None)?;
        for attribute in span.attributes().filter(|attribute| self.is_tag(attribute)) {
            tags.serialize_entry(attribute.key, &text(&attribute.value))?;
        }
        for attribute in resource.attributes() {
            // The process as a whole has not failed, whatever it says.
            let is_known = [semconv::SERVICE_NAME, ERROR, semconv::OUTCOME, semconv::ADJUSTED_COUNT]
                .contains(&attribute.key);
            if !is_known && span.attribute(attribute.key).is_none() && self.is_tag(&attribute) {
                tags.serialize_entry(attribute.key, &text(&attribute.value))?;
            }
        }
        tags.serialize_entry(semconv::OTEL_SCOPE_NAME, env!("CARGO_PKG_NAME"))?;
        tags.serialize_entry(semconv::OTEL_SCOPE_VERSION, env!("CARGO_PKG_VERSION"))?;
        self.serialize_own(&mut tags)?;
        for (position, link) in span.links().enumerate() {
            tags.serialize_entry(&format!("{LINK}{position}"), &link_text(&link))?;
        }
        tags.end()
    }
}

impl Tags<'_> {
    fn is_tag(&self, attribute: &Attribute<'_>) -> bool {
        let is_error = attribute.key == ERROR;
        let is_said_by_status = is_error && self.span.status().is_error();
        // Zipkin looks at the key alone.
        let is_denied = is_error && matches!(text(&attribute.value).as_str(), "false");
        !is_said_by_status && !is_denied && !OURS.contains(&attribute.key) && !attribute.key.starts_with(LINK)
    }

    fn serialize_own<M: SerializeMap>(&self, tags: &mut M) -> Result<(), M::Error> {
        let span = self.span;
        match span.status() {
            Status::Unset => {}
            Status::Ok => tags.serialize_entry(semconv::OTEL_STATUS_CODE, "OK")?,
            Status::Error { description } => {
                tags.serialize_entry(semconv::OTEL_STATUS_CODE, "ERROR")?;
                tags.serialize_entry(ERROR, description)?;
            }
        }
        for attribute in unnamed_attributes(span) {
            tags.serialize_entry(attribute.key, &text(&attribute.value))?;
        }
        if !span.trace_state().is_empty() {
            tags.serialize_entry(TRACE_STATE, &span.trace_state().to_header_within(usize::MAX))?;
        }
        for (key, count) in [
            (semconv::OTEL_DROPPED_ATTRIBUTES_COUNT, span.dropped_attributes()),
            (semconv::OTEL_DROPPED_EVENTS_COUNT, span.dropped_events()),
            (semconv::OTEL_DROPPED_LINKS_COUNT, span.dropped_links()),
        ] {
            if count > 0 {
                tags.serialize_entry(key, &count.to_string())?;
            }
        }
        Ok(())
    }
}

/// A text as it is, all else as JSON.
fn text(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => text.clone().into_owned(),
        Value::F64(number) if number.is_nan() => "NaN".to_owned(),
        Value::F64(number) if number.is_infinite() && *number > 0.0 => "Infinity".to_owned(),
        Value::F64(number) if number.is_infinite() => "-Infinity".to_owned(),
        value => serde_json::to_string(&Plain(value)).unwrap_or_default(),
    }
}

/// As the Collector has it: trace, span, tracestate, attributes, how many of them were dropped. A tracestate with a
/// bar is left out: the Collector would look for the attributes in it, and refuse the whole request.
fn link_text(link: &Link<'_>) -> String {
    let attributes = serde_json::to_string(&Attributes(link.settled_attributes())).unwrap_or_default();
    let (trace_id, span_id) = (link.trace_id(), link.span_id());
    let state = link.trace_state().to_header_within(usize::MAX);
    let state = if state.contains('|') { "" } else { &*state };
    format!("{trace_id}|{span_id}|{state}|{attributes}|{}", link.dropped_attributes)
}

/// Attributes as an object.
pub(super) struct Attributes<I>(pub(super) I);

impl<'a, I: Iterator<Item = Attribute<'a>> + Clone> Serialize for Attributes<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for attribute in self.0.clone() {
            map.serialize_entry(attribute.key, &Plain(&attribute.value))?;
        }
        map.end()
    }
}

/// A value as JSON of its own kind, empty lists included.
struct Plain<'a, 'v>(&'a Value<'v>);

impl Serialize for Plain<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::I64(number) => serializer.serialize_i64(*number),
            Value::F64(number) => Number(*number).serialize(serializer),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bools(items) => serializer.collect_seq(items.iter()),
            Value::I64s(items) => serializer.collect_seq(items.iter()),
            Value::F64s(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Number(*item)))?;
                list.end()
            }
            Value::Strs(items) => serializer.collect_seq(items.iter()),
        }
    }
}
