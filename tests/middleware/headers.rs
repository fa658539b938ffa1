//! The headers that the layers read and write.

use crate::support::{
    Body, BoxError, PARENT, PARENT_SPAN, PARENT_TRACE, PATIENCE, Traced, full_map, named,
    peers::{exchange, header, serve},
    sent_by, text, through,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use throughline::{
    Clock, Diagnostic, RequestId, Span, TimeSource, propagation::Composite, sampling::AlwaysOff,
};
use tower::{Layer, ServiceExt, service_fn};

fn get() -> http::request::Builder {
    Request::get("http://shop.example/")
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    assert!(headers.get_all(name).iter().count() <= 1, "{name} more than once: {headers:?}");
    headers.get(name).map(|value| value.to_str().unwrap())
}

fn rejected(traced: &Traced) -> u64 {
    traced.tracer.diagnostic_count(Diagnostic::RejectedHeader)
}

fn uuid_of(trace: impl ToString) -> String {
    let hex = trace.to_string();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[tokio::test]
async fn a_good_request_id_goes_everywhere() {
    for id in ["order-7/eu", "01a1fee3-bfa2-77c9-8b98-d85027e74ae5", "A", &"x".repeat(128)] {
        let traced = Traced::new();
        let client = traced.client();
        let service = service_fn(move |request: Request<Incoming>| {
            let client = client.clone();
            async move {
                let id = request.extensions().get::<RequestId>().expect("an id").to_string();
                // A call's own id does not count within a request.
                let called = sent_by(client, get().header("x-request-id", "another")).await;
                assert_eq!(value(&called, "x-request-id"), Some(&*id));
                Ok::<_, Infallible>(Response::new(Body::from(id)))
            }
        });
        let address = serve(traced.server().layer(service)).await;
        let answer = exchange(
            address,
            &format!("GET / HTTP/1.1\r\nhost: a\r\nX-Request-ID: {id}\r\nconnection: close\r\n\r\n"),
        )
        .await;
        assert_eq!(header(&answer, "x-request-id"), Some(id));
        assert!(answer.ends_with(&format!("\r\n\r\n{id}")));
        for span in traced.spans(2).await {
            assert_eq!(text(&span, "request.id").as_deref(), Some(id));
        }
        assert_eq!(rejected(&traced), 0);
    }
}

#[tokio::test]
async fn a_bad_request_id_is_replaced_and_counted() {
    let too_long = "x".repeat(129);
    for ids in [&["two words"][..], &["a", "a"], &["a", "b"], &[""], &["<script>"], &[&too_long], &["a,b"]] {
        let traced = Traced::new();
        let request = ids.iter().fold(get(), |request, id| request.header("x-request-id", *id));
        let (inner, answer) = through(traced.server(), request).await;
        let span = traced.span().await;
        let id = uuid_of(span.trace_id());
        assert_eq!(inner.extensions().get::<RequestId>().unwrap().to_string(), id, "{ids:?}");
        assert_eq!(value(&answer, "x-request-id"), Some(&*id));
        assert_eq!(text(&span, "request.id").as_deref(), Some(&*id));
        assert_eq!(rejected(&traced), 1, "{ids:?}");
    }
}

#[tokio::test]
async fn a_missing_request_id_is_minted() {
    let traced = Traced::new();
    let (_, answer) = through(traced.server(), get()).await;
    let span = traced.span().await;
    assert_eq!(value(&answer, "x-request-id"), Some(&*uuid_of(span.trace_id())));
    assert_eq!(rejected(&traced), 0);

    // A trace that began elsewhere has an id of its own.
    let traced = Traced::new();
    let (_, answer) = through(traced.server(), get().header("traceparent", PARENT)).await;
    let span = traced.span().await;
    let minted = value(&answer, "x-request-id").unwrap();
    assert_eq!(text(&span, "request.id").as_deref(), Some(minted));
    assert_ne!(minted, uuid_of(span.trace_id()));
    assert_eq!(minted.parse::<RequestId>().unwrap().as_uuid().unwrap().get_version_num(), 7);
}

#[tokio::test]
async fn a_request_has_an_id_even_without_a_tracer() {
    let off = Traced::with("orders", |builder| {
        builder.environment(|name| (name == "OTEL_SDK_DISABLED").then(|| "true".into()))
    });
    let stopped = Traced::new();
    assert!(stopped.tracer.shutdown(PATIENCE).is_complete());
    for traced in [off, stopped] {
        let (inner, answer) = through(traced.server(), get().header("x-request-id", "order-7")).await;
        assert_eq!(inner.extensions().get::<RequestId>().unwrap().to_string(), "order-7");
        assert_eq!(value(&answer, "x-request-id"), Some("order-7"));

        let (inner, answer) = through(traced.server(), get().header("x-request-id", "order 7")).await;
        let id = inner.extensions().get::<RequestId>().unwrap();
        assert_eq!(id.as_uuid().unwrap().get_version_num(), 7);
        assert_eq!(value(&answer, "x-request-id"), Some(&*id.to_string()));
    }
}

#[tokio::test]
async fn a_trace_is_continued_and_handed_on() {
    // The sampled flag says what this hop does; the random flag is the trace's own.
    for (sent, handed_on) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03")] {
        let traced = Traced::new();
        let request = get()
            .header("traceparent", format!("00-{PARENT_TRACE}-{PARENT_SPAN}-{sent}"))
            .header("tracestate", "congo=t61")
            .header("tracestate", "rojo=1");
        let client = traced.client();
        let service = service_fn(move |_: Request<Body>| {
            let client = client.clone();
            async move {
                let called = sent_by(client, get().header("tracestate", "stale=1")).await;
                Ok::<_, Infallible>(Response::new(Body::from(
                    value(&called, "traceparent").unwrap().to_owned(),
                )))
                .inspect(|_| assert_eq!(value(&called, "tracestate"), Some("congo=t61,rojo=1")))
            }
        });
        let request = request.body(Body::default()).unwrap();
        let answer = traced.server().layer(service).oneshot(request).await.unwrap();
        let parent = crate::support::peers::read(answer.into_body()).await.unwrap();
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!([parts[0], parts[1], parts[3]], ["00", PARENT_TRACE, handed_on]);
        if handed_on.ends_with(['1', '3']) {
            let spans = traced.spans(2).await;
            assert_eq!(spans[0].parent_span_id().unwrap().to_string(), PARENT_SPAN);
            assert_eq!(spans[1].parent_span_id(), Some(spans[0].span_id()));
            assert_eq!(spans[1].span_id().to_string(), parts[2]);
            assert!(!spans[1].parent_is_remote());
        } else {
            traced.spans(0).await;
        }
    }
}

#[tokio::test]
async fn a_malformed_traceparent_starts_a_new_trace() {
    let good = PARENT;
    let cases = [
        vec![good.to_uppercase()],
        vec![format!("{good}-")],
        vec![good.replacen("00", "ff", 1)],
        vec![good.replace(PARENT_TRACE, &"0".repeat(32))],
        vec![good.replace(PARENT_SPAN, &"0".repeat(16))],
        vec![good[..54].to_owned()],
        vec![String::new()],
        vec![good.to_owned(), good.to_owned()],
    ];
    for lines in cases {
        let traced = Traced::new();
        let request = lines.iter().fold(get(), |request, line| request.header("traceparent", line));
        through(traced.server(), request.header("tracestate", "congo=t61")).await;
        let span = traced.span().await;
        assert_ne!(span.trace_id().to_string(), PARENT_TRACE, "{lines:?}");
        assert_eq!(span.parent_span_id(), None);
        assert!(span.trace_state().is_empty());
        assert_eq!(rejected(&traced), 1, "{lines:?}");
    }
}

#[tokio::test]
async fn a_malformed_tracestate_costs_only_itself() {
    let traced = Traced::new();
    through(traced.server(), get().header("traceparent", PARENT).header("tracestate", "FOO=1")).await;
    let span = traced.span().await;
    assert_eq!(span.trace_id().to_string(), PARENT_TRACE);
    assert!(span.trace_state().is_empty());
    assert_eq!(rejected(&traced), 1);
}

#[tokio::test]
async fn a_call_outside_of_a_request_begins_a_trace() {
    let traced = Traced::new();
    let sent = sent_by(traced.client(), get()).await;
    let span = traced.span().await;
    let parent = format!("00-{}-{}-03", span.trace_id(), span.span_id());
    assert_eq!(value(&sent, "traceparent"), Some(&*parent));
    assert_eq!(value(&sent, "tracestate"), None);
    assert_eq!(value(&sent, "x-request-id"), Some(&*uuid_of(span.trace_id())));
    assert_eq!(value(&sent, "x-service-name"), Some("orders"));

    let traced = Traced::new();
    let sent = sent_by(traced.client(), get().header("x-request-id", "batch-7")).await;
    assert_eq!(value(&sent, "x-request-id"), Some("batch-7"));
    assert_eq!(text(&traced.span().await, "request.id").as_deref(), Some("batch-7"));

    let traced = Traced::new();
    let sent = sent_by(traced.client(), get().header("x-request-id", "batch 7")).await;
    let span = traced.span().await;
    assert_eq!(value(&sent, "x-request-id"), Some(&*uuid_of(span.trace_id())));
    assert_eq!(rejected(&traced), 1);
}

#[tokio::test]
async fn a_call_behind_a_queue_has_the_parent_it_was_given() {
    let traced = Traced::new();
    let parent = traced.tracer.span("order");
    let sent = sent_by(traced.client(), get().extension(parent.handle().unwrap())).await;
    parent.end();
    let spans = traced.spans(2).await;
    let (order, call) = (named(&spans, "order"), named(&spans, "GET"));
    assert_eq!(call.parent_span_id(), Some(order.span_id()));
    assert_eq!(value(&sent, "x-request-id"), Some(&*uuid_of(order.trace_id())));
}

#[tokio::test]
async fn an_answer_has_its_own_requests_id_whatever_the_thread_has_sent_since() {
    const OUTER: &str = "01a1fee3-bfa2-77c9-8b98-d85027e74ae5";
    const INNER: &str = "01a1fee3-bfa2-77c9-8b98-d85027e74ae6";

    let traced = Traced::new();
    let of_another = traced.tracer.span("another").handle().unwrap();
    for last_call_is_of_another in [false, true] {
        let (server, client, of_another) = (traced.server(), traced.client(), of_another.clone());
        let service = service_fn(move |_: Request<Body>| {
            let (server, client, of_another) = (server.clone(), client.clone(), of_another.clone());
            async move {
                let sent = sent_by(client.clone(), get()).await;
                assert_eq!(value(&sent, "x-request-id"), Some(OUTER));
                let (_, answer) = through(server, get().header("x-request-id", INNER)).await;
                assert_eq!(value(&answer, "x-request-id"), Some(INNER));
                if last_call_is_of_another {
                    let sent = sent_by(client, get().extension(of_another)).await;
                    assert_ne!(value(&sent, "x-request-id"), Some(OUTER));
                }
                Ok::<_, Infallible>(Response::new(Body::default()))
            }
        });
        let request = get().header("x-request-id", OUTER).body(Body::default()).unwrap();
        let answer = traced.server().layer(service).oneshot(request).await.unwrap();
        assert_eq!(value(answer.headers(), "x-request-id"), Some(OUTER));
    }
}

#[tokio::test]
async fn each_side_names_its_service_to_the_other() {
    let (gateway, orders) = (Traced::with("gateway", |builder| builder), Traced::new());
    let service =
        service_fn(|_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(Body::default())) });
    let address = serve(orders.server().layer(service)).await;
    let client = gateway.client().layer(crate::support::peers::hyper_client());
    let request = Request::get(format!("http://{address}/")).body(Body::default()).unwrap();
    drop(client.oneshot(request).await.unwrap());
    let (call, answer) = (gateway.span().await, orders.span().await);
    assert_eq!(text(&call, "service.peer.name").as_deref(), Some("orders"));
    assert_eq!(text(&answer, "service.peer.name").as_deref(), Some("gateway"));
    assert_eq!(answer.trace_id(), call.trace_id());
    assert_eq!(answer.parent_span_id(), Some(call.span_id()));
}

