//! Writing records as JSON (floor 2).

use super::trace_flags;
use crate::{
    context::{TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    record::{Event, Link, Outcome, Resource, Rfc3339, SpanKind, SpanRecord, Status, Weight},
    value::Attribute,
};
use serde::{Serialize, Serializer};
use std::fmt;

impl Serialize for SpanRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenSpan {
            trace_id: self.trace_id(),
            span_id: self.span_id(),
            parent_span_id: self.parent_span_id(),
            parent_is_remote: self.parent_is_remote(),
            trace_flags: self.flags(),
            trace_state: self.trace_state(),
            name: self.name(),
            kind: self.kind(),
            start: Written(Rfc3339(self.start_unix_nanos())),
            start_unix_nanos: self.start_unix_nanos(),
            end_unix_nanos: self.end_unix_nanos(),
            duration_nanos: self.end_unix_nanos().saturating_sub(self.start_unix_nanos()),
            status: self.status(),
            outcome: self.outcome(),
            adjusted_count: adjusted_count(self),
            attributes: WrittenAttributes(self.attributes()),
            events: WrittenList(self.events().map(WrittenEvent)),
            links: WrittenList(self.links().map(WrittenLink)),
            dropped_attributes: self.dropped_attributes(),
            dropped_events: self.dropped_events(),
            dropped_links: self.dropped_links(),
        }
        .serialize(serializer)
    }
}

/// A resource is the object of its attributes.
impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenAttributes(self.attributes()).serialize(serializer)
    }
}

#[derive(Serialize)]
struct WrittenSpan<'a, A: Serialize, E: Serialize, L: Serialize> {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    parent_is_remote: bool,
    #[serde(with = "trace_flags")]
    trace_flags: TraceFlags,
    #[serde(skip_serializing_if = "TraceState::is_empty")]
    trace_state: &'a TraceState,
    name: &'a str,
    kind: SpanKind,
    start: Written<Rfc3339>,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    duration_nanos: u64,
    status: &'a Status,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusted_count: Option<f32>,
    attributes: A,
    events: E,
    links: L,
    #[serde(rename = "dropped_attributes_count", skip_serializing_if = "is_zero")]
    dropped_attributes: u32,
    #[serde(rename = "dropped_events_count", skip_serializing_if = "is_zero")]
    dropped_events: u32,
    #[serde(rename = "dropped_links_count", skip_serializing_if = "is_zero")]
    dropped_links: u32,
}

/// Left out where it is 1 and would be read as 1.
fn adjusted_count(span: &SpanRecord) -> Option<f32> {
    let counts = [span.adjusted_count(), Weight::of_trace_state(span.trace_state()).count()];
    // Lossless: a weight is an `f32`, and written with as few digits as tell it from all others.
    (counts != [1.0, 1.0]).then_some(span.adjusted_count() as f32)
}

struct WrittenEvent<'a>(Event<'a>);

impl Serialize for WrittenEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a, A: Serialize> {
            name: &'a str,
            time: Written<Rfc3339>,
            time_unix_nanos: u64,
            attributes: A,
            #[serde(rename = "dropped_attributes_count", skip_serializing_if = "is_zero")]
            dropped_attributes: u32,
        }
        let event = &self.0;
        Shape {
            name: event.name,
            time: Written(Rfc3339(event.unix_nanos)),
            time_unix_nanos: event.unix_nanos,
            attributes: WrittenAttributes(event.settled_attributes()),
            dropped_attributes: event.dropped_attributes,
        }
        .serialize(serializer)
    }
}

struct WrittenLink<'a>(Link<'a>);

impl Serialize for WrittenLink<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a, A: Serialize> {
            trace_id: TraceId,
            span_id: SpanId,
            #[serde(with = "trace_flags")]
            trace_flags: TraceFlags,
            #[serde(skip_serializing_if = "TraceState::is_empty")]
            trace_state: &'a TraceState,
            attributes: A,
            #[serde(rename = "dropped_attributes_count", skip_serializing_if = "is_zero")]
            dropped_attributes: u32,
        }
        let link = &self.0;
        Shape {
            trace_id: link.trace_id(),
            span_id: link.span_id(),
            trace_flags: link.flags(),
            trace_state: link.trace_state(),
            attributes: WrittenAttributes(link.settled_attributes()),
            dropped_attributes: link.dropped_attributes,
        }
        .serialize(serializer)
    }
}

/// Written as its text.
struct Written<T>(T);

impl<T: fmt::Display> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Written as a list.
struct WrittenList<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for WrittenList<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// Written as an object.
struct WrittenAttributes<I>(I);

impl<'a, I: Iterator<Item = Attribute<'a>> + Clone> Serialize for WrittenAttributes<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.clone().map(|attribute| (attribute.key, attribute.value)))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}
