//! Reading records from JSON (floor 2). The text may come from anywhere: whatever it says, it is a
//! record or an error.

use super::trace_flags;
use crate::{
    context::{TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    record::{Details, LinkTarget, Outcome, Resource, SpanKind, SpanRecord, Status, Weight},
    value::Value,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use std::{borrow::Cow, collections::HashMap, fmt};

impl<'de> Deserialize<'de> for SpanRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadSpan::deserialize(deserializer).map(ReadSpan::into_record)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadAttributes::deserialize(deserializer).map(|read| Self::from_attributes(read.0))
    }
}

#[derive(Deserialize)]
struct ReadSpan {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(default)]
    parent_span_id: Option<SpanId>,
    #[serde(default)]
    parent_is_remote: bool,
    #[serde(default, with = "trace_flags")]
    trace_flags: TraceFlags,
    #[serde(default)]
    trace_state: TraceState,
    name: String,
    #[serde(default)]
    kind: SpanKind,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    outcome: Outcome,
    adjusted_count: Option<f64>,
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default)]
    events: Vec<ReadEvent>,
    #[serde(default)]
    links: Vec<ReadLink>,
    #[serde(default, rename = "dropped_attributes_count")]
    dropped_attributes: u32,
    #[serde(default, rename = "dropped_events_count")]
    dropped_events: u32,
    #[serde(default, rename = "dropped_links_count")]
    dropped_links: u32,
}

#[derive(Deserialize)]
struct ReadEvent {
    name: String,
    time_unix_nanos: u64,
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default, rename = "dropped_attributes_count")]
    dropped_attributes: u32,
}

#[derive(Deserialize)]
struct ReadLink {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(default, with = "trace_flags")]
    trace_flags: TraceFlags,
    #[serde(default)]
    trace_state: TraceState,
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default, rename = "dropped_attributes_count")]
    dropped_attributes: u32,
}

impl ReadSpan {
    fn into_record(self) -> SpanRecord {
        let weight = match self.adjusted_count {
            Some(count) => Weight::new(count),
            None => Weight::of_trace_state(&self.trace_state),
        };
        let details = self.has_details().then(|| {
            let mut details = Details::new();
            details.status = self.status;
            details.dropped_attributes = self.dropped_attributes;
            details.dropped_events = self.dropped_events;
            details.dropped_links = self.dropped_links;
            details.restore_attributes(self.attributes.0);
            for event in self.events {
                details.restore_event(
                    event.name.into(),
                    event.time_unix_nanos,
                    &event.attributes.0,
                    event.dropped_attributes,
                );
            }
            for link in self.links {
                let target = LinkTarget {
                    trace_id: link.trace_id,
                    span_id: link.span_id,
                    flags: link.trace_flags,
                    trace_state: link.trace_state,
                };
                details.restore_link(target, &link.attributes.0, link.dropped_attributes);
            }
            Box::new(details)
        });
        SpanRecord {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_span_id: self.parent_span_id,
            start: self.start_unix_nanos,
            end: self.end_unix_nanos.max(self.start_unix_nanos),
            name: self.name.into(),
            details,
            trace_state: self.trace_state,
            kind: self.kind,
            outcome: self.outcome,
            flags: self.trace_flags,
            parent_is_remote: self.parent_is_remote,
            weight,
            local_root: None,
        }
    }

    fn has_details(&self) -> bool {
        self.status != Status::Unset
            || !self.attributes.0.is_empty()
            || !self.events.is_empty()
            || !self.links.is_empty()
            || (self.dropped_attributes, self.dropped_events, self.dropped_links) != (0, 0, 0)
    }
}

/// Attributes in the order of the text, each key once.
#[derive(Default)]
struct ReadAttributes(Vec<(Cow<'static, str>, Value<'static>)>);

impl<'de> Deserialize<'de> for ReadAttributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = ReadAttributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attributes")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ReadAttributes, M::Error> {
                let mut attributes: Vec<(Cow<'static, str>, Value<'static>)> = Vec::new();
                // The text may come from anywhere: looking for a key among thousands must not cost
                // a walk over all of them.
                let mut positions = HashMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value<'static>>()? {
                    let position = *positions.entry(key.clone()).or_insert(attributes.len());
                    match attributes.get_mut(position) {
                        Some((_, known)) => *known = value,
                        None => attributes.push((key.into(), value)),
                    }
                }
                Ok(ReadAttributes(attributes))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
