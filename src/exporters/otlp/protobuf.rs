//! Spans as OTLP's Protocol Buffers (floor 4) [opentelemetry-proto 1.9, trace/v1/trace.proto].
//!
//! Written straight into the request's body, fields in the order of their numbers. What stands before the
//! spans has lengths that are known only after them: it is given room at the front, and the body begins
//! where it begins.

use super::{
    model::{SCOPE, flags, kind, status_code},
    wire::{
        bytes_tag, field_len, fixed64_tag, put_bytes, put_fixed64, put_head, put_message, put_varint,
        put_varint_field, varint_len, varint_tag,
    },
};
use crate::{
    exporters::unnamed::unnamed_attributes,
    record::{Event, Link, Resource, SpanRecord, Status},
    value::{Attribute, Value},
};

/// The body of an `ExportTraceServiceRequest` for spans of one resource and one scope.
#[derive(Default)]
pub(super) struct ProtobufBody {
    /// Room for what stands before the spans, then the spans.
    bytes: Vec<u8>,
    /// The field `ResourceSpans.resource`, whole.
    resource: Vec<u8>,
    /// The field `ScopeSpans.scope`, whole.
    scope: Vec<u8>,
}

/// The most bytes of a tag and a length.
const HEAD: usize = 11;

impl ProtobufBody {
    pub(super) fn begin(&mut self, resource: &Resource) {
        self.resource.clear();
        put_message(&mut self.resource, bytes_tag(1), |to| {
            resource.attributes().for_each(|attribute| put_attribute(to, bytes_tag(1), &attribute));
        });
        self.scope.clear();
        put_message(&mut self.scope, bytes_tag(1), |to| {
            put_bytes(to, bytes_tag(1), SCOPE.0.as_bytes());
            put_bytes(to, bytes_tag(2), SCOPE.1.as_bytes());
        });
        self.bytes.clear();
        self.bytes.resize(self.room(), 0);
    }

    pub(super) fn push(&mut self, span: &SpanRecord) {
        put_message(&mut self.bytes, bytes_tag(2), |to| put_span(to, span));
    }

    /// With room for the longest lengths in front of the spans.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Writes what stands before the spans, up against them.
    pub(super) fn finish(&mut self) -> &[u8] {
        let room = self.room();
        let scope_spans = self.scope.len() + self.bytes.len().saturating_sub(room);
        let resource_spans = self.resource.len() + field_len(scope_spans);
        let mut front = Vec::with_capacity(room);
        put_head(&mut front, bytes_tag(1), resource_spans);
        front.extend_from_slice(&self.resource);
        put_head(&mut front, bytes_tag(2), scope_spans);
        front.extend_from_slice(&self.scope);
        let start = room.saturating_sub(front.len());
        if let Some(place) = self.bytes.get_mut(start..room) {
            place.copy_from_slice(&front);
        }
        self.bytes.get(start..).unwrap_or_default()
    }

    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.clear();
        self.bytes.shrink_to(bytes);
    }

    const fn room(&self) -> usize {
        HEAD + self.resource.len() + HEAD + self.scope.len()
    }
}

fn put_span(to: &mut Vec<u8>, span: &SpanRecord) {
    put_bytes(to, bytes_tag(1), &span.trace_id().to_bytes());
    put_bytes(to, bytes_tag(2), &span.span_id().to_bytes());
    put_text(to, bytes_tag(3), &span.trace_state().to_header_within(usize::MAX));
    if let Some(parent) = span.parent_span_id() {
        put_bytes(to, bytes_tag(4), &parent.to_bytes());
    }
    put_text(to, bytes_tag(5), span.name());
    put_varint_field(to, varint_tag(6), kind(span.kind()));
    put_time(to, fixed64_tag(7), span.start_unix_nanos());
    put_time(to, fixed64_tag(8), span.end_unix_nanos());
    for attribute in span.attributes().chain(unnamed_attributes(span)) {
        put_attribute(to, bytes_tag(9), &attribute);
    }
    put_count(to, varint_tag(10), span.dropped_attributes());
    for event in span.events() {
        put_message(to, bytes_tag(11), |to| put_event(to, &event));
    }
    put_count(to, varint_tag(12), span.dropped_events());
    for link in span.links() {
        put_message(to, bytes_tag(13), |to| put_link(to, &link));
    }
    put_count(to, varint_tag(14), span.dropped_links());
    if *span.status() != Status::Unset {
        put_message(to, bytes_tag(15), |to| {
            put_text(to, bytes_tag(2), span.status().description());
            put_varint_field(to, varint_tag(3), status_code(span.status()));
        });
    }
    // Field 16, of 4 bytes, has a tag of two.
    to.extend_from_slice(&[0x85, 0x01]);
    to.extend_from_slice(&flags(span).to_le_bytes());
}