#[tokio::test]
async fn a_bad_service_name_names_nobody() {
    for names in [&["a", "b"][..], &["a,b"], &[""], &["b\u{fc}ro"]] {
        let traced = Traced::new();
        let request = names.iter().fold(get(), |request, name| request.header("x-service-name", *name));
        through(traced.server(), request).await;
        assert_eq!(text(&traced.span().await, "service.peer.name"), None, "{names:?}");
        assert_eq!(rejected(&traced), 1);
    }
    let traced = Traced::new();
    through(traced.server(), get().header("x-service-name", " gateway\t")).await;
    assert_eq!(text(&traced.span().await, "service.peer.name").as_deref(), Some("gateway"));
}

#[tokio::test]
async fn another_hops_name_never_passes_for_ours() {
    // What a proxy forwards carries the names of its own caller and callee.
    for (service, expected) in [("orders", Some("orders")), ("b\u{fc}ro", None)] {
        let traced = Traced::with(service, |builder| builder);
        let sent = sent_by(traced.client(), get().header("x-service-name", "gateway")).await;
        assert_eq!(value(&sent, "x-service-name"), expected);

        let upstream = service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(
                Response::builder()
                    .header("x-service-name", "stock")
                    .header("x-request-id", "7")
                    .body(Body::default())?,
            )
        });
        let answer =
            traced.server().layer(upstream).oneshot(get().body(Body::default()).unwrap()).await.unwrap();
        assert_eq!(value(answer.headers(), "x-service-name"), expected);
        assert_ne!(value(answer.headers(), "x-request-id"), Some("7"));
    }
}

