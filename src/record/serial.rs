//! Records as JSON (floor 2): one flat shape that a person can read and a program can index.
//!
//! ```json
//! {
//!   "trace_id": "0199c1f0a3b27c1e8f3b6a5d4c3b2a19",
//!   "span_id": "00f067aa0ba902b7",
//!   "parent_span_id": "53995c3f42cd8ad8",
//!   "parent_is_remote": true,
//!   "trace_flags": "03",
//!   "name": "POST /charge",
//!   "kind": "server",
//!   "start": "2026-11-21T15:04:05.123456789Z",
//!   "start_unix_nanos": 1795273445123456789,
//!   "end_unix_nanos": 1795273445423456789,
//!   "duration_nanos": 300000000,
//!   "status": { "code": "error", "description": "card declined" },
//!   "outcome": "completed",
//!   "attributes": { "http.response.status_code": 402 },
//!   "events": [{ "name": "exception", "time": "…Z", "time_unix_nanos": 0, "attributes": {} }],
//!   "links": [{ "trace_id": "…", "span_id": "…", "trace_flags": "01", "attributes": {} }]
//! }
//! ```
//!
//! Beyond that, `trace_state` is there if it is not empty, and `dropped_attributes`,
//! `dropped_events` and `dropped_links` if they are not zero. `trace_flags` is the byte in hex, as in
//! a traceparent header.
//!
//! What is read back equals what was written. `start`, `time` and `duration_nanos` follow from the
//! integers beside them, so they are not read; nor are fields of other names. A key that comes twice
//! counts with its last value. Missing parts are empty, but ids, name and both times must be there.

use super::{
    Details, Event, Link, LinkTarget, Outcome, Resource, SpanKind, SpanRecord, Status, utc::Rfc3339,
};
use crate::{
    context::{TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    value::{Attribute, Value},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use std::{borrow::Cow, collections::HashMap, fmt};

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

impl<'de> Deserialize<'de> for SpanRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadSpan::deserialize(deserializer).map(ReadSpan::into_record)
    }
}

/// A resource is the object of its attributes.
impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenAttributes(self.attributes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ReadAttributes::deserialize(deserializer).map(|read| Self::from_attributes(read.0))
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
    #[serde(with = "trace_state", skip_serializing_if = "TraceState::is_empty")]
    trace_state: &'a TraceState,
    name: &'a str,
    kind: SpanKind,
    start: Written<Rfc3339>,
    start_unix_nanos: u64,
    end_unix_nanos: u64,
    duration_nanos: u64,
    status: &'a Status,
    outcome: Outcome,
    attributes: A,
    events: E,
    links: L,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes: u32,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events: u32,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_links: u32,
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
            #[serde(skip_serializing_if = "is_zero")]
            dropped_attributes: u32,
        }
        let event = &self.0;
        Shape {
            name: event.name,
            time: Written(Rfc3339(event.unix_nanos)),
            time_unix_nanos: event.unix_nanos,
            attributes: WrittenAttributes(last_of_each(event.attributes())),
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
            #[serde(with = "trace_state", skip_serializing_if = "TraceState::is_empty")]
            trace_state: &'a TraceState,
            attributes: A,
            #[serde(skip_serializing_if = "is_zero")]
            dropped_attributes: u32,
        }
        let link = &self.0;
        Shape {
            trace_id: link.trace_id(),
            span_id: link.span_id(),
            trace_flags: link.flags(),
            trace_state: link.trace_state(),
            attributes: WrittenAttributes(last_of_each(link.attributes())),
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

/// A span's attributes are settled on its way here; an event's and a link's come as the caller gave
/// them, a few at a time.
fn last_of_each<'a>(
    attributes: impl Iterator<Item = Attribute<'a>> + Clone,
) -> impl Iterator<Item = Attribute<'a>> + Clone {
    let mut rest = attributes;
    std::iter::from_fn(move || {
        loop {
            let attribute = rest.next()?;
            if !rest.clone().any(|later| later.key == attribute.key) {
                return Some(attribute);
            }
        }
    })
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
    #[serde(default, with = "trace_state")]
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
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default)]
    events: Vec<ReadEvent>,
    #[serde(default)]
    links: Vec<ReadLink>,
    #[serde(default)]
    dropped_attributes: u32,
    #[serde(default)]
    dropped_events: u32,
    #[serde(default)]
    dropped_links: u32,
}

#[derive(Deserialize)]
struct ReadEvent {
    name: String,
    time_unix_nanos: u64,
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default)]
    dropped_attributes: u32,
}

#[derive(Deserialize)]
struct ReadLink {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(default, with = "trace_flags")]
    trace_flags: TraceFlags,
    #[serde(default, with = "trace_state")]
    trace_state: TraceState,
    #[serde(default)]
    attributes: ReadAttributes,
    #[serde(default)]
    dropped_attributes: u32,
}

impl ReadSpan {
    fn into_record(self) -> SpanRecord {
        let details = self.has_details().then(|| {
            let mut details = Details::new();
            details.status = self.status;
            details.trace_state = self.trace_state;
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
            kind: self.kind,
            outcome: self.outcome,
            flags: self.trace_flags,
            parent_is_remote: self.parent_is_remote,
        }
    }

    fn has_details(&self) -> bool {
        self.status != Status::Unset
            || !self.trace_state.is_empty()
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

/// The flags' byte as two hex digits.
mod trace_flags {
    use super::{Cow, Deserialize, Deserializer, Serializer, TraceFlags, de};

    pub(super) fn serialize<S: Serializer>(flags: &TraceFlags, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02x}", flags.bits()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TraceFlags, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let bits = match *text.as_bytes() {
            [high, low] => digit(high).zip(digit(low)).map(|(high, low)| (high << 4 | low) as u8),
            _ => None,
        };
        bits.map(TraceFlags::from_bits).ok_or_else(|| de::Error::custom("expected two hex digits"))
    }
}

/// The header's text.
mod trace_state {
    use super::{Cow, Deserialize, Deserializer, Serializer, TraceState, de};

    pub(super) fn serialize<S: Serializer>(state: &TraceState, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(state)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TraceState, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}
