//! The layers among others: which span is current, twice the same, any order, the types of tower.

use crate::support::{
    BoxError, Traced,
    body::Script,
    is_pending, named, number,
    peers::{exchange, get, h2_client, hyper_client, read, serve, url},
    text,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use throughline::{
    Diagnostic, Instrument, Outcome, RequestId, Span, SpanRecord,
    middleware::{Client, ClientLayer, ResendCount, ResponseBody, ResponseFuture, Server, ServerLayer},
    propagation::B3,
};
use tokio::sync::Barrier;
use tower::{
    Layer, ServiceBuilder, ServiceExt,
    retry::Policy,
    service_fn,
    util::{BoxCloneService, BoxService},
};

type Body = Full<Bytes>;

async fn hello(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Span::new("handler").end();
    Ok(Response::new(Body::from("hello")))
}

fn request() -> Request<Body> {
    Request::get("http://shop.example/").body(Body::default()).unwrap()
}

fn assert_all_children(spans: &[SpanRecord], parent: &str) {
    let parent = named(spans, parent);
    for child in spans.iter().filter(|span| span.span_id() != parent.span_id()) {
        assert_eq!(child.parent_span_id(), Some(parent.span_id()), "{child:?}");
    }
}

#[tokio::test]
async fn the_span_is_current_in_the_handler_and_while_its_body_is_polled() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<Incoming>| {
        Span::new("in call").end();
        Span::current().set_attribute("set.in", "call");
        async {
            Span::new("before the await").end();
            tokio::task::yield_now().await;
            Span::new("after the await").end();
            let pause = Duration::from_millis(1);
            let body = Script::new().data("one").wait(pause).run(|| {
                Span::new("in the body").end();
                Span::current().set_attribute("set.late", "body");
            });
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let address = serve(traced.server().layer(service)).await;
    exchange(address, &get("/")).await;
    assert!(Span::current().is_none());
    let spans = traced.spans(5).await;
    assert_all_children(&spans, "GET");
    let server = named(&spans, "GET");
    assert_eq!(text(server, "set.in").as_deref(), Some("call"));
    assert_eq!(text(server, "set.late").as_deref(), Some("body"));
}

#[tokio::test]
async fn interleaved_requests_on_one_thread_never_mix() {
    const REQUESTS: usize = 8;
    let traced = Traced::new();
    let barrier = Arc::new(Barrier::new(REQUESTS));
    let service = service_fn(move |request: Request<Incoming>| {
        let barrier = barrier.clone();
        async move {
            let id = request.extensions().get::<RequestId>().unwrap().to_string();
            for _ in 0..3 {
                // All have come so far, so each runs on between the others' steps.
                barrier.wait().await;
                let step = Span::new("step").entered();
                assert_eq!(step.request_id().unwrap().to_string(), id);
            }
            let last = id.clone();
            let body = Script::new().wait(Duration::from_millis(1)).run(move || {
                assert_eq!(Span::current().request_id().unwrap().to_string(), last);
                Span::new("step").end();
            });
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    let address = serve(traced.server().layer(service)).await;
    // On HTTP/2 they are streams of one connection.
    let client = h2_client::<Empty<Bytes>>();
    let calls = (0..REQUESTS).map(|number| {
        let request = Request::get(url(address, "/")).header("x-request-id", format!("request-{number}"));
        let call = client.request(request.body(Empty::new()).unwrap());
        tokio::spawn(async move { read(call.await.unwrap().into_body()).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let spans = traced.spans(REQUESTS * 5).await;
    let (requests, steps): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.name() == "GET");
    assert_eq!(requests.len(), REQUESTS);
    for request in requests {
        assert_eq!(request.outcome(), Outcome::Completed);
        let own = steps.iter().filter(|step| step.parent_span_id() == Some(request.span_id()));
        assert!(own.clone().all(|step| step.trace_id() == request.trace_id()));
        assert_eq!(own.count(), 4);
    }
}

#[tokio::test]
async fn a_layer_applied_twice_is_noticed_and_harmless() {
    let traced = Traced::new();
    let service = ServiceBuilder::new()
        .layer(traced.server())
        .layer(traced.server())
        .layer(traced.client())
        .layer(traced.client())
        .service_fn(|request: Request<Body>| async move {
            for ours in ["traceparent", "x-request-id", "x-service-name"] {
                assert_eq!(request.headers().get_all(ours).iter().count(), 1);
            }
            hello(request).await
        });
    let answer = service.oneshot(request()).await.unwrap();
    for ours in ["x-request-id", "x-service-name", "x-response-time"] {
        assert_eq!(answer.headers().get_all(ours).iter().count(), 1);
    }
    read(answer.into_body()).await.unwrap();
    assert_eq!(traced.tracer.diagnostic_count(Diagnostic::RepeatedLayer), 2);
    traced.spans(3).await;
}

#[tokio::test]
async fn a_client_s_layer_applied_twice_is_noticed_in_any_format() {
    let traced = Traced::new();
    let client = || traced.client().propagator(B3::single());
    let twice = client().layer(client().layer(service_fn(hello)));
    read(twice.oneshot(request()).await.unwrap().into_body()).await.unwrap();
    assert_eq!(traced.tracer.diagnostic_count(Diagnostic::RepeatedLayer), 1);
    traced.spans(2).await;
}

#[tokio::test]
async fn a_call_that_another_one_needs_is_a_call_of_its_own() {
    // A client that fetches a token before it sends the request, by a client with a layer.
    let traced = Traced::new();
    let tokens = traced.client().layer(service_fn(hello));
    let client = traced.client().layer(service_fn(move |order: Request<Body>| {
        let tokens = tokens.clone();
        async move {
            let fresh = tokens.clone().oneshot(request()).await.unwrap();
            read(fresh.into_body()).await.unwrap();
            // What came in is handed on: it names the span that it came with.
            let mut other = request();
            other.headers_mut().insert("traceparent", PARENT.parse().unwrap());
            read(tokens.oneshot(other).await.unwrap().into_body()).await.unwrap();
            hello(order).await
        }
    }));
    read(client.oneshot(request()).await.unwrap().into_body()).await.unwrap();
    assert_eq!(traced.tracer.diagnostic_count(Diagnostic::RepeatedLayer), 0);
    let spans = traced.spans(6).await;
    let outer = spans.iter().find(|span| span.parent_span_id().is_none()).unwrap();
    let calls = spans.iter().filter(|span| span.parent_span_id() == Some(outer.span_id()));
    assert_eq!(calls.filter(|span| span.name() == "GET").count(), 2);
}

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn a_request_handed_on_within_the_process_is_another_hop() {
    // A client of a gateway in this process, which forwards the request it was given to a router.
    let traced = Traced::new();
    let router = traced.server().layer(service_fn(hello));
    let gateway = traced.server().layer(traced.client().layer(router));
    let client = traced.client().layer(gateway);
    let order = traced.tracer.span("order");
    let mut request = request();
    request.extensions_mut().insert(order.handle().unwrap());
    read(client.oneshot(request).await.unwrap().into_body()).await.unwrap();
    order.end();

    let spans = traced.spans(6).await;
    assert_eq!(traced.tracer.diagnostic_count(Diagnostic::RepeatedLayer), 0);
    assert_eq!((spans[0].name(), spans[5].name()), ("order", "handler"));
    for (parent, child) in spans.iter().zip(&spans[1..]) {
        assert_eq!(child.parent_span_id(), Some(parent.span_id()), "{child:?}");
    }
}

#[tokio::test]
async fn the_order_of_other_layers_does_not_matter() {
    let traced = Traced::new();
    let inside = ServiceBuilder::new()
        .layer(traced.server())
        .timeout(Duration::from_secs(5))
        .concurrency_limit(2)
        .map_response(|response: Response<Body>| response.map(BodyExt::boxed))
        .service_fn(hello);
    let outside = ServiceBuilder::new()
        .timeout(Duration::from_secs(5))
        .concurrency_limit(2)
        .map_response(|response: Response<ResponseBody<Body>>| response.map(BodyExt::boxed))
        .layer(traced.server())
        .service_fn(hello);
    let between = ServiceBuilder::new()
        .buffer::<Request<Body>>(2)
        .layer(traced.server())
        .map_request(|request| request)
        .buffer(2)
        .service_fn(hello);
    let answers = [
        read(inside.oneshot(request()).await.unwrap().into_body()).await,
        read(outside.oneshot(request()).await.unwrap().into_body()).await,
        read(between.oneshot(request()).await.unwrap().into_body()).await,
    ];
    assert!(answers.into_iter().all(|body| body.unwrap() == "hello"));
    let spans = traced.spans(6).await;
    for pair in spans.chunks(2) {
        assert_eq!((pair[0].name(), pair[0].outcome()), ("GET", Outcome::Completed));
        assert_eq!((pair[1].name(), pair[1].parent_span_id()), ("handler", Some(pair[0].span_id())));
    }
}

#[derive(Clone)]
struct Attempts(u32);

impl<B> Policy<Request<Body>, Response<B>, BoxError> for Attempts {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Ready<()>> {
        let failed = result.as_ref().map_or(true, |response| response.status().is_server_error());
        if !failed || self.0 == 3 {
            return None;
        }
        self.0 += 1;
        request.extensions_mut().insert(ResendCount(self.0));
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn each_attempt_of_a_retry_is_a_span() {
    let traced = Traced::new();
    let attempts = Arc::new(AtomicU32::new(0));
    let client = ServiceBuilder::new().retry(Attempts(0)).layer(traced.client()).service_fn(
        move |request: Request<Body>| {
            assert_eq!(request.headers().get_all("traceparent").iter().count(), 1);
            let response = Response::builder();
            let response = match attempts.fetch_add(1, Ordering::Relaxed) {
                0 => return ready(Err(BoxError::from("no connection"))),
                1 => response.status(StatusCode::SERVICE_UNAVAILABLE),
                _ => response,
            };
            ready(Ok(response.body(Body::default()).unwrap()))
        },
    );
    let answer = client.oneshot(request()).instrument(traced.tracer.span("order")).await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);

    let spans = traced.spans(4).await;
    assert_all_children(&spans, "order");
    let attempts: Vec<_> = spans.iter().filter(|span| span.name() == "GET").collect();
    let counts: Vec<_> = attempts.iter().map(|span| number(span, "http.request.resend_count")).collect();
    assert_eq!(counts, [None, Some(1), Some(2)]);
    let errors: Vec<_> = attempts.iter().map(|span| text(span, "error.type")).collect();
    assert_eq!(errors, [Some("_OTHER".to_owned()), Some("503".to_owned()), None]);
}

fn assert_send_sync<T: Send + Sync>() {}

#[test]
fn the_types_are_as_general_as_what_they_wrap() {
    assert_send_sync::<ServerLayer>();
    assert_send_sync::<ClientLayer>();
    assert_send_sync::<ResponseBody<Incoming>>();
    assert_send_sync::<ResponseFuture<Ready<()>>>();
    fn is_clone<T: Clone + std::fmt::Debug>(_: &T) {}
    let traced = Traced::new();
    is_clone(&traced.server());
    is_clone(&traced.client());
    is_clone(&traced.server().layer(hyper_client::<Body>()));
    let body = ResponseBody::<Empty<Bytes>>::default();
    assert!(http_body::Body::is_end_stream(&body));
}

#[tokio::test]
async fn towers_boxes_hold_layered_services() {
    let traced = Traced::new();
    let boxed: BoxService<Request<Body>, Response<BoxBody<Bytes, Infallible>>, Infallible> = BoxService::new(
        traced.server().layer(service_fn(hello)).map_response(|response| response.map(BodyExt::boxed)),
    );
    read(boxed.oneshot(request()).await.unwrap().into_body()).await.unwrap();

    let boxed: BoxCloneService<Request<Body>, Response<ResponseBody<Body>>, Infallible> =
        BoxCloneService::new(traced.client().layer(service_fn(hello)));
    for client in [boxed.clone(), boxed] {
        read(client.oneshot(request()).await.unwrap().into_body()).await.unwrap();
    }
    traced.spans(6).await;
}

#[tokio::test]
async fn the_inner_service_can_be_reached() {
    let traced = Traced::new();
    let mut server: Server<u8> = traced.server().layer(7);
    *server.get_mut() += 1;
    assert_eq!((*server.get_ref(), server.into_inner()), (8, 8));
    let mut client: Client<u8> = traced.client().layer(7);
    *client.get_mut() += 1;
    assert_eq!((*client.get_ref(), client.into_inner()), (8, 8));
}

#[tokio::test]
async fn readiness_is_the_inner_services_own() {
    let traced = Traced::new();
    let limited = ServiceBuilder::new().layer(traced.server()).concurrency_limit(1).service_fn(hello);
    let mut held = limited.clone();
    assert!(!is_pending(&mut held.ready()).await);
    let mut waiting = limited.clone();
    let mut ready = waiting.ready();
    assert!(is_pending(&mut ready).await);
    drop(held);
    assert!(!is_pending(&mut ready).await);
}
