//! Baggage: taken over, set in code, handed on to the own network only, recorded only where it is named.

use crate::support::{Body, PARENT, Traced, full_map, named, sent_by, text, through};
use http::{HeaderMap, Request, Response};
use std::convert::Infallible;
use throughline::{
    Instrument, Span,
    context::Baggage,
    middleware::{ClientLayer, Destinations, OwnNetwork},
    propagation::{Composite, Jaeger, OtTrace, TraceContext, W3cBaggage},
};
use tower::{Layer, ServiceExt, service_fn};

fn baggage() -> Baggage {
    Baggage::EMPTY.with("tenant", "café 7").unwrap()
}

/// What a call to this target sends within a request whose baggage has one entry.
async fn called(layer: ClientLayer, traced: &Traced, target: http::request::Builder) -> HeaderMap {
    let order = traced.tracer.span_builder("order").baggage(baggage()).start();
    sent_by(layer, target).instrument(order).await
}

#[tokio::test]
async fn baggage_goes_from_service_to_service() {
    let traced = Traced::new();
    let client = traced.client();
    let service = service_fn(move |_: Request<Body>| {
        assert_eq!(Span::current().baggage().unwrap().get("tenant"), Some("café 7"));
        let client = client.clone();
        async move {
            let sent = sent_by(client, Request::get("http://stock/items")).await;
            assert_eq!(sent["baggage"], "tenant=caf%C3%A9%207;ttl=60,tier=gold");
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    });
    let request =
        Request::get("/").header("baggage", "tenant=caf%C3%A9%207;ttl=60").header("baggage", "tier=gold");
    traced.server().layer(service).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
    for span in traced.spans(2).await {
        assert!(!format!("{span:?}").contains("gold"), "not recorded unless named");
    }
}

#[tokio::test]
async fn baggage_needs_no_trace_and_a_bad_one_costs_only_itself() {
    for (header, expected) in [("tenant=7", Some("7")), ("tenant=7,=", None), ("tenant", None)] {
        let traced = Traced::new();
        let service = service_fn(move |_: Request<Body>| {
            assert_eq!(Span::current().baggage().unwrap().get("tenant"), expected);
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        });
        let request = Request::get("/").header("traceparent", PARENT).header("baggage", header);
        traced.server().layer(service).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
        assert!(traced.span().await.parent_is_remote());
        let rejected = traced.tracer.diagnostic_count(throughline::Diagnostic::RejectedHeader);
        assert_eq!(rejected, u64::from(expected.is_none()));
    }
}

#[tokio::test]
async fn baggage_goes_to_the_own_network_only() {
    for (target, may) in [
        ("http://stock/items", true),
        ("http://localhost:8080/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://10.1.2.3/", true),
        ("http://[fd00::1]:80/", true),
        ("http://[::ffff:10.1.2.3]/", true),
        ("http://stock.shop.svc.cluster.local/", true),
        ("http://stock.shop.svc/", true),
        ("http://STOCK.Internal/", true),
        ("http://api.example.com/", false),
        ("http://192.0.2.1/", false),
        ("http://[2001:db8::1]/", false),
        ("http://[::ffff:192.0.2.1]/", false),
        ("http://internal.example.com/", false),
        ("http://notinternal/", true),
        ("http://example.notinternal/", false),
        // Addresses in spellings that only some resolvers know.
        ("http://3232235777/", false),
        ("http://0x08080808/", false),
        ("http://127.1/", false),
        ("http://stock./", false),
        ("http://127.0.0.1@evil.example/", false),
        ("http://evil.example%2f.internal/", false),
        // A path says nothing of where it leads.
        ("/items", false),
    ] {
        let traced = Traced::new();
        let Ok(target) = target.parse::<http::Uri>() else { continue };
        let sent = called(traced.client(), &traced, Request::get(&target)).await;
        assert_eq!(sent.contains_key("baggage"), may, "{target}");
        assert!(sent.contains_key("traceparent"), "{target}");
    }
}

#[tokio::test]
async fn a_host_header_opens_no_door() {
    // A gateway passes on what its client has sent, and the path only.
    let traced = Traced::new();
    let request = || Request::get("/items").header("host", "localhost").header("baggage", "secret=1");
    let sent = called(traced.client(), &traced, request()).await;
    assert!(!sent.contains_key("baggage"), "{sent:?}");
    let layer = traced.client().origin("http://api.example.com".parse().unwrap());
    assert!(!called(layer, &traced, request()).await.contains_key("baggage"));
    let layer = traced.client().origin("http://stock:81".parse().unwrap());
    assert_eq!(called(layer, &traced, request()).await["baggage"], "tenant=caf%C3%A9%207");
    // What the URI says counts before the origin.
    let layer = traced.client().origin("http://stock".parse().unwrap());
    let sent = called(layer, &traced, Request::get("http://api.example.com/")).await;
    assert!(!sent.contains_key("baggage"));
}

#[tokio::test]
async fn the_user_says_where_else() {
    let traced = Traced::new();
    let own = || OwnNetwork::new().and("api.example.com").and(".corp.example");
    for (host, may) in [
        ("API.example.com", true),
        ("api.example.com.", true),
        ("evil.api.example.com", false),
        ("tax.corp.example", true),
        ("corp.example", false),
        ("evilcorp.example", false),
        ("stock", true),
        ("192.0.2.7", false),
    ] {
        let sent =
            called(traced.client().baggage_to(own()), &traced, Request::get(format!("http://{host}/"))).await;
        assert_eq!(sent.contains_key("baggage"), may, "{host}");
    }
    assert!(OwnNetwork::new().and("192.0.2.7").contain("192.0.2.7"));
    let only = |host: &str| host == "api.example.com";
    for (host, may) in [("api.example.com", true), ("stock", false)] {
        let sent =
            called(traced.client().baggage_to(only), &traced, Request::get(format!("http://{host}/"))).await;
        assert_eq!(sent.contains_key("baggage"), may, "{host}");
    }
    // The predicate sees the host as it is called, not its port or who asks.
    let seen = |host: &str| panic_unless(host == "2001:db8::1");
    called(traced.client().baggage_to(seen), &traced, Request::get("http://[2001:db8::1]:81/")).await;
}

fn panic_unless(truth: bool) -> bool {
    assert!(truth);
    truth
}

#[tokio::test]
async fn no_baggage_of_any_format_leaves() {
    let formats = || {
        let all = Composite::none().with(TraceContext::default()).with(W3cBaggage);
        all.with(Jaeger).with(OtTrace)
    };
    let has_any = |sent: &HeaderMap| {
        sent.keys().any(|name| {
            ["baggage", "uberctx-", "ot-baggage-"].iter().any(|start| name.as_str().starts_with(start))
        })
    };
    for (target, may) in [("http://stock/", true), ("http://api.example.com/", false)] {
        let traced = Traced::new();
        let request = || {
            let request = Request::get(target).header("uberctx-old", "1").header("ot-baggage-old", "1");
            request.header("baggage", "old=1")
        };
        let sent = called(traced.client().propagator(formats()), &traced, request()).await;
        assert_eq!(has_any(&sent), may, "{sent:?}");
        assert!(sent.contains_key("uber-trace-id") && sent.contains_key("traceparent"));
        // Not that either which somebody has put there, and the request has none of its own.
        let sent = sent_by(traced.client(), Request::get(target).header("baggage", "old=1")).await;
        assert_eq!(sent.get("baggage").map(|value| value.as_bytes()), may.then_some(&b"old=1"[..]));
        // Nor an entry in a format that this layer does not speak.
        for name in ["uberctx-old", "ot-baggage-old"] {
            let sent = sent_by(traced.client(), Request::get(target).header(name, "1")).await;
            assert_eq!(sent.contains_key(name), may, "{name}");
        }
    }
}

#[tokio::test]
async fn a_map_that_is_full_hands_no_other_hops_baggage_on() {
    let traced = Traced::new();
    let mut headers = full_map();
    for name in ["traceparent", "tracestate", "baggage", "x-request-id"] {
        headers.remove(format!("x-{}", name.len()));
        headers.insert(http::HeaderName::from_static(name), "stale".parse().unwrap());
    }
    let full = headers.len();
    let mut request = Request::get("http://api.example.com/");
    *request.headers_mut().unwrap() = headers;
    let sent = called(traced.client(), &traced, request).await;
    assert!(sent.len() <= full);
    assert!(!sent.values().any(|value| value == "stale"), "taken away, or replaced");
    assert!(sent["traceparent"].as_bytes().starts_with(b"00-"));
}

#[tokio::test]
async fn entries_are_recorded_by_name() {
    let traced = Traced::new();
    let client = traced.client().record_baggage(["tier", "none"]);
    let service = service_fn(move |_: Request<Body>| {
        let client = client.clone();
        async move {
            sent_by(client, Request::get("http://api.example.com/")).await;
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    });
    let layer =
        traced.server().route(|_| Some("/".into())).record_baggage(["tenant"]).record_baggage(["tier"]);
    let request = Request::get("/").header("baggage", "tenant=7,tier=gold,secret=s3cret");
    layer.layer(service).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
    let spans = traced.spans(2).await;
    let (server, call) = (named(&spans, "GET /"), named(&spans, "GET"));
    assert_eq!(text(server, "tenant").as_deref(), Some("7"));
    assert_eq!(text(server, "tier").as_deref(), Some("gold"));
    assert_eq!((text(call, "tenant"), text(call, "tier").as_deref()), (None, Some("gold")));
    assert!(!format!("{spans:?}").contains("s3cret"));
}

#[tokio::test]
async fn code_adds_to_the_baggage_of_what_comes_below() {
    let traced = Traced::new();
    let client = traced.client();
    let service = service_fn(move |_: Request<Body>| {
        let client = client.clone();
        async move {
            let more = Span::current().baggage().unwrap().clone().with("tier", "gold").unwrap();
            let tracer_span = Span::current().handle().unwrap().with_baggage(more).child("check out");
            let within = sent_by(client.clone(), Request::get("http://stock/")).instrument(tracer_span).await;
            assert_eq!(within["baggage"], "tenant=7,tier=gold");
            let beside = sent_by(client, Request::get("http://stock/")).await;
            assert_eq!(beside["baggage"], "tenant=7", "the request's own is as it was");
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    });
    let request = Request::get("/").header("baggage", "tenant=7").header("x-request-id", "order-7");
    traced.server().layer(service).oneshot(request.body(Body::default()).unwrap()).await.unwrap();
    let spans = traced.spans(4).await;
    assert!(spans.iter().all(|span| span.trace_id() == spans[0].trace_id()));
    let checkout = named(&spans, "check out");
    assert_eq!(checkout.parent_span_id(), Some(spans[0].span_id()));
    assert_eq!(spans.iter().filter(|span| span.parent_span_id() == Some(checkout.span_id())).count(), 1);
}

#[tokio::test]
async fn a_span_is_built_with_baggage_under_any_parent() {
    let traced = Traced::new();
    let builder = |name| traced.tracer.span_builder(name).baggage(baggage());
    let has = |span: &Span| span.baggage().is_some_and(|baggage| baggage.get("tenant") == Some("café 7"));
    let order = traced.tracer.span("order");
    assert!(has(&builder("under a handle").parent(&order.handle().unwrap()).start()));
    assert!(has(&builder("under a caller").remote(throughline::Context::default()).start()));
    assert!(has(&builder("root").root().start()));
    assert!(has(&builder("under none").start()));
    order.in_scope(|| {
        let child = builder("under the current").start();
        assert!(has(&child) && has(&child.child("grandchild")));
        assert_eq!(child.request_id(), order.request_id());
        let call = builder("or").or_remote(throughline::Context::default()).start();
        assert!(has(&call) && call.request_id() == order.request_id());
    });
    assert!(order.baggage().unwrap().is_empty());
    order.end();
    let spans = traced.spans(8).await;
    let order = named(&spans, "order").span_id();
    for (name, parent) in [
        ("under a handle", true),
        ("under the current", true),
        ("or", true),
        ("root", false),
        ("under none", false),
    ] {
        assert_eq!(named(&spans, name).parent_span_id(), parent.then_some(order), "{name}");
    }
}

#[tokio::test]
async fn untraced_requests_carry_it_too() {
    let traced = Traced::with("orders", |builder| builder.sampler(throughline::sampling::AlwaysOff));
    let sent = called(traced.client(), &traced, Request::get("http://stock/")).await;
    assert_eq!(sent["baggage"], "tenant=caf%C3%A9%207");
    let (inner, _) = through(traced.server(), Request::get("/").header("baggage", "a=1")).await;
    assert_eq!(inner.headers()["baggage"], "a=1", "the application sees the request as it came");
    traced.spans(0).await;
}
