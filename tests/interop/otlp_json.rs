//! Reads OTLP's JSON [opentelemetry-proto 1.9, JSON Protobuf encoding]: what the Collector writes into its file, and
//! what Jaeger's query API answers. It knows nothing of how we write it.

use crate::seen::{Attributes, Seen, SeenEvent, SeenLink, comparable};
use serde_json::Value as Json;
use throughline::{SpanKind, Status, Value};

/// All spans of an `ExportTraceServiceRequest` or a `TracesData`.
pub fn spans(request: &Json) -> Vec<Seen> {
    let mut spans = Vec::new();
    for of_resource in list(&request["resourceSpans"]) {
        let resource = attributes(&of_resource["resource"]["attributes"]);
        for of_scope in list(&of_resource["scopeSpans"]) {
            let scope = &of_scope["scope"];
            let scope = (text(&scope["name"]), text(&scope["version"]));
            spans.extend(list(&of_scope["spans"]).iter().map(|span| read_span(&resource, &scope, span)));
        }
    }
    spans
}

fn read_span(resource: &Attributes, scope: &(String, String), span: &Json) -> Seen {
    Seen {
        resource: resource.clone(),
        scope: scope.clone(),
        trace_id: text(&span["traceId"]),
        span_id: text(&span["spanId"]),
        parent: Some(text(&span["parentSpanId"])).filter(|id| !id.is_empty()),
        name: text(&span["name"]),
        kind: read_kind(&span["kind"]),
        start_unix_nanos: nanos(&span["startTimeUnixNano"]),
        end_unix_nanos: nanos(&span["endTimeUnixNano"]),
        status: read_status(&span["status"]),
        trace_state: text(&span["traceState"]),
        flags: count(&span["flags"]),
        attributes: attributes(&span["attributes"]),
        events: list(&span["events"]).iter().map(read_event).collect(),
        links: list(&span["links"]).iter().map(read_link).collect(),
        dropped: ["droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"]
            .map(|name| count(&span[name])),
    }
}

fn read_event(event: &Json) -> SeenEvent {
    SeenEvent {
        name: text(&event["name"]),
        unix_nanos: nanos(&event["timeUnixNano"]),
        attributes: attributes(&event["attributes"]),
        dropped: count(&event["droppedAttributesCount"]),
    }
}

fn read_link(link: &Json) -> SeenLink {
    SeenLink {
        trace_id: text(&link["traceId"]),
        span_id: text(&link["spanId"]),
        trace_state: text(&link["traceState"]),
        flags: count(&link["flags"]),
        attributes: attributes(&link["attributes"]),
        dropped: count(&link["droppedAttributesCount"]),
    }
}

fn read_kind(kind: &Json) -> SpanKind {
    match kind.as_u64() {
        Some(2) => SpanKind::Server,
        Some(3) => SpanKind::Client,
        Some(4) => SpanKind::Producer,
        Some(5) => SpanKind::Consumer,
        // Where none is said, it is this one [trace.proto, SpanKind].
        None | Some(0 | 1) => SpanKind::Internal,
        Some(_) => panic!("not a kind: {kind}"),
    }
}

fn read_status(status: &Json) -> Status {
    match status["code"].as_u64() {
        None | Some(0) => Status::Unset,
        Some(1) => Status::Ok,
        Some(2) => Status::error(text(&status["message"])),
        Some(_) => panic!("not a status: {status}"),
    }
}

fn attributes(pairs: &Json) -> Attributes {
    let mut attributes = Attributes::new();
    for pair in list(pairs) {
        let known = attributes.insert(text(&pair["key"]), comparable(read_value(&pair["value"])));
        assert_eq!(known, None, "{} comes twice", pair["key"]);
    }
    attributes
}

fn read_value(value: &Json) -> Value<'static> {
    let object = value.as_object().unwrap_or_else(|| panic!("not a value: {value}"));
    let (kind, value) = object.iter().next().unwrap_or_else(|| panic!("a value of no kind"));
    match kind.as_str() {
        "stringValue" => Value::from(text(value)),
        "boolValue" => Value::from(value.as_bool().unwrap()),
        "intValue" => Value::from(integer(value)),
        "doubleValue" => Value::from(double(value)),
        "arrayValue" => read_array(list(&value["values"]).iter().map(read_value).collect()),
        _ => panic!("a value of kind {kind}"),
    }
}

/// An array of one kind. An empty one is of texts: nothing in it says of what it is.
fn read_array(items: Vec<Value<'static>>) -> Value<'static> {
    macro_rules! of {
        ($variant:ident, $list:ident) => {
            Value::$list(
                items
                    .into_iter()
                    .map(|item| match item {
                        Value::$variant(item) => item,
                        item => panic!("{item} in an array of another kind"),
                    })
                    .collect(),
            )
        };
    }
    match items.first() {
        Some(Value::Bool(_)) => of!(Bool, Bools),
        Some(Value::I64(_)) => of!(I64, I64s),
        Some(Value::F64(_)) => of!(F64, F64s),
        _ => of!(Str, Strs),
    }
}

fn list(items: &Json) -> &[Json] {
    items.as_array().map_or(&[], Vec::as_slice)
}

/// A text; what is not there is empty, as everywhere in Protocol Buffers.
fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        _ => panic!("not a text: {value}"),
    }
}

/// 64-bit integers are written as texts, and may be read as numbers.
fn integer(value: &Json) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("not an integer: {value}"))
}

/// A 32-bit number; zero if it is not there.
fn count(value: &Json) -> u64 {
    if value.is_null() { 0 } else { value.as_u64().unwrap_or_else(|| panic!("not a number: {value}")) }
}

fn nanos(value: &Json) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("not a time: {value}"))
}

fn double(value: &Json) -> f64 {
    match value.as_str() {
        None => value.as_f64().unwrap_or_else(|| panic!("not a number: {value}")),
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some("NaN") => f64::NAN,
        Some(_) => panic!("not a number: {value}"),
    }
}
