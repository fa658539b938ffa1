//! OTLP's two encodings, read by those who know nothing of the writer: `opentelemetry-proto` with `prost`,
//! and `serde_json`.

use crate::{arbitrary::record, support::context};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value},
    trace::v1::{Span, Status as ProtoStatus, span},
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use std::sync::Arc;
use throughline::{
    Attribute, Batch, Outcome, Resource, SpanKind, SpanRecord, Status, Value, exporters::OtlpEncoding,
};

fn resource() -> Resource {
    Resource::new("orders").with_attribute("process.pid", 7).with_attribute("host.tags", vec!["a", "b"])
}

fn batch(spans: Vec<SpanRecord>) -> Batch {
    Batch::new(Arc::new(resource()), spans)
}

/// The same record with what only the engine counts.
fn with_dropped(record: &SpanRecord, attributes: u32, events: u32, links: u32) -> SpanRecord {
    let mut json = serde_json::to_value(record).unwrap();
    json["dropped_attributes_count"] = attributes.into();
    json["dropped_events_count"] = events.into();
    json["dropped_links_count"] = links.into();
    for event in json["events"].as_array_mut().unwrap() {
        event["dropped_attributes_count"] = attributes.into();
    }
    for link in json["links"].as_array_mut().unwrap() {
        link["dropped_attributes_count"] = links.into();
    }
    let record: SpanRecord = serde_json::from_value(json).unwrap();
    assert_eq!((record.dropped_attributes(), record.dropped_links()), (attributes, links));
    record
}

// What a record means in OTLP, said once more.

fn any_value(value: &Value<'_>) -> AnyValue {
    fn list(items: impl Iterator<Item = any_value::Value>) -> any_value::Value {
        let values = items.map(|value| AnyValue { value: Some(value) }).collect();
        any_value::Value::ArrayValue(ArrayValue { values })
    }
    let value = match value {
        Value::Bool(flag) => any_value::Value::BoolValue(*flag),
        Value::I64(number) => any_value::Value::IntValue(*number),
        Value::F64(number) => any_value::Value::DoubleValue(*number),
        Value::Str(text) => any_value::Value::StringValue(text.to_string()),
        Value::Bools(items) => list(items.iter().map(|item| any_value::Value::BoolValue(*item))),
        Value::I64s(items) => list(items.iter().map(|item| any_value::Value::IntValue(*item))),
        Value::F64s(items) => list(items.iter().map(|item| any_value::Value::DoubleValue(*item))),
        Value::Strs(items) => list(items.iter().map(|item| any_value::Value::StringValue(item.to_string()))),
        other => panic!("{other:?} has no place in OTLP"),
    };
    AnyValue { value: Some(value) }
}

fn key_values<'a>(attributes: impl Iterator<Item = Attribute<'a>>) -> Vec<KeyValue> {
    let pair = |attribute: Attribute<'a>| KeyValue {
        key: attribute.key.to_owned(),
        value: Some(any_value(&attribute.value)),
        ..KeyValue::default()
    };
    attributes.map(pair).collect()
}

fn meaning(record: &SpanRecord) -> Span {
    let mut attributes = key_values(record.attributes());
    let outcome = match record.outcome() {
        Outcome::Cancelled => Some("cancelled"),
        Outcome::Panicked => Some("panicked"),
        _ => None,
    };
    attributes.extend(outcome.into_iter().flat_map(|outcome| {
        key_values([Attribute { key: "throughline.outcome", value: outcome.into() }].into_iter())
    }));
    let kind = match record.kind() {
        SpanKind::Internal => span::SpanKind::Internal,
        SpanKind::Server => span::SpanKind::Server,
        SpanKind::Client => span::SpanKind::Client,
        SpanKind::Producer => span::SpanKind::Producer,
        SpanKind::Consumer => span::SpanKind::Consumer,
        other => panic!("{other:?} has no place in OTLP"),
    };
    let status = match record.status() {
        Status::Unset => None,
        Status::Ok => Some(ProtoStatus { code: 1, message: String::new() }),
        Status::Error { description } => Some(ProtoStatus { code: 2, message: description.to_string() }),
        other => panic!("{other:?} has no place in OTLP"),
    };
    Span {
        trace_id: record.trace_id().to_bytes().to_vec(),
        span_id: record.span_id().to_bytes().to_vec(),
        trace_state: record.trace_state().to_header().into_owned(),
        parent_span_id: record.parent_span_id().map_or(Vec::new(), |parent| parent.to_bytes().to_vec()),
        flags: u32::from(record.flags().bits()) | 0x100 | if record.parent_is_remote() { 0x200 } else { 0 },
        name: record.name().to_owned(),
        kind: kind as i32,
        start_time_unix_nano: record.start_unix_nanos(),
        end_time_unix_nano: record.end_unix_nanos(),
        attributes,
        dropped_attributes_count: record.dropped_attributes(),
        events: record
            .events()
            .map(|event| span::Event {
                time_unix_nano: event.unix_nanos,
                name: event.name.to_owned(),
                attributes: key_values(event.attributes()),
                dropped_attributes_count: event.dropped_attributes,
            })
            .collect(),
        dropped_events_count: record.dropped_events(),
        links: record
            .links()
            .map(|link| span::Link {
                trace_id: link.trace_id().to_bytes().to_vec(),
                span_id: link.span_id().to_bytes().to_vec(),
                trace_state: link.trace_state().to_header().into_owned(),
                attributes: key_values(link.attributes()),
                dropped_attributes_count: link.dropped_attributes,
                flags: link.flags().bits().into(),
            })
            .collect(),
        dropped_links_count: record.dropped_links(),
        status,
    }
}

