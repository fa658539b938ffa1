//! Batches that take several requests, and connections that take several batches.

use crate::server::{RETRY, Request, answer, answering, decision, export, numbered, ok, otlp, otlp_at};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::{
    collections::{HashMap, HashSet},
    io::Read,
    thread,
    time::{Duration, Instant},
};
use throughline::{
    Tracer,
    export::{Decision, Delivery, DropReason, Exporter, RetryPolicy, Settled, Spool},
    exporters::{OtlpEncoding, Zipkin},
};

const LONG: Duration = Duration::from_secs(20);

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
        assert!(requests.iter().all(|request| request.body.len() <= MOST));
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

/// Up to the last byte, whatever the encoding puts around the spans, and never past it.
#[test]
fn no_request_is_longer_than_the_limit() {
    let bodies = |most: usize, build: &dyn Fn(&str, usize) -> Box<dyn Exporter>| {
        let (address, seen) = answering(|_, _| answer(202, &[], b""));
        let mut exporter = build(&format!("http://{address}"), most);
        assert_eq!(decision(&mut *exporter, &numbered(6)), None);
        seen.requests().iter().map(|request| request.body.len()).collect::<Vec<_>>()
    };
    let otlp = |url: &str, most, encoding| -> Box<dyn Exporter> {
        Box::new(otlp_at(url).encoding(encoding).max_request_bytes(most).build().unwrap())
    };
    let json = |url: &str, most| otlp(url, most, OtlpEncoding::Json);
    let protobuf = |url: &str, most| otlp(url, most, OtlpEncoding::Protobuf);
    let zipkin = |url: &str, most| -> Box<dyn Exporter> {
        let builder = Zipkin::builder().environment(|_| None).endpoint(url);
        Box::new(builder.max_request_bytes(most).build().unwrap())
    };
    for build in [&json as &dyn Fn(&str, usize) -> Box<dyn Exporter>, &protobuf, &zipkin] {
        let [whole] = bodies(1 << 20, build)[..] else { panic!("one request") };
        for most in whole - 12..whole {
            let parts = bodies(most, build);
            assert!(parts.len() == 2 && parts.iter().all(|part| *part <= most), "{most}: {parts:?}");
        }
        // Protobuf's lengths are given all the room they may need.
        assert_eq!(bodies(whole + 22, build), [whole]);
    }
}

#[test]
fn an_error_says_which_part_of_the_batch_is_settled() {
    // Of three requests, the first is refused in part, and the third fails.
    let partial: &[u8] = br#"{"partialSuccess":{"rejectedSpans":1}}"#;
    let (address, seen) = answering(move |number, _| match number {
        0 => answer(200, &["Content-Type: application/json"], partial),
        2 => answer(503, &["Retry-After: 7"], b""),
        _ => ok(),
    });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    let error = exporter.export(&numbered(5)).unwrap_err();
    assert_eq!(error.decision(), Decision::Retry { after: Some(Duration::from_secs(7)) });
    assert_eq!((error.settled().delivered, error.settled().rejected), (1, 1));
    // Nothing of it is remembered: what comes next is another batch, whatever it holds.
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    assert_eq!(seen.requests().iter().flat_map(ids).collect::<Vec<_>>(), [1, 2, 3, 1]);

    let nobody = otlp_at("http://127.0.0.1:1").max_request_bytes(1).build().unwrap().export(&numbered(3));
    assert_eq!(nobody.unwrap_err().settled(), Settled::default());
}

/// Of a batch that went as several requests, the books count what each of them has come to.
#[test]
fn the_books_of_a_batch_in_parts_are_exact() {
    let (address, seen) = answering(|number, _| if number < 13 { ok() } else { answer(503, &[], b"") });
    let tracer = tracer(otlp(address).max_request_bytes(1).build().unwrap());
    end_spans(&tracer, 15);
    let report = tracer.flush(LONG);
    let dropped = report.stats.dropped_anywhere();
    assert_eq!((report.stats.exported(), dropped.get(DropReason::RetriesExhausted)), (13, 2));
    assert_eq!(dropped.total(), 2);
    let requests = seen.requests();
    let unique: HashSet<_> = requests.iter().flat_map(ids).collect();
    assert_eq!((requests.len(), unique.len()), (13 + 2, 14), "two attempts for the one that failed");
}

/// Behind a spool, other spans come between a failure and the next attempt.
#[test]
fn behind_a_spool_no_part_is_sent_twice() {
    let scratch = std::env::temp_dir().join(format!("throughline-parts-{}", std::process::id()));
    let partial: &[u8] = br#"{"partialSuccess":{"rejectedSpans":2}}"#;
    let (address, seen) = answering(move |number, _| match number {
        0 => answer(200, &["Content-Type: application/json"], partial),
        1 => answer(503, &["Retry-After: 1"], b""),
        _ => ok(),
    });
    let exporter = otlp(address).encoding(OtlpEncoding::Json).max_request_bytes(3_000).build().unwrap();
    let tracer = tracer(Spool::new(&scratch).wrap(exporter));
    end_spans(&tracer, 15);
    let deadline = Instant::now() + LONG;
    while seen.requests().len() < 2 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(1));
    }
    end_spans(&tracer, 1);
    let report = tracer.shutdown(LONG);
    std::fs::remove_dir_all(&scratch).unwrap();
    let requests = seen.requests();
    let first = ids(&requests[0]).len();
    assert!(first > 2 && first < 15, "in parts: {first}");
    let mut counts = HashMap::new();
    let answered = requests.iter().enumerate().filter(|(number, _)| *number != 1);
    for id in answered.flat_map(|(_, request)| ids(request)) {
        *counts.entry(id).or_insert(0) += 1;
    }
    assert!(counts.len() == 16 && counts.values().all(|count| *count == 1), "{counts:?}");
    let dropped = report.stats.dropped_anywhere();
    assert_eq!((report.stats.exported(), dropped.get(DropReason::Rejected)), (14, 2));
    assert_eq!(dropped.total(), 2);
}

fn tracer(exporter: impl Into<Delivery>) -> Tracer {
    let mut retry = RetryPolicy::default();
    (retry.initial_delay, retry.max_attempts) = (Duration::from_millis(1), 2);
    let builder = Tracer::builder("orders").environment(|_| None).diagnostics(|_| ()).retry(retry);
    builder.batch_delay(Duration::from_millis(20)).exporter(exporter).build().unwrap()
}

fn end_spans(tracer: &Tracer, count: usize) {
    (0..count).for_each(|_| tracer.span("order").end());
}

#[test]
fn a_refused_part_does_not_take_the_others_along() {
    let (address, seen) = answering(|number, _| if number == 1 { answer(400, &[], b"") } else { ok() });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(3)), Some(Decision::Partial { rejected: 1 }));
    assert_eq!(seen.requests().len(), 3);
}

#[test]
fn what_was_refused_before_a_retry_is_settled() {
    let (address, _) = answering(|number, _| match number {
        0 => answer(400, &[], b""),
        1 => answer(503, &[], b""),
        _ => ok(),
    });
    let mut exporter = otlp(address).max_request_bytes(1).build().unwrap();
    let error = exporter.export(&numbered(3)).unwrap_err();
    assert_eq!(error.decision(), RETRY);
    assert_eq!((error.settled().delivered, error.settled().rejected), (0, 1));
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
