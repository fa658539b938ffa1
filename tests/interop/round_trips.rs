//! What was sent is what the servers have: each exporter to each server that takes what it sends.

use crate::{
    arbitrary, collector, jaeger, journey,
    seen::{Seen, assert_same, sorted},
    servers::{new_trace_id, setting, until},
    zipkin::{self, ZipkinSpan},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use std::sync::Arc;
use throughline::{
    Batch, Resource,
    export::Exporter,
    exporters::{Otlp, OtlpEncoding, Zipkin},
};

/// The ways to send by OTLP: by HTTP in each encoding, else by gRPC; as it is, and gzipped.
const WAYS: [(Option<OtlpEncoding>, bool); 6] = [
    (Some(OtlpEncoding::Protobuf), false),
    (Some(OtlpEncoding::Protobuf), true),
    (Some(OtlpEncoding::Json), false),
    (Some(OtlpEncoding::Json), true),
    (None, false),
    (None, true),
];

fn by(server: &str, (encoding, gzip): (Option<OtlpEncoding>, bool)) -> Otlp {
    let listens = if encoding.is_some() { "OTLP_HTTP" } else { "OTLP_GRPC" };
    let url = format!("http://{}", setting(&format!("{server}_{listens}")));
    let otlp = Otlp::builder().environment(|_| None).endpoint(url).gzip(gzip);
    let otlp = match encoding {
        Some(encoding) => otlp.encoding(encoding),
        None => otlp.grpc(),
    };
    otlp.build().unwrap()
}

fn by_zipkin(server: &str, gzip: bool) -> Zipkin {
    let zipkin = Zipkin::builder().environment(|_| None);
    zipkin.endpoint(format!("http://{}/api/v2/spans", setting(server))).gzip(gzip).build().unwrap()
}

/// What the Collector has of the trace that these spans are.
async fn in_collector(sent: &[Seen]) -> Vec<Seen> {
    let ask = async || collector::trace(&sent[0].trace_id);
    sorted(until(|spans: &Vec<Seen>| spans.len() >= sent.len(), ask).await)
}

async fn in_jaeger(sent: &[Seen]) -> Vec<Seen> {
    let ask = async || jaeger::trace(&sent[0].trace_id).await;
    sorted(until(|spans: &Vec<Seen>| spans.len() >= sent.len(), ask).await)
}

#[tokio::test]
async fn the_collector_has_all_that_was_sent_by_otlp() {
    for way in WAYS {
        let sent = sorted(journey::sent(|| by("COLLECTOR", way)));
        assert_same(&in_collector(&sent).await, &sent, &format!("{way:?}"));
    }
}

#[tokio::test]
async fn jaeger_has_all_that_was_sent_by_otlp() {
    for way in WAYS {
        let sent = sorted(journey::sent(|| by("JAEGER", way)));
        assert_same(&in_jaeger(&sent).await, &sent, &format!("{way:?}"));
    }
}

#[tokio::test]
async fn both_have_any_record_as_it_was() {
    for way in WAYS {
        let sent = send_any(by("COLLECTOR", way));
        assert_same(&in_collector(&sent).await, &sent, &format!("the Collector, {way:?}"));
        let mut sent = send_any(by("JAEGER", way));
        let seen = in_jaeger(&sent).await;
        for span in &mut sent {
            // In the order in which Jaeger's are read.
            span.events.sort_by_key(|event| event.unix_nanos);
            // Jaeger lets no span take no time.
            span.end_unix_nanos = span.end_unix_nanos.max(span.start_unix_nanos + 1);
        }
        assert_same(&seen, &sent, &format!("Jaeger, {way:?}"));
    }
}

#[tokio::test]
async fn zipkin_has_all_that_its_format_can_hold() {
    for gzip in [false, true] {
        let sent = sorted(journey::sent(|| by_zipkin("ZIPKIN_HTTP", gzip)));
        let ask = async || zipkin::trace(&sent[0].trace_id).await;
        let seen = until(|spans: &Vec<ZipkinSpan>| spans.len() >= sent.len(), ask).await;
        let expected: Vec<_> = sent.iter().map(|span| ZipkinSpan::of(span).in_zipkin()).collect();
        assert_same(&seen, &expected, &format!("gzip {gzip}"));
    }
}

#[tokio::test]
async fn the_collector_reads_what_zipkin_is_sent() {
    for gzip in [false, true] {
        let sent = sorted(journey::sent(|| by_zipkin("COLLECTOR_ZIPKIN", gzip)));
        let seen: Vec<_> = in_collector(&sent).await.into_iter().map(zipkin::with_annotations).collect();
        let expected: Vec<_> = sent.iter().map(|span| ZipkinSpan::of(span).in_collector()).collect();
        assert_same(&seen, &expected, &format!("gzip {gzip}"));
    }
}

/// One span that the receiver does not understand would cost its whole batch.
#[tokio::test]
async fn no_record_is_refused_as_zipkin() {
    let sent = send_any(by_zipkin("COLLECTOR_ZIPKIN", false));
    assert_eq!(in_collector(&sent).await.len(), sent.len());
    let sent = send_any(by_zipkin("ZIPKIN_HTTP", false));
    let ask = async || zipkin::trace(&sent[0].trace_id).await;
    assert_eq!(until(|spans: &Vec<ZipkinSpan>| spans.len() >= sent.len(), ask).await.len(), sent.len());
}

/// Records of any kind, in one trace, sent as one batch.
fn send_any(mut exporter: impl Exporter) -> Vec<Seen> {
    const COUNT: u64 = 100;
    let trace = new_trace_id();
    let mut runner = TestRunner::default();
    let mut any_record = |number: u64| {
        let record = arbitrary::record().new_tree(&mut runner).unwrap().current();
        let mut json = serde_json::to_value(&record).unwrap();
        json["trace_id"] = trace.as_str().into();
        json["span_id"] = format!("{number:016x}").into();
        // Until the year 2262: Jaeger's nanoseconds have a sign.
        for time in ["start_unix_nanos", "end_unix_nanos"] {
            json[time] = (json[time].as_u64().unwrap() / 2).into();
        }
        json["adjusted_count"] = (1 + number % 2).into();
        let dropped = number % 3;
        for kind in ["dropped_attributes_count", "dropped_events_count", "dropped_links_count"] {
            json[kind] = dropped.into();
        }
        for items in ["events", "links"] {
            for item in json[items].as_array_mut().unwrap() {
                item["dropped_attributes_count"] = dropped.into();
            }
        }
        serde_json::from_value(json).unwrap()
    };
    let resource = Arc::new(Resource::new("any").with_attribute("zone", "żółw"));
    let batch = Batch::new(resource.clone(), (1..=COUNT).map(&mut any_record).collect());
    exporter.export(&batch).unwrap();
    let sent: Vec<_> = batch.spans().map(|span| Seen::record(&resource, span)).collect();
    assert!(
        sent.iter().any(|span| span.events.iter().any(|event| event.dropped == 2) && span.dropped == [2; 3])
    );
    sent
}