/// The spans of a request, whose envelope is checked.
fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let [resource_spans] = request.resource_spans.try_into().unwrap();
    assert_eq!(resource_spans.resource.unwrap().attributes, key_values(resource().attributes()));
    let [scope_spans] = resource_spans.scope_spans.try_into().unwrap();
    let scope = scope_spans.scope.unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("throughline", env!("CARGO_PKG_VERSION")));
    scope_spans.spans
}

fn read_protobuf(bytes: &[u8]) -> Vec<Span> {
    spans(ExportTraceServiceRequest::decode(bytes).unwrap())
}

fn read_json(bytes: &[u8]) -> Vec<Span> {
    spans(serde_json::from_slice(bytes).unwrap())
}

/// JSON's numbers have no infinities; `opentelemetry-proto` does not read their names.
fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::F64(number) => number.is_finite(),
        Value::F64s(numbers) => numbers.iter().all(|number| number.is_finite()),
        _ => true,
    }
}

fn is_all_finite(record: &SpanRecord) -> bool {
    record.attributes().all(|attribute| is_finite(&attribute.value))
        && record.events().all(|event| event.attributes().all(|attribute| is_finite(&attribute.value)))
        && record.links().all(|link| link.attributes().all(|attribute| is_finite(&attribute.value)))
}

fn records() -> impl Strategy<Value = Vec<SpanRecord>> {
    let dropped = (0..3_u32, 0..3_u32, prop_oneof![Just(0), any::<u32>()]);
    let record = (record(), dropped)
        .prop_map(|(record, dropped)| with_dropped(&record, dropped.0, dropped.1, dropped.2));
    vec(record, 0..5)
}

proptest! {
    #[test]
    fn protobuf_means_what_the_records_mean(records in records()) {
        let expected: Vec<_> = records.iter().map(meaning).collect();
        let bytes = OtlpEncoding::Protobuf.encode(&batch(records));
        prop_assert_eq!(read_protobuf(&bytes), expected);
        // The shortest and the usual form: what anybody else would have written.
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(request.encode_to_vec(), bytes);
    }

    #[test]
    fn json_means_what_the_records_mean(records in records()) {
        let records: Vec<_> = records.into_iter().filter(is_all_finite).collect();
        let expected: Vec<_> = records.iter().map(meaning).collect();
        let text = OtlpEncoding::Json.encode(&batch(records));
        prop_assert_eq!(read_json(&text), expected);
    }
}

#[test]
fn a_name_a_text_and_a_span_may_be_of_any_length() {
    for len in [0, 1, 100, 127, 128, 129, 16_383, 16_384, 70_000, 2_200_000] {
        let text = "x".repeat(len);
        let record = SpanRecord::new(&context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 1), text.clone(), 1, 2)
            .with_attribute("text", text.clone())
            .with_event(text.clone(), 3, &[("text", text.as_str().into())])
            .with_status(Status::error(text));
        let expected = vec![meaning(&record)];
        let batch = batch(vec![record]);
        assert!(read_protobuf(&OtlpEncoding::Protobuf.encode(&batch)) == expected, "{len}");
        assert!(read_json(&OtlpEncoding::Json.encode(&batch)) == expected, "{len}");
    }
}

