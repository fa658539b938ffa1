//! Batches that take several requests, and connections that take several batches.

use crate::server::{RETRY, Request, answer, answering, batch_of, decision, export, numbered, ok, otlp};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::io::Read;
use throughline::{
    export::Decision,
    exporters::{OtlpEncoding, Zipkin},
};

/// The ids of the spans in a request of either encoding.
pub fn ids(request: &Request) -> Vec<u64> {
    let mut body = request.body.clone();
    if request.header("content-encoding") == Some("gzip") {
        body.clear();
        GzDecoder::new(request.body.as_slice()).read_to_end(&mut body).unwrap();
    }
    let request: ExportTraceServiceRequest = match request.header("content-type").unwrap() {
        "application/json" => serde_json::from_slice(&body).unwrap(),
        "application/x-protobuf" => Message::decode(body.as_slice()).unwrap(),
        other => panic!("{other}"),
    };
    let spans =
        request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans);
    spans.map(|span| u64::from_be_bytes(span.span_id.try_into().unwrap())).collect()
}

#[test]
fn a_batch_is_split_by_its_size() {
    const MOST: usize = 1_000;
    for encoding in [OtlpEncoding::Protobuf, OtlpEncoding::Json] {
        let (address, seen) = answering(|_, _| ok());
        let mut exporter = otlp(address).encoding(encoding).max_request_bytes(MOST).build().unwrap();
        assert_eq!(decision(&mut exporter, &numbered(100)), None);
        let requests = seen.requests();
        assert!(requests.len() > 5, "{}", requests.len());
        // JSON's closing brackets and protobuf's opening lengths are not counted.
        assert!(requests.iter().all(|request| request.body.len() <= MOST + 32));
        assert!(requests.iter().rev().skip(1).all(|request| request.body.len() > MOST / 2), "full requests");
        let sent: Vec<_> = requests.iter().flat_map(ids).collect();
        assert_eq!(sent, (1..=100).collect::<Vec<_>>());
        assert_eq!(seen.connections(), 1, "one after the other on one connection");
    }
}

#[test]
fn a_span_larger_than_the_limit_goes_alone() {
    let (address, seen) = answering(|_, _| ok());
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), None);
    assert_eq!(seen.requests().iter().map(ids).collect::<Vec<_>>(), [[1], [2], [3]]);
}

#[test]
fn a_batch_tried_again_goes_on_where_it_stopped() {
    // The second request fails twice.
    let (address, seen) =
        answering(|number, _| if matches!(number, 1 | 2) { answer(503, &[], b"") } else { ok() });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    let batch = numbered(3);
    assert_eq!(decision(&mut exporter, &batch), Some(RETRY));
    assert_eq!(decision(&mut exporter, &batch), Some(RETRY));
    assert_eq!(decision(&mut exporter, &batch), None);
    assert_eq!(seen.requests().iter().map(ids).collect::<Vec<_>>(), [[1], [2], [2], [2], [3]]);
}

#[test]
fn a_batch_that_was_given_up_leaves_nothing_behind() {
    let (address, seen) = answering(|number, _| if number == 1 { answer(503, &[], b"") } else { ok() });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(RETRY));
    assert_eq!(decision(&mut exporter, &batch_of(11..=12)), None);
    assert_eq!(decision(&mut exporter, &numbered(3)), None);
    let sent: Vec<_> = seen.requests().iter().flat_map(ids).collect();
    assert_eq!(sent, [1, 2, 11, 12, 1, 2, 3]);
}

#[test]
fn a_refused_part_does_not_take_the_others_along() {
    let (address, seen) = answering(|number, _| if number == 1 { answer(400, &[], b"") } else { ok() });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(Decision::Partial { rejected: 1 }));
    assert_eq!(seen.requests().len(), 3);
}

#[test]
fn what_was_refused_before_a_retry_is_counted_after_it() {
    let (address, _) = answering(|number, _| match number {
        0 => answer(400, &[], b""),
        1 => answer(503, &[], b""),
        _ => ok(),
    });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(RETRY));
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(Decision::Partial { rejected: 1 }));
}

#[test]
fn if_all_parts_are_refused_the_batch_is() {
    let (address, _) = answering(|_, _| answer(400, &[], b""));
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(Decision::Permanent));
}

#[test]
fn a_connection_is_kept_for_the_next_batch() {
    let (address, seen) = answering(|_, _| ok());
    let mut exporter = otlp(address).build().unwrap();
    for _ in 0..10 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None);
    }
    assert_eq!((seen.connections(), seen.requests().len()), (1, 10));
}

#[test]
fn a_connection_that_the_server_closed_is_made_anew() {
    use crate::server::serve;
    use std::io::Write;
    let (address, seen) = serve(|mut stream, seen| {
        if let Some(request) = Request::read(&mut stream) {
            stream.write_all(&ok()).unwrap();
            seen.requests.lock().unwrap().push(request);
        }
    });
    let mut exporter = otlp(address).build().unwrap();
    let mut failed = 0;
    while seen.requests().len() < 5 {
        // That it is closed may be seen before the request or by it; then it is for the pipeline to try again.
        match export(&mut exporter, &numbered(1)).0 {
            Ok(()) => {}
            Err((decision, text)) => {
                assert_eq!(decision, RETRY, "{text}");
                failed += 1;
                assert!(failed < 20, "{text}");
            }
        }
    }
}

#[test]
fn bodies_are_packed_on_request() {
    let (address, seen) = answering(|_, _| ok());
    let mut exporter = otlp(address).gzip(true).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(100)), None);
    let [request] = seen.requests().try_into().unwrap();
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert!(request.body.len() < 3_000, "{}", request.body.len());
    assert_eq!(ids(&request).len(), 100);
}

#[test]
fn zipkin_splits_as_well() {
    let (address, seen) = answering(|_, _| answer(202, &[], b""));
    let endpoint = format!("http://{address}/api/v2/spans");
    let mut zipkin =
        Zipkin::builder().environment(|_| None).endpoint(endpoint).max_request_bytes(1_000).build().unwrap();
    assert_eq!(decision(&mut zipkin, &numbered(100)), None);
    let requests = seen.requests();
    assert!(requests.len() > 5);
    let sent: Vec<String> = requests
        .iter()
        .flat_map(|request| serde_json::from_slice::<Vec<serde_json::Value>>(&request.body).unwrap())
        .map(|span| span["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, (1..=100).map(|id| format!("{id:016x}")).collect::<Vec<_>>());
    assert!(requests.iter().all(|request| request.line == "POST /api/v2/spans HTTP/1.1"));
}