struct Hand(AtomicU64);

impl TimeSource for Hand {
    fn unix_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn the_response_time_is_told_recorded_or_not() {
    for sampled in [true, false] {
        let hand = Arc::new(Hand(AtomicU64::new(1_800_000_000_000_000_000)));
        let clock = Clock::custom(hand.clone());
        let traced = Traced::with("orders", |builder| match sampled {
            true => builder.clock(clock),
            false => builder.clock(clock).sampler(AlwaysOff),
        });
        let service = service_fn(move |_: Request<Body>| {
            hand.0.fetch_add(12_345_678, Ordering::Relaxed);
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        });
        let layered = traced.server().server_timing(true).layer(service);
        let answer = layered.oneshot(get().header("traceparent", PARENT).body(Body::default()).unwrap());
        let answer = answer.await.unwrap();
        assert_eq!(value(answer.headers(), "x-response-time"), Some("12.345ms"), "sampled: {sampled}");
        let timing = value(answer.headers(), "server-timing").unwrap();
        let flags = if sampled { "03" } else { "02" };
        assert!(timing.starts_with("total;dur=12.345, traceparent;desc=\"00-"), "{timing}");
        assert!(timing.contains(PARENT_TRACE) && timing.ends_with(&format!("-{flags}\"")), "{timing}");
    }
}

#[tokio::test]
async fn server_timing_is_added_to_the_applications_own() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::builder().header("server-timing", "db;dur=3").body(Body::default())?)
    });
    let request = get().body(Body::default()).unwrap();
    let answer = traced.server().server_timing(true).layer(service).oneshot(request).await.unwrap();
    let lines: Vec<_> = answer.headers().get_all("server-timing").iter().collect();
    assert_eq!((lines.len(), lines[0].to_str().unwrap()), (2, "db;dur=3"));

    let (_, answer) = through(traced.server(), get()).await;
    assert_eq!(value(&answer, "server-timing"), None);
}

