//! An order goes from the shop to the warehouse, and one that fails: every hop's request, response,
//! times, ids, source, destination, state and error are read back from the lines that were written.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use throughline::{
    Outcome, SpanKind, Tracer,
    exporters::{ExportedSpan, JsonLines},
    middleware::{ClientLayer, ServerLayer},
    semconv,
};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A file that lines are written to and read back from.
#[derive(Clone, Default)]
struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl File {
    fn read_back(&self) -> Vec<ExportedSpan> {
        let bytes = self.0.lock().unwrap();
        let lines = std::str::from_utf8(&bytes).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

type Body = Empty<Bytes>;

/// Sends one order from `shop` to `warehouse`, which answers with `status`; returns the hops' spans.
async fn order(status: StatusCode) -> Vec<ExportedSpan> {
    let file = File::default();
    let tracer = |service| Tracer::builder(service).exporter(JsonLines::to(file.clone())).build().unwrap();
    let (shop, warehouse) = (tracer("shop"), tracer("warehouse"));

    let reserve = move |_: Request<Body>| async move {
        Ok::<_, Infallible>(Response::builder().status(status).body(Body::new()).unwrap())
    };
    let warehouse_service = ServerLayer::new(&warehouse).layer(service_fn(reserve));
    let mut call = ClientLayer::new(&shop).layer(warehouse_service);
    let take_order = move |_: Request<Body>| {
        let request =
            Request::post("http://warehouse.test/reservations?token=s3cret").body(Body::new()).unwrap();
        let answer = call.call(request);
        async move {
            let (head, body) = answer.await?.into_parts();
            body.collect().await?;
            Ok::<_, Infallible>(Response::builder().status(head.status).body(Body::new()).unwrap())
        }
    };
    let shop_service = ServerLayer::new(&shop).layer(service_fn(take_order));

    let request = Request::post("/orders").header("x-service-name", "browser").body(Body::new()).unwrap();
    let answer = shop_service.oneshot(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
    for tracer in [shop, warehouse] {
        assert!(tracer.shutdown_async(Duration::from_secs(5)).await.is_complete());
    }
    let mut hops = file.read_back();
    hops.sort_by_key(|hop| hop.span.start_unix_nanos());
    hops
}

fn text(hop: &ExportedSpan, key: &str) -> Option<String> {
    hop.span.attribute(key).map(|value| value.to_string())
}

#[tokio::test]
async fn every_hop_can_be_read_back() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let hops = order(StatusCode::CREATED).await;

    // Source and destination: who speaks, and with whom.
    let way: Vec<_> = hops
        .iter()
        .map(|hop| {
            (hop.service().to_owned(), hop.span.kind(), text(hop, semconv::SERVICE_PEER_NAME).unwrap())
        })
        .collect();
    let way: Vec<_> =
        way.iter().map(|(service, kind, peer)| (service.as_str(), *kind, peer.as_str())).collect();
    assert_eq!(
        way,
        [
            ("shop", SpanKind::Server, "browser"),
            ("shop", SpanKind::Client, "warehouse"),
            ("warehouse", SpanKind::Server, "shop"),
        ]
    );

    // Ids: one trace, each hop the child of the one before, one request id, and it says when.
    let root = &hops[0].span;
    let id = root.trace_id().as_uuid();
    assert_eq!(id.get_version_num(), 7);
    let millis = (root.trace_id().as_u128() >> 80) as u64;
    assert!(millis.abs_diff(before.as_millis() as u64) < 60_000);
    for hop in &hops {
        assert_eq!(hop.span.trace_id(), root.trace_id());
        assert_eq!(text(hop, semconv::REQUEST_ID), Some(id.hyphenated().to_string()));
    }
    assert_eq!(root.parent_span_id(), None);
    assert_eq!(hops[1].span.parent_span_id(), Some(root.span_id()));
    assert_eq!(hops[2].span.parent_span_id(), Some(hops[1].span.span_id()));
    assert!(hops[2].span.parent_is_remote());

    // Request and response.
    assert_eq!(text(&hops[0], semconv::HTTP_REQUEST_METHOD).as_deref(), Some("POST"));
    assert_eq!(text(&hops[0], semconv::URL_PATH).as_deref(), Some("/orders"));
    assert_eq!(
        text(&hops[1], semconv::URL_FULL).as_deref(),
        Some("http://warehouse.test/reservations?token=REDACTED")
    );
    assert_eq!(text(&hops[2], semconv::URL_PATH).as_deref(), Some("/reservations"));
    for hop in &hops {
        assert_eq!(text(hop, semconv::HTTP_RESPONSE_STATUS_CODE).as_deref(), Some("201"));
    }

    // Times in UTC, one within the other; state and error.
    for (outer, inner) in hops.iter().zip(&hops[1..]) {
        assert!(outer.span.start_unix_nanos() <= inner.span.start_unix_nanos());
        assert!(outer.span.end_unix_nanos() >= inner.span.end_unix_nanos());
    }
    assert!(root.start_unix_nanos().abs_diff(before.as_nanos() as u64) < 60_000_000_000);
    for hop in &hops {
        assert_eq!(hop.span.outcome(), Outcome::Completed);
        assert!(!hop.span.status().is_error());
    }
}

#[tokio::test]
async fn a_hop_that_failed_says_so() {
    let hops = order(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(hops.len(), 3);
    for hop in &hops {
        assert_eq!(text(hop, semconv::ERROR_TYPE).as_deref(), Some("503"));
        assert!(hop.span.status().is_error());
        assert_eq!(hop.span.outcome(), Outcome::Completed);
    }
}
