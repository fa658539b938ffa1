//! Zipkin's rules, kept for every record [Zipkin API v2, Span].

use crate::{
    arbitrary::record,
    server::{answer, answering, decision},
    support::{START, TRACE, context},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt, sync::Arc};
use throughline::{Batch, Resource, SpanKind, SpanRecord, exporters::Zipkin};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Span {
    trace_id: String,
    parent_id: Option<String>,
    id: String,
    kind: Option<String>,
    name: Option<String>,
    timestamp: Option<i64>,
    duration: i64,
    local_endpoint: Endpoint,
    remote_endpoint: Option<Endpoint>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    tags: Tags,
    debug: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Endpoint {
    service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    #[expect(dead_code, reason = "that it is a port is all")]
    port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotation {
    timestamp: i64,
    value: String,
}

/// None of the keys may come twice; the values are texts.
struct Tags(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tags")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Tags, M::Error> {
                let mut tags = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    assert_eq!(tags.insert(key.clone(), value), None, "{key} comes twice");
                }
                Ok(Tags(tags))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn sent(records: Vec<SpanRecord>) -> Vec<Span> {
    let resource = Resource::new("orders").with_attribute("error", true).with_attribute("process.pid", 7);
    let (address, seen) = answering(|_, _| answer(202, &[], b""));
    let zipkin = Zipkin::builder().environment(|_| None).endpoint(format!("http://{address}/"));
    assert_eq!(decision(&mut zipkin.build().unwrap(), &Batch::new(Arc::new(resource), records)), None);
    seen.requests()
        .iter()
        .flat_map(|request| serde_json::from_slice::<Vec<Span>>(&request.body).unwrap())
        .collect()
}

#[test]
fn every_record_is_a_span_as_zipkin_wants_it() {
    let keys =
        ["error", "otel.status_code", "process.pid", "service.name", "w3c.tracestate", "otlp.link.0", "a"];
    let mut runner = TestRunner::deterministic();
    let mut any_record = || record().new_tree(&mut runner).unwrap().current();
    // Attributes named as the exporter's own tags and the resource's.
    let names =
        (0..400).map(|number| (any_record(), keys[number % keys.len()], keys[number / 7 % keys.len()]));
    let records: Vec<_> = names
        .map(|(record, one, other)| record.with_attribute(one, "false").with_attribute(other, "x"))
        .collect();
    let spans = sent(records.clone());
    assert_eq!(spans.len(), records.len());
    for (span, record) in spans.iter().zip(&records) {
        check(span, record);
    }
}

fn check(span: &Span, record: &SpanRecord) {
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(matches!(span.trace_id.len(), 16 | 32) && is_hex(&span.trace_id));
    assert!(record.trace_id().to_string().ends_with(&span.trace_id));
    assert_eq!(span.id, record.span_id().to_string());
    let parent = record.parent_span_id().filter(|parent| *parent != record.span_id());
    assert_eq!(span.parent_id, parent.map(|parent| parent.to_string()));
    let kind = (record.kind() != SpanKind::Internal).then(|| record.kind().as_str().to_uppercase());
    assert_eq!(span.kind, kind);
    assert_eq!(span.name.as_deref().unwrap_or_default(), record.name());
    assert_ne!(span.timestamp, Some(0));
    assert_eq!(span.timestamp.unwrap_or(0), (record.start_unix_nanos() / 1_000) as i64);
    assert!(span.duration >= 1);
    assert_eq!(span.duration, (record.duration().as_micros() as i64).max(1));
    assert_eq!(span.local_endpoint.service_name.as_deref(), Some("orders"));
    if let Some(remote) = &span.remote_endpoint {
        assert!(remote.service_name.is_some() || remote.ipv4.is_some() || remote.ipv6.is_some());
        assert_ne!(record.kind(), SpanKind::Internal);
    }
    assert_eq!(span.annotations.len(), record.events().len());
    assert!(span.annotations.iter().all(|annotation| annotation.timestamp >= 0));
    assert_eq!(span.debug, None);
    let own = record.attributes().any(|attribute| {
        attribute.key == "error" && !matches!(attribute.value.to_string().as_str(), "false")
    });
    // The resource's is not passed on.
    assert_eq!(span.tags.0.contains_key("error"), record.status().is_error() || own);
    assert!(span.tags.0.contains_key("otel.scope.name"));
}

/// The Collector's receiver parts annotations and links at their bars.
#[test]
fn no_bar_in_a_span_costs_its_batch() {
    let other = context(TRACE, 9).with_trace_state("congo=a|b|c".parse().unwrap());
    let record = SpanRecord::new(&context(TRACE, 1), "bars", START, START)
        .with_event("none", START, &[])
        .with_event("a|b|c", START, &[])
        .with_event("d", START, &[("e", "f|g|h".into())])
        .with_link(&other, &[("i", "j|k".into())]);
    let spans = sent(vec![record]);
    let texts: Vec<_> = spans[0].annotations.iter().map(|annotation| &*annotation.value).collect();
    assert_eq!(texts, ["none", r#""a\u007cb\u007cc": {}"#, r#""d": {"e":"f\u007cg\u007ch"}"#]);
    assert_eq!(spans[0].tags.0["otlp.link.0"], format!(r#"{TRACE}|0000000000000009||{{"i":"j|k"}}|0"#));
}
