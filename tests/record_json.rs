//! Records as JSON: the shape, the round trip, and texts from strangers.

mod arbitrary;

use arbitrary::{record, value};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;
use throughline::{Outcome, Resource, SpanContext, SpanKind, SpanRecord, Status, TraceFlags, Value};

fn context() -> SpanContext {
    SpanContext::new(
        "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
        "00f067aa0ba902b7".parse().unwrap(),
        TraceFlags::from_bits(3),
    )
}

fn written(record: &SpanRecord) -> serde_json::Value {
    serde_json::to_value(record).unwrap()
}

fn read(json: serde_json::Value) -> SpanRecord {
    serde_json::from_value(json).unwrap()
}

#[test]
fn the_shape_of_a_record_that_says_everything() {
    let other = SpanContext::new(
        "0af7651916cd43dd8448eb211c80319c".parse().unwrap(),
        "b7ad6b7169203331".parse().unwrap(),
        TraceFlags::SAMPLED,
    );
    let context = context().with_trace_state("vendor=7".parse().unwrap());
    let record =
        SpanRecord::new(&context, "POST /charge", 1_795_273_445_123_456_789, 1_795_273_445_423_456_789)
            .with_parent("53995c3f42cd8ad8".parse().unwrap(), true)
            .with_kind(SpanKind::Server)
            .with_status(Status::error("card declined"))
            .with_outcome(Outcome::Completed)
            .with_attribute("http.response.status_code", 402)
            .with_attribute("amount", 12.0)
            .with_attribute("tags", vec!["a", "b"])
            .with_event("exception", 1_795_273_445_400_000_000, &[("exception.type", "Declined".into())])
            .with_link(&other, &[("why", "retry".into())]);

    assert_eq!(
        written(&record),
        json!({
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "span_id": "00f067aa0ba902b7",
            "parent_span_id": "53995c3f42cd8ad8",
            "parent_is_remote": true,
            "trace_flags": "03",
            "trace_state": "vendor=7",
            "name": "POST /charge",
            "kind": "server",
            "start": "2026-11-21T15:04:05.123456789Z",
            "start_unix_nanos": 1_795_273_445_123_456_789_u64,
            "end_unix_nanos": 1_795_273_445_423_456_789_u64,
            "duration_nanos": 300_000_000,
            "status": { "code": "error", "description": "card declined" },
            "outcome": "completed",
            "attributes": { "http.response.status_code": 402, "amount": 12.0, "tags": ["a", "b"] },
            "events": [{
                "name": "exception",
                "time": "2026-11-21T15:04:05.400000000Z",
                "time_unix_nanos": 1_795_273_445_400_000_000_u64,
                "attributes": { "exception.type": "Declined" },
            }],
            "links": [{
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
                "span_id": "b7ad6b7169203331",
                "trace_flags": "01",
                "attributes": { "why": "retry" },
            }],
        })
    );
}

#[test]
fn the_shape_of_a_record_that_says_little() {
    let record = SpanRecord::new(&context(), "load", 0, 5);
    assert_eq!(
        serde_json::to_string(&record).unwrap(),
        concat!(
            r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","#,
            r#""parent_span_id":null,"parent_is_remote":false,"trace_flags":"03","name":"load","#,
            r#""kind":"internal","start":"1970-01-01T00:00:00.000000000Z","start_unix_nanos":0,"#,
            r#""end_unix_nanos":5,"duration_nanos":5,"status":{"code":"unset"},"outcome":"completed","#,
            r#""attributes":{},"events":[],"links":[]}"#,
        )
    );
}

#[test]
fn dropped_counts_are_kept() {
    let mut json = written(&SpanRecord::new(&context(), "load", 0, 5));
    json["dropped_attributes_count"] = 1.into();
    json["dropped_events_count"] = u32::MAX.into();
    json["dropped_links_count"] = u32::MAX.into();
    json["events"] = json!([{
        "name": "e", "time": "1970-01-01T00:00:00.000000001Z", "time_unix_nanos": 1,
        "attributes": {}, "dropped_attributes_count": 4,
    }]);
    let record = read(json.clone());
    assert_eq!(
        (record.dropped_attributes(), record.dropped_events(), record.dropped_links()),
        (1, u32::MAX, u32::MAX)
    );
    assert_eq!(record.events().next().unwrap().dropped_attributes, 4);
    assert_eq!(written(&record), json);
}

