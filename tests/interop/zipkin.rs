//! Spans as Zipkin has them: what its format can hold of one of ours [OpenTelemetry, transformation to Zipkin],
//! what the Zipkin server answers, and what the Collector makes of them.
//!
//! What is lost on the way: nanoseconds below a microsecond, the kinds of values (all are texts, in which lists are
//! JSON), the flags, which attributes are the resource's, and a link's tracestate with a bar in it.

use crate::{
    seen::{Attributes, Seen, SeenEvent, SeenLink},
    servers::{ask, setting},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use throughline::{SpanKind, Status, Value, semconv};

type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub struct ZipkinSpan {
    pub trace_id: String,
    pub id: String,
    pub parent_id: Option<String>,
    /// Empty for work inside a service.
    pub kind: String,
    pub name: String,
    pub service: String,
    pub remote: Remote,
    pub unix_micros: u64,
    pub micros: u64,
    pub annotations: Vec<(u64, Annotation)>,
    pub tags: Tags,
}

/// The other side: its name, its address, its port.
pub type Remote = [Option<String>; 3];

/// A name, and attributes as JSON with sorted keys.
type Annotation = (String, String);

/// What there is of a trace so far.
pub async fn trace(id: &str) -> Vec<ZipkinSpan> {
    let url = format!("http://{}/api/v2/trace/{id}", setting("ZIPKIN_HTTP"));
    let answer = ask(&url, &[]).await;
    let spans = answer.iter().flat_map(|spans| spans.as_array().unwrap());
    let mut spans: Vec<_> = spans.map(ZipkinSpan::read).collect();
    spans.sort_by(|one, other| one.id.cmp(&other.id));
    spans
}

impl ZipkinSpan {
    /// Of what the server answers.
    fn read(span: &Json) -> Self {
        let text = |value: &Json| value.as_str().map(str::to_owned);
        let annotation = |annotation: &Json| {
            (
                annotation["timestamp"].as_u64().unwrap(),
                read_annotation(annotation["value"].as_str().unwrap()),
            )
        };
        let remote = &span["remoteEndpoint"];
        let address = text(&remote["ipv4"]).or_else(|| text(&remote["ipv6"]));
        Self {
            trace_id: text(&span["traceId"]).unwrap(),
            id: text(&span["id"]).unwrap(),
            parent_id: text(&span["parentId"]),
            kind: text(&span["kind"]).unwrap_or_default(),
            name: text(&span["name"]).unwrap_or_default(),
            service: text(&span["localEndpoint"]["serviceName"]).unwrap_or_default(),
            remote: [
                text(&remote["serviceName"]),
                address,
                remote["port"].as_u64().map(|port| port.to_string()),
            ],
            unix_micros: span["timestamp"].as_u64().unwrap(),
            micros: span["duration"].as_u64().unwrap(),
            annotations: span["annotations"].as_array().into_iter().flatten().map(annotation).collect(),
            tags: serde_json::from_value(span["tags"].clone()).unwrap(),
        }
    }

    /// What there is to say of a span of ours.
    pub fn of(span: &Seen) -> Self {
        let kind =
            if span.kind == SpanKind::Internal { String::new() } else { span.kind.as_str().to_uppercase() };
        let annotation = |event: &SeenEvent| {
            (event.unix_nanos / 1_000, (event.name.clone(), json_of(&event.attributes).to_string()))
        };
        Self {
            trace_id: span.trace_id.clone(),
            id: span.span_id.clone(),
            parent_id: span.parent.clone(),
            kind,
            name: span.name.clone(),
            service: span.service().to_owned(),
            remote: remote(span),
            unix_micros: span.start_unix_nanos / 1_000,
            micros: ((span.end_unix_nanos - span.start_unix_nanos) / 1_000).max(1),
            annotations: span.events.iter().map(annotation).collect(),
            tags: tags(span),
        }
    }

    /// As the server keeps it: names in lower case, annotations in the order of their times, each once.
    pub fn in_zipkin(mut self) -> Self {
        let [remote, ..] = &mut self.remote;
        for name in [&mut self.name, &mut self.service].into_iter().chain(remote) {
            *name = name.to_lowercase();
        }
        self.annotations.sort();
        self.annotations.dedup();
        self
    }

    /// What the Collector makes of it: the format's losses, and its own. It does not know how Zipkin says `Ok`, it
    /// leaves an error's description where it is, and it reads neither what an event has nor lists of a link.
    pub fn in_collector(self) -> Seen {
        const OF_RESOURCE: [&str; 3] = ["process.", "service.version", "telemetry.sdk."];
        let mut tags = self.tags;
        let mut take = |key: &str| tags.remove(key).unwrap_or_default();
        let scope = (take("otel.scope.name"), take("otel.scope.version"));
        let trace_state = take("w3c.tracestate");
        let _status_code = take("otel.status_code");
        let links = (0..).map_while(|position| tags.remove(&format!("otlp.link.{position}")));
        let links = links.map(|link| read_link(&link)).collect();
        let status = if tags.contains_key("error") { Status::error("") } else { Status::Unset };
        let [name, address, port] = self.remote;
        let (resource, tags): (Tags, Tags) =
            tags.into_iter().partition(|(key, _)| OF_RESOURCE.iter().any(|prefix| key.starts_with(prefix)));
        let texts = |tags: Tags| tags.into_iter().map(|(key, value)| (key, Value::from(value)));
        let service = (semconv::SERVICE_NAME.to_owned(), Value::from(self.service));
        let port = port.map(|port| port.parse::<i64>().unwrap().into());
        let remote = [
            (semconv::SERVICE_PEER_NAME, name.map(Value::from)),
            (semconv::NETWORK_PEER_ADDRESS, address.map(Value::from)),
            ("net.peer.port", port),
        ];
        let remote = remote.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let event = |(unix_micros, annotation): (u64, Annotation)| SeenEvent {
            name: annotation_text(annotation),
            unix_nanos: unix_micros * 1_000,
            attributes: Attributes::new(),
            dropped: 0,
        };
        Seen {
            resource: texts(resource).chain([service]).collect(),
            scope,
            trace_id: self.trace_id,
            span_id: self.id,
            parent: self.parent_id,
            name: self.name,
            kind: serde_json::from_value(self.kind.to_lowercase().into()).unwrap_or_default(),
            start_unix_nanos: self.unix_micros * 1_000,
            end_unix_nanos: (self.unix_micros + self.micros) * 1_000,
            status,
            trace_state,
            flags: 0,
            attributes: texts(tags).chain(remote).collect(),
            events: self.annotations.into_iter().map(event).collect(),
            links,
            dropped: [0; 3],
        }
    }
}

fn read_link(text: &str) -> SeenLink {
    let parts: Vec<_> = text.splitn(4, '|').collect();
    let (attributes, dropped) = parts[3].rsplit_once('|').unwrap();
    let attributes: BTreeMap<String, Json> = serde_json::from_str(attributes).unwrap();
    let value = |(key, value): (String, Json)| match value {
        Json::Array(_) => None,
        Json::String(text) => Some((key, text.into())),
        Json::Bool(flag) => Some((key, flag.into())),
        value => Some((key, value.as_i64().map_or_else(|| value.as_f64().unwrap().into(), Value::from))),
    };
    SeenLink {
        trace_id: parts[0].to_owned(),
        span_id: parts[1].to_owned(),
        trace_state: parts[2].to_owned(),
        flags: 0,
        attributes: attributes.into_iter().filter_map(value).collect(),
        dropped: dropped.parse().unwrap(),
    }
}

/// As one text, whose keys are sorted.
fn annotation_text((name, attributes): Annotation) -> String {
    format!("{name}: {attributes}")
}

/// The same span with the names of its events in that form: the Collector has annotations as such names.
pub fn with_annotations(mut span: Seen) -> Seen {
    for event in &mut span.events {
        event.name = annotation_text(read_annotation(&event.name));
    }
    span
}

fn remote(span: &Seen) -> Remote {
    let text = |key| span.text(key).map(str::to_owned);
    let name = text(semconv::SERVICE_PEER_NAME).or_else(|| text(semconv::PEER_SERVICE));
    let name = match span.kind {
        SpanKind::Internal => return Remote::default(),
        SpanKind::Client | SpanKind::Producer => name.or_else(|| text(semconv::SERVER_ADDRESS)),
        _ => name,
    };
    let port = span.attributes.get(semconv::NETWORK_PEER_PORT).map(Value::to_string);
    [name, text(semconv::NETWORK_PEER_ADDRESS), port]
}

fn tags(span: &Seen) -> Tags {
    let mut tags: Tags = BTreeMap::new();
    let mut put = |key: &str, value: String| {
        assert_eq!(tags.insert(key.to_owned(), value), None, "{key}");
    };
    for (key, value) in
        span.resource.iter().filter(|(key, _)| *key != semconv::SERVICE_NAME).chain(&span.attributes)
    {
        put(key, text(value));
    }
    put("otel.scope.name", span.scope.0.clone());
    put("otel.scope.version", span.scope.1.clone());
    match &span.status {
        Status::Error { description } => {
            put("otel.status_code", "ERROR".to_owned());
            put("error", description.to_string());
        }
        Status::Ok => put("otel.status_code", "OK".to_owned()),
        _ => {}
    }
    if !span.trace_state.is_empty() {
        put("w3c.tracestate", span.trace_state.clone());
    }
    for (of, count) in ["attributes", "events", "links"].iter().zip(span.dropped) {
        if count > 0 {
            put(&format!("otel.dropped_{of}_count"), count.to_string());
        }
    }
    for (position, link) in span.links.iter().enumerate() {
        put(&format!("otlp.link.{position}"), link_text(link));
    }
    tags
}

fn link_text(link: &SeenLink) -> String {
    let SeenLink { trace_id, span_id, trace_state, attributes, dropped, .. } = link;
    // With a bar in it, it has no place between these.
    let trace_state = if trace_state.contains('|') { "" } else { trace_state };
    format!("{trace_id}|{span_id}|{trace_state}|{}|{dropped}", json_of(attributes))
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        value => match json_of_value(value) {
            // A number that JSON has no notation for goes by its name.
            Json::String(name) => name,
            json => json.to_string(),
        },
    }
}

fn json_of(attributes: &Attributes) -> Json {
    attributes.iter().map(|(key, value)| (key.clone(), json_of_value(value))).collect()
}

fn json_of_value(value: &Value<'_>) -> Json {
    let number = |number: &f64| match *number {
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        number => json!(number),
    };
    match value {
        Value::F64(one) => number(one),
        Value::F64s(list) => list.iter().map(number).collect(),
        Value::Bool(flag) => json!(flag),
        Value::I64(number) => json!(number),
        Value::Str(text) => json!(text),
        Value::Bools(list) => json!(list),
        Value::I64s(list) => json!(list),
        Value::Strs(list) => json!(list),
        value => panic!("{value:?}"),
    }
}

/// `"name": {…}`, or a name alone.
fn read_annotation(text: &str) -> Annotation {
    let parts = serde_json::from_str::<Json>(&format!("{{{text}}}"));
    match parts.as_ref().ok().and_then(|parts| parts.as_object()?.iter().next()) {
        Some((name, attributes)) => (name.clone(), attributes.to_string()),
        None => (text.to_owned(), json!({}).to_string()),
    }
}
