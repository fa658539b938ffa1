//! Spans as OTLP's JSON (floor 4) [OTLP 1.9, JSON Protobuf encoding]: ids in hex, 64-bit integers as
//! texts, enumerations as numbers, names in lowerCamelCase. What has its default value is left out.

use super::model::{SCOPE, flags, kind, status_code};
use crate::{
    exporters::unnamed::unnamed_attributes,
    ids::{SpanId, TraceId},
    record::{Event, Link, Resource, SpanRecord, Status},
    value::{Attribute, Number, Value},
};
use serde::{Serialize, Serializer};
use std::fmt;

/// The body of an `ExportTraceServiceRequest` for spans of one resource and one scope.
#[derive(Default)]
pub(super) struct JsonBody {
    text: Vec<u8>,
    /// Where the spans begin.
    front: usize,
}

/// Closes what [`JsonBody::begin`] has opened.
const END: &[u8] = b"]}]}]}";

impl JsonBody {
    pub(super) fn begin(&mut self, resource: &Resource) {
        self.text.clear();
        self.text.extend_from_slice(br#"{"resourceSpans":[{"resource":{"attributes":"#);
        self.put(&List(attributes(resource.attributes())));
        self.text.extend_from_slice(br#"},"scopeSpans":[{"scope":"#);
        self.put(&Scope { name: SCOPE.0, version: SCOPE.1 });
        self.text.extend_from_slice(br#","spans":["#);
        self.front = self.text.len();
    }

    pub(super) fn push(&mut self, span: &SpanRecord) {
        if self.text.len() > self.front {
            self.text.push(b',');
        }
        self.put(&WrittenSpan(span));
    }

    /// With what comes behind the spans.
    pub(super) const fn len(&self) -> usize {
        self.text.len() + END.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.text.truncate(len.saturating_sub(END.len()));
    }

    pub(super) fn finish(&mut self) -> &[u8] {
        self.text.extend_from_slice(END);
        &self.text
    }

    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.text.clear();
        self.text.shrink_to(bytes);
    }

    /// Writes what is made of texts, numbers and lists only, in memory: there is nothing that could fail.
    fn put(&mut self, part: &impl Serialize) {
        let written = serde_json::to_writer(&mut self.text, part);
        debug_assert!(written.is_ok());
    }
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

struct WrittenSpan<'a>(&'a SpanRecord);

impl Serialize for WrittenSpan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a, A: Serialize, E: Serialize, L: Serialize> {
            trace_id: TraceId,
            span_id: SpanId,
            #[serde(skip_serializing_if = "str::is_empty")]
            trace_state: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            parent_span_id: Option<SpanId>,
            flags: u32,
            name: &'a str,
            kind: u64,
            start_time_unix_nano: InText<u64>,
            end_time_unix_nano: InText<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            attributes: Option<A>,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_attributes_count: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            events: Option<E>,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_events_count: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            links: Option<L>,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_links_count: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            status: Option<WrittenStatus<'a>>,
        }
        let span = self.0;
        let status = span.status();
        Shape {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            trace_state: &span.trace_state().to_header_within(usize::MAX),
            parent_span_id: span.parent_span_id(),
            flags: flags(span),
            name: span.name(),
            kind: kind(span.kind()),
            start_time_unix_nano: InText(span.start_unix_nanos()),
            end_time_unix_nano: InText(span.end_unix_nanos()),
            attributes: if_any(attributes(span.attributes().chain(unnamed_attributes(span)))),
            dropped_attributes_count: span.dropped_attributes(),
            events: if_any(span.events().map(WrittenEvent)),
            dropped_events_count: span.dropped_events(),
            links: if_any(span.links().map(WrittenLink)),
            dropped_links_count: span.dropped_links(),
            status: (*status != Status::Unset)
                .then(|| WrittenStatus { message: status.description(), code: status_code(status) }),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct WrittenStatus<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    code: u64,
}

struct WrittenEvent<'a>(Event<'a>);

impl Serialize for WrittenEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a, A: Serialize> {
            time_unix_nano: InText<u64>,
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            attributes: Option<A>,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_attributes_count: u32,
        }
        let event = &self.0;
        Shape {
            time_unix_nano: InText(event.unix_nanos),
            name: event.name,
            attributes: if_any(attributes(event.settled_attributes())),
            dropped_attributes_count: event.dropped_attributes,
        }
        .serialize(serializer)
    }
}

struct WrittenLink<'a>(Link<'a>);

impl Serialize for WrittenLink<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Shape<'a, A: Serialize> {
            trace_id: TraceId,
            span_id: SpanId,
            #[serde(skip_serializing_if = "str::is_empty")]
            trace_state: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            attributes: Option<A>,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_attributes_count: u32,
            // Whether it is remote is not recorded, and so not said.
            #[serde(skip_serializing_if = "is_zero")]
            flags: u32,
        }
        let link = &self.0;
        Shape {
            trace_id: link.trace_id(),
            span_id: link.span_id(),
            trace_state: &link.trace_state().to_header_within(usize::MAX),
            attributes: if_any(attributes(link.settled_attributes())),
            dropped_attributes_count: link.dropped_attributes,
            flags: link.flags().bits().into(),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct WrittenAttribute<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

fn attributes<'a>(
    attributes: impl Iterator<Item = Attribute<'a>> + Clone,
) -> impl Iterator<Item = WrittenAttribute<'a>> + Clone {
    attributes.map(|attribute| WrittenAttribute { key: attribute.key, value: AnyValue(attribute.value) })
}

/// An object whose one key is the type.
struct AnyValue<'a>(Value<'a>);

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = serializer;
        match &self.0 {
            Value::Str(text) => one.collect_map([("stringValue", text)]),
            Value::Bool(flag) => one.collect_map([("boolValue", flag)]),
            Value::I64(number) => one.collect_map([("intValue", InText(*number))]),
            Value::F64(number) => one.collect_map([("doubleValue", Number(*number))]),
            Value::Bools(items) => array(one, items.iter().map(|item| AnyValue(Value::Bool(*item)))),
            Value::I64s(items) => array(one, items.iter().map(|item| AnyValue(Value::I64(*item)))),
            Value::F64s(items) => array(one, items.iter().map(|item| AnyValue(Value::F64(*item)))),
            Value::Strs(items) => array(one, items.iter().map(|item| AnyValue(Value::from(item.as_ref())))),
        }
    }
}

fn array<'a, S: Serializer>(
    serializer: S,
    items: impl Iterator<Item = AnyValue<'a>> + Clone,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Array<V> {
        values: V,
    }
    serializer.collect_map([("arrayValue", Array { values: List(items) })])
}

/// Written as a list.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

fn if_any<I: Iterator + Clone>(items: I) -> Option<List<I>> {
    items.clone().next().is_some().then_some(List(items))
}

/// A 64-bit integer, which JSON's readers may not have numbers for.
struct InText<N>(N);

impl<N: fmt::Display> Serialize for InText<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}