#[test]
fn only_the_last_of_two_equal_keys_counts() {
    let mut record = SpanRecord::new(&context(), "load", 0, 5).with_attribute("a", 1).with_attribute("b", 2);
    record = record.with_attribute("a", 3).with_event("e", 1, &[("k", 1.into()), ("k", 2.into())]);
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.contains(r#""attributes":{"a":3,"b":2}"#), "{text}");
    assert!(text.contains(r#""attributes":{"k":2}"#), "{text}");

    let doubled = text.replace(r#"{"a":3,"b":2}"#, r#"{"a":1,"b":2,"a":3}"#);
    let read: SpanRecord = serde_json::from_str(&doubled).unwrap();
    assert!(read.attributes().eq(record.attributes()));
}

#[test]
fn an_end_before_the_start_is_the_start() {
    let mut json = written(&SpanRecord::new(&context(), "load", 7, 9));
    json["end_unix_nanos"] = 3.into();
    assert_eq!(read(json).end_unix_nanos(), 7);
}

#[test]
fn what_must_be_there_must_be_there() {
    let whole = written(&SpanRecord::new(&context(), "load", 7, 9));
    for field in ["trace_id", "span_id", "name", "start_unix_nanos", "end_unix_nanos"] {
        let mut json = whole.clone();
        json.as_object_mut().unwrap().remove(field);
        let error = serde_json::from_value::<SpanRecord>(json).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    }
    for (field, bad) in [
        ("trace_id", json!("00000000000000000000000000000000")),
        ("span_id", json!("00F067AA0BA902B7")),
        ("trace_flags", json!("+1")),
        ("trace_flags", json!("é")),
        ("start_unix_nanos", json!(-1)),
        ("kind", json!("neither")),
        ("attributes", json!({ "nested": { "object": 1 } })),
    ] {
        let mut json = whole.clone();
        json[field] = bad;
        serde_json::from_value::<SpanRecord>(json).expect_err(field);
    }
}

#[test]
fn values_without_a_json_notation_keep_their_type() {
    for (value, text) in [
        (Value::F64(f64::INFINITY), r#"{"f64":"Infinity"}"#),
        (Value::from(vec![1.0, f64::NEG_INFINITY]), r#"{"f64s":[1.0,"-Infinity"]}"#),
        (Value::from(Vec::<bool>::new()), r#"{"bools":[]}"#),
        (Value::from(Vec::<i64>::new()), r#"{"i64s":[]}"#),
        (Value::from(Vec::<f64>::new()), r#"{"f64s":[]}"#),
        (Value::from(Vec::<String>::new()), "[]"),
    ] {
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
        assert_eq!(serde_json::from_str::<Value<'static>>(text).unwrap(), value);
    }
    let text = serde_json::to_string(&Value::F64(f64::NAN)).unwrap();
    let Value::F64(number) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
    assert!(number.is_nan());
}

#[test]
fn a_resource_is_the_object_of_its_attributes() {
    let resource = Resource::new("orders").with_attribute("process.pid", 7);
    let text = serde_json::to_string(&resource).unwrap();
    assert_eq!(text, r#"{"service.name":"orders","process.pid":7}"#);
    assert_eq!(serde_json::from_str::<Resource>(&text).unwrap(), resource);
    assert_eq!(serde_json::from_str::<Resource>("{}").unwrap().service_name(), "");
}

proptest! {
    #[test]
    fn what_is_read_back_equals_what_was_written(record in record()) {
        let text = serde_json::to_string(&record).unwrap();
        let read: SpanRecord = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn a_damaged_text_is_an_error_or_a_record_but_never_a_panic(
        record in record(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut text = serde_json::to_vec(&record).unwrap();
        for (place, byte) in damage {
            let place = place.index(text.len());
            text[place] = byte;
        }
        text.truncate(cut.index(text.len()) + 1);
        if let Ok(read) = serde_json::from_slice::<SpanRecord>(&text) {
            serde_json::to_string(&read).unwrap();
        }
    }

    #[test]
    fn any_value_in_any_field_is_an_error_or_a_record(
        record in record(),
        field in select(vec![
            "trace_id", "parent_span_id", "trace_flags", "trace_state", "kind", "start_unix_nanos", "status",
            "outcome", "attributes", "events", "links", "dropped_links_count",
        ]),
        value in prop_oneof![value().prop_map(|value| json!(value)), vec(value(), 0..3).prop_map(|list| json!({ "name": list }))],
    ) {
        let mut json = written(&record);
        json[field] = value;
        if let Ok(read) = serde_json::from_value::<SpanRecord>(json) {
            serde_json::to_string(&read).unwrap();
        }
    }
}