#[tokio::test]
async fn every_header_can_be_renamed() {
    let name = HeaderName::from_static;
    let traced = Traced::new();
    let server = traced
        .server()
        .request_id_header(name("x-correlation-id"))
        .service_name_header(name("x-peer"))
        .response_time_header(name("x-took"));
    let request = get().header("x-correlation-id", "order-7").header("x-peer", "gateway");
    let (_, answer) = through(server, request.header("x-request-id", "ignored")).await;
    assert_eq!(value(&answer, "x-correlation-id"), Some("order-7"));
    assert_eq!(value(&answer, "x-peer"), Some("orders"));
    assert!(value(&answer, "x-took").unwrap().ends_with("ms"));
    assert_eq!(answer.len(), 3, "{answer:?}");
    assert_eq!(text(&traced.span().await, "service.peer.name").as_deref(), Some("gateway"));

    let traced = Traced::new();
    let client =
        traced.client().request_id_header(name("x-correlation-id")).service_name_header(name("x-peer"));
    let sent = sent_by(client, get()).await;
    assert!(value(&sent, "x-correlation-id").is_some() && value(&sent, "traceparent").is_some());
    assert_eq!(value(&sent, "x-peer"), Some("orders"));
    assert_eq!(sent.len(), 3, "{sent:?}");
}