fn put_event(to: &mut Vec<u8>, event: &Event<'_>) {
    put_time(to, fixed64_tag(1), event.unix_nanos);
    put_text(to, bytes_tag(2), event.name);
    event.settled_attributes().for_each(|attribute| put_attribute(to, bytes_tag(3), &attribute));
    put_count(to, varint_tag(4), event.dropped_attributes);
}

fn put_link(to: &mut Vec<u8>, link: &Link<'_>) {
    const FLAGS: u8 = 6 << 3 | 5;
    put_bytes(to, bytes_tag(1), &link.trace_id().to_bytes());
    put_bytes(to, bytes_tag(2), &link.span_id().to_bytes());
    put_text(to, bytes_tag(3), &link.trace_state().to_header_within(usize::MAX));
    link.settled_attributes().for_each(|attribute| put_attribute(to, bytes_tag(4), &attribute));
    put_count(to, varint_tag(5), link.dropped_attributes);
    // Whether it is remote is not recorded, and so not said.
    if link.flags().bits() != 0 {
        to.push(FLAGS);
        to.extend_from_slice(&u32::from(link.flags().bits()).to_le_bytes());
    }
}

/// A `KeyValue`, whose length is cheap to know beforehand.
fn put_attribute(to: &mut Vec<u8>, tag: u8, attribute: &Attribute<'_>) {
    let key_len = if attribute.key.is_empty() { 0 } else { field_len(attribute.key.len()) };
    let value_len = value_len(&attribute.value);
    put_head(to, tag, key_len + field_len(value_len));
    put_text(to, bytes_tag(1), attribute.key);
    put_head(to, bytes_tag(2), value_len);
    put_value(to, &attribute.value);
}

/// The length of an `AnyValue`. It says which of its fields it has, so even a default value is written.
fn value_len(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => field_len(text.len()),
        Value::Bool(_) => 2,
        Value::I64(number) => 1 + varint_len(*number as u64),
        Value::F64(_) => 9,
        list => field_len(list_len(list)),
    }
}

/// The length of an `ArrayValue`.
fn list_len(list: &Value<'_>) -> usize {
    match list {
        Value::Bools(items) => items.len() * field_len(2),
        Value::F64s(items) => items.len() * field_len(9),
        Value::I64s(items) => items.iter().map(|item| field_len(1 + varint_len(*item as u64))).sum(),
        Value::Strs(items) => items.iter().map(|item| field_len(field_len(item.len()))).sum(),
        Value::Str(_) | Value::Bool(_) | Value::I64(_) | Value::F64(_) => 0,
    }
}

fn put_value(to: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Str(text) => put_bytes(to, bytes_tag(1), text.as_bytes()),
        Value::Bool(flag) => put_varint_field(to, varint_tag(2), u64::from(*flag)),
        Value::I64(number) => put_varint_field(to, varint_tag(3), *number as u64),
        Value::F64(number) => put_fixed64(to, fixed64_tag(4), number.to_bits()),
        list => {
            put_head(to, bytes_tag(5), list_len(list));
            put_items(to, list);
        }
    }
}

fn put_items(to: &mut Vec<u8>, list: &Value<'_>) {
    let mut put = |item: Value<'_>| {
        put_head(to, bytes_tag(1), value_len(&item));
        put_value(to, &item);
    };
    match list {
        Value::Bools(items) => items.iter().for_each(|item| put(Value::Bool(*item))),
        Value::I64s(items) => items.iter().for_each(|item| put(Value::I64(*item))),
        Value::F64s(items) => items.iter().for_each(|item| put(Value::F64(*item))),
        Value::Strs(items) => items.iter().for_each(|item| put(Value::from(item.as_ref()))),
        Value::Str(_) | Value::Bool(_) | Value::I64(_) | Value::F64(_) => {}
    }
}

fn put_text(to: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        put_bytes(to, tag, text.as_bytes());
    }
}

fn put_time(to: &mut Vec<u8>, tag: u8, unix_nanos: u64) {
    if unix_nanos != 0 {
        put_fixed64(to, tag, unix_nanos);
    }
}

fn put_count(to: &mut Vec<u8>, tag: u8, count: u32) {
    if count != 0 {
        to.push(tag);
        put_varint(to, u64::from(count));
    }
}