/// [OTLP 1.9, JSON Protobuf encoding]
#[test]
fn json_keeps_the_rules_of_otlp() {
    let context = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 0xb7);
    let record = SpanRecord::new(&context, "GET", 1_795_273_445_123_456_789, u64::MAX)
        .with_kind(SpanKind::Client)
        .with_status(Status::error("no"))
        .with_attribute("int", i64::MIN)
        .with_attribute("nan", f64::NAN)
        .with_attribute("more", vec![f64::INFINITY, f64::NEG_INFINITY, 0.5])
        .with_attribute("none", Vec::<i64>::new());
    let text = OtlpEncoding::Json.encode(&batch(vec![record]));
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    let expected = serde_json::json!({
        "traceId": "0199c1f0a3b27c1e8f3b6a5d4c3b2a19",
        "spanId": "00000000000000b7",
        "flags": 0x103,
        "name": "GET",
        "kind": 3,
        "startTimeUnixNano": "1795273445123456789",
        "endTimeUnixNano": "18446744073709551615",
        "attributes": [
            { "key": "int", "value": { "intValue": "-9223372036854775808" } },
            { "key": "nan", "value": { "doubleValue": "NaN" } },
            { "key": "more", "value": { "arrayValue": { "values": [
                { "doubleValue": "Infinity" }, { "doubleValue": "-Infinity" }, { "doubleValue": 0.5 },
            ] } } },
            { "key": "none", "value": { "arrayValue": { "values": [] } } },
        ],
        "status": { "message": "no", "code": 2 },
    });
    assert_eq!(*span, expected);
}

#[test]
fn not_numbers_are_written_as_they_are_in_protobuf() {
    let record = SpanRecord::new(&context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 1), "ratio", 1, 2)
        .with_attribute("nan", f64::NAN)
        .with_attribute("least", f64::NEG_INFINITY);
    let [span] = read_protobuf(&OtlpEncoding::Protobuf.encode(&batch(vec![record]))).try_into().unwrap();
    let number = |position: usize| match span.attributes[position].value.as_ref().unwrap().value {
        Some(any_value::Value::DoubleValue(number)) => number,
        _ => panic!("no number"),
    };
    assert!(number(0).is_nan());
    assert_eq!(number(1), f64::NEG_INFINITY);
}

#[test]
fn a_key_that_comes_twice_in_an_event_or_a_link_is_sent_once() {
    let twice = [("key", 1.into()), ("other", 2.into()), ("key", 3.into())];
    let at = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 1);
    let record = SpanRecord::new(&at, "twice", 1, 2).with_event("event", 1, &twice).with_link(&at, &twice);
    let batch = batch(vec![record]);
    for spans in
        [read_protobuf(&OtlpEncoding::Protobuf.encode(&batch)), read_json(&OtlpEncoding::Json.encode(&batch))]
    {
        let expected = key_values(
            [Attribute { key: "other", value: 2.into() }, Attribute { key: "key", value: 3.into() }]
                .into_iter(),
        );
        assert_eq!(spans[0].events[0].attributes, expected);
        assert_eq!(spans[0].links[0].attributes, expected);
    }
}

#[test]
fn a_sampled_span_says_how_many_it_stands_for() {
    let at = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 1);
    let record = SpanRecord::new(&at, "x", 1, 2).with_adjusted_count(4.0);
    let expected =
        key_values([Attribute { key: "throughline.adjusted_count", value: 4.0.into() }].into_iter());
    let batch = batch(vec![record]);
    assert_eq!(read_protobuf(&OtlpEncoding::Protobuf.encode(&batch))[0].attributes, expected);
    assert_eq!(read_json(&OtlpEncoding::Json.encode(&batch))[0].attributes, expected);
}

#[test]
fn an_outcome_that_the_application_names_itself_is_its_own() {
    let at = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 1);
    let record = SpanRecord::new(&at, "x", 1, 2)
        .with_outcome(Outcome::Cancelled)
        .with_attribute("throughline.outcome", "given up");
    let [span] =
        read_protobuf(&OtlpEncoding::Protobuf.encode(&batch(vec![record.clone()]))).try_into().unwrap();
    assert_eq!(span.attributes, key_values(record.attributes()));
}