#[tokio::test]
async fn every_header_can_be_switched_off() {
    let traced = Traced::new();
    let server = traced
        .server()
        .propagator(Composite::none())
        .request_id_header(None)
        .service_name_header(None)
        .response_time_header(None);
    let request = get()
        .header("traceparent", PARENT)
        .header("x-request-id", "order-7")
        .header("x-service-name", "gateway");
    let (inner, answer) = through(server, request).await;
    assert!(answer.is_empty(), "{answer:?}");
    let span = traced.span().await;
    assert_ne!(span.trace_id().to_string(), PARENT_TRACE);
    assert_eq!(text(&span, "service.peer.name"), None);
    let id = uuid_of(span.trace_id());
    assert_eq!(inner.extensions().get::<RequestId>().unwrap().to_string(), id);

    let traced = Traced::new();
    let client =
        traced.client().propagator(Composite::none()).request_id_header(None).service_name_header(None);
    let sent = sent_by(client, get()).await;
    assert!(sent.is_empty(), "{sent:?}");
    traced.span().await;
}

#[tokio::test]
async fn settings_of_a_cloned_layer_are_its_own() {
    let traced = Traced::new();
    let layer = traced.server();
    let quiet = layer.clone().request_id_header(None);
    assert_eq!(value(&through(quiet, get()).await.1, "x-request-id"), None);
    assert!(value(&through(layer, get()).await.1, "x-request-id").is_some());
}

#[tokio::test]
async fn a_header_map_that_is_full_is_left_alone() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<Body>| async {
        let mut response = Response::new(Body::default());
        *response.headers_mut() = full_map();
        Ok::<_, Infallible>(response)
    });
    let mut request = get().body(Body::default()).unwrap();
    *request.headers_mut() = full_map();
    let layered = traced.server().server_timing(true).layer(traced.client().layer(service));
    let answer = layered.oneshot(request).await.unwrap();
    assert_eq!(answer.headers().len(), full_map().len());
    traced.spans(2).await;
}

#[tokio::test]
async fn hostile_headers_neither_panic_nor_get_through() {
    let noise: Vec<Vec<u8>> = vec![vec![0xff; 9000], vec![b','; 9000], b"00-\xff".repeat(20), vec![0x80]];
    for bytes in noise {
        let traced = Traced::new();
        let mut request = get();
        for name in ["traceparent", "tracestate", "x-request-id", "x-service-name", "host", "user-agent"] {
            request = request.header(name, HeaderValue::from_bytes(&bytes).unwrap());
        }
        let (_, answer) = through(traced.server(), request).await;
        assert!(value(&answer, "x-request-id").is_some());
        let span = traced.span().await;
        assert_eq!(span.parent_span_id(), None);
        assert_eq!(rejected(&traced), 3);
    }
}

#[tokio::test]
async fn an_answers_bad_service_name_is_not_the_peers() {
    let traced = Traced::new();
    let client = service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::builder().header("x-service-name", "a,b").body(Body::default())?)
    });
    traced.client().layer(client).oneshot(get().body(Body::default()).unwrap()).await.unwrap();
    assert_eq!(text(&traced.span().await, "service.peer.name"), None);
    assert_eq!(rejected(&traced), 1);
    assert!(Span::current().is_none());
}
