//! How far a caller is believed, and what is dropped where it is not.

use crate::support::{
    Body, PARENT, PARENT_SPAN, PARENT_TRACE, Traced,
    peers::{exchange, serve},
    text, through,
};
use http::{HeaderName, Request, Response};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use throughline::{
    RequestId, Span, TraceFlags,
    context::Baggage,
    middleware::{
        Forwarded, ServerLayer,
        trust::{Arrival, Condition, EdgeHeader, FirstMatch, PathPrefix, PrivatePeer, Trust, TrustPolicy},
    },
    propagation::{B3, Composite, W3cBaggage},
    sampling::{ParentBased, SamplingParameters},
};
use tower::{Layer, ServiceExt, service_fn};

const EDGE: HeaderName = HeaderName::from_static("x-edge-key");

/// A request with all that a caller can claim.
fn claims() -> http::request::Builder {
    Request::get("http://shop.example/orders/7")
        .header("traceparent", PARENT)
        .header("tracestate", "congo=t61")
        .header("baggage", "tenant=ada")
        .header("x-request-id", "order-7")
        .header("x-service-name", "gateway")
}

#[tokio::test]
async fn what_is_taken_over_depends_on_the_trust() {
    for (trust, replaces, id_is_kept) in [
        (Trust::Continue, false, true),
        (Trust::Continue, true, true),
        (Trust::Restart, false, true),
        (Trust::Restart, true, false),
        (Trust::Ignore, false, true),
        (Trust::Ignore, true, false),
    ] {
        let case = format!("{trust:?}, {replaces}");
        let traced = Traced::new();
        let baggage = Arc::new(Mutex::new(Baggage::EMPTY));
        let seen = baggage.clone();
        let service = service_fn(move |_: Request<Body>| {
            *seen.lock().unwrap() = Span::current().baggage().cloned().unwrap();
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        });
        let layer = traced.server().trust(trust).replace_untrusted_request_ids(replaces);
        let answer = layer.layer(service).oneshot(claims().body(Body::default()).unwrap()).await.unwrap();
        let span = traced.span().await;
        let continues = trust == Trust::Continue;
        assert_eq!(span.trace_id().to_string() == PARENT_TRACE, continues, "{case}");
        assert_eq!(span.parent_span_id().is_some(), continues, "{case}");
        assert_eq!(span.trace_state().is_empty(), !continues, "{case}");
        assert_eq!(baggage.lock().unwrap().get("tenant"), continues.then_some("ada"), "{case}");
        assert_eq!(text(&span, "service.peer.name").is_some(), continues, "{case}");
        assert_eq!(answer.headers()["x-request-id"] == "order-7", id_is_kept, "{case}");
        assert_eq!(text(&span, "request.id").as_deref() == Some("order-7"), id_is_kept, "{case}");
        if !id_is_kept {
            assert_eq!(text(&span, "request.id"), Some(RequestId::from_trace(&span)), "{case}");
        }
        let links: Vec<_> = span.links().collect();
        assert_eq!(links.len(), usize::from(trust == Trust::Restart), "{case}");
        for link in links {
            assert_eq!(link.trace_id().to_string(), PARENT_TRACE);
            assert_eq!(link.span_id().to_string(), PARENT_SPAN);
            assert!(link.trace_state().is_empty());
        }
    }
}

trait FromTrace {
    fn from_trace(span: &throughline::SpanRecord) -> String;
}

impl FromTrace for RequestId {
    fn from_trace(span: &throughline::SpanRecord) -> String {
        let hex = span.trace_id().to_string();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// What a sampler is told of the caller, where the trace goes on.
async fn flags_seen(trust: Trust, b3: &str) -> Option<(TraceFlags, bool)> {
    let seen = Arc::new(Mutex::new(None));
    let told = seen.clone();
    let traced = Traced::with("orders", |builder| {
        builder.sampler(move |parameters: &SamplingParameters<'_>| {
            *told.lock().unwrap() = parameters.parent.map(|parent| (parent.flags(), parent.is_remote()));
            true
        })
    });
    let layer =
        traced.server().trust(trust).propagator(Composite::none().with(B3::single()).with(W3cBaggage));
    through(layer, Request::get("/").header("b3", b3)).await;
    traced.span().await;
    let seen = seen.lock().unwrap();
    *seen
}

#[tokio::test]
async fn a_sampler_sees_the_flags_of_a_caller_that_is_believed() {
    let ids = format!("{PARENT_TRACE}-{PARENT_SPAN}");
    for (state, flags) in [
        ("-1", TraceFlags::SAMPLED),
        ("-0", TraceFlags::default()),
        ("-d", TraceFlags::DEBUG),
        ("", TraceFlags::DEFERRED),
    ] {
        let b3 = format!("{ids}{state}");
        assert_eq!(flags_seen(Trust::Continue, &b3).await, Some((flags, true)), "{b3}");
        assert_eq!(flags_seen(Trust::Restart, &b3).await, None, "{b3}");
        assert_eq!(flags_seen(Trust::Ignore, &b3).await, None, "{b3}");
    }
}

#[tokio::test]
async fn debug_is_for_those_who_are_believed() {
    let b3 = format!("{PARENT_TRACE}-{PARENT_SPAN}-d");
    for (trust, is_recorded) in [(Trust::Continue, true), (Trust::Restart, false), (Trust::Ignore, false)] {
        let traced = Traced::with("orders", |builder| {
            builder.sampler(ParentBased::new(throughline::sampling::AlwaysOff))
        });
        let layer = traced.server().trust(trust).propagator(B3::single());
        through(layer, Request::get("/").header("b3", &b3)).await;
        let spans = traced.spans(usize::from(is_recorded)).await;
        assert!(spans.iter().all(|span| span.flags().is_debug()), "{trust:?}");
    }
    // A link does not ask for it either, nor for a decision.
    let undecided = format!("{PARENT_TRACE}-{PARENT_SPAN}");
    for (b3, is_sampled) in [(b3, true), (undecided, false)] {
        let traced = Traced::new();
        let layer = traced.server().trust(Trust::Restart).propagator(B3::single());
        through(layer, Request::get("/").header("b3", &b3)).await;
        let span = traced.span().await;
        let link = span.links().next().unwrap().flags();
        assert_eq!((link.is_sampled(), link.is_debug(), link.is_deferred()), (is_sampled, false, false));
        assert!(!span.flags().is_debug());
    }
}

/// Does the condition hold of this request?
fn holds(condition: &dyn Condition, request: http::request::Builder, peer: Option<&str>) -> bool {
    let (head, ()) = request.body(()).unwrap().into_parts();
    let peer = peer.map(|peer| SocketAddr::new(peer.parse().unwrap(), 80));
    condition.holds(&Arrival::new(&head, peer))
}

#[test]
fn a_private_peer_is_one_of_the_own_network() {
    for (peer, expected) in [
        (Some("127.0.0.1"), true),
        (Some("10.1.2.3"), true),
        (Some("172.31.0.1"), true),
        (Some("192.168.1.1"), true),
        (Some("169.254.1.1"), true),
        (Some("::1"), true),
        (Some("fd00::1"), true),
        (Some("fe80::1"), true),
        (Some("::ffff:10.1.2.3"), true),
        (Some("::ffff:192.0.2.1"), false),
        (Some("192.0.2.1"), false),
        (Some("172.32.0.1"), false),
        (Some("2001:db8::1"), false),
        (None, false),
    ] {
        assert_eq!(holds(&PrivatePeer, Request::get("/"), peer), expected, "{peer:?}");
    }
}

#[test]
fn an_edge_is_known_by_one_line_with_its_value() {
    let edge = EdgeHeader::new(EDGE, "s3cret");
    let with =
        |lines: &[&str]| lines.iter().fold(Request::get("/"), |request, line| request.header(EDGE, *line));
    assert!(holds(&edge, with(&["s3cret"]), None));
    for lines in [&[][..], &[""], &["s3cre"], &["s3cret2"], &["S3cret"], &["t3cret"], &["s3cret", "s3cret"]] {
        assert!(!holds(&edge, with(lines), None), "{lines:?}");
    }
    let nothing = EdgeHeader::new(EDGE, "");
    assert!(!holds(&nothing, with(&[""]), None) && !holds(&nothing, with(&[]), None));
    let said = format!(
        "{edge:?} {:?} {:?}",
        FirstMatch::new().when(edge.clone(), Trust::Continue),
        Forwarded::by_standard(edge.clone())
    );
    assert!(!said.contains("s3cret") && said.contains("x-edge-key"), "{said}");
}

#[test]
fn a_path_lies_below_its_segments() {
    for (prefix, path, expected) in [
        ("/hooks", "/hooks", true),
        ("/hooks", "/hooks/7?a=/..", true),
        ("/hooks/", "/hooks/7", true),
        ("/hooks", "/hooksmith", false),
        ("/hooks", "/a/hooks", false),
        ("/hooks", "/Hooks", false),
        ("/", "/anything", true),
        ("/hooks", "/hooks/../admin", false),
        ("/hooks", "/hooks/./7", false),
        ("/hooks", "/hooks/%2e%2E/admin", false),
        ("/hooks", "/hooks/.%2e", false),
        ("/hooks", "/hooks/.../7", true),
        ("/hooks", "/hooks/.well-known", true),
        ("/hooks", "/hooks/%2f", true),
    ] {
        assert_eq!(holds(&PathPrefix::new(prefix), Request::get(path), None), expected, "{prefix} {path}");
    }
}

#[test]
fn conditions_combine() {
    let says = |truth: bool| move |_: &Arrival<'_>| truth;
    for (one, other) in [(false, false), (false, true), (true, false), (true, true)] {
        assert_eq!(holds(&says(one).and(says(other)), Request::get("/"), None), one && other);
        assert_eq!(holds(&says(one).or(says(other)), Request::get("/"), None), one || other);
    }
    assert!(holds(&says(false).not(), Request::get("/"), None));
    let edge = || EdgeHeader::new(EDGE, "1");
    let second = HeaderName::from_static("x-second");
    let all = PrivatePeer.and(edge()).or(EdgeHeader::new(second.clone(), "2")).not();
    assert_eq!(all.secret_headers(), [EDGE, second]);
}

#[test]
fn the_first_rule_that_fits_decides() {
    let policy =
        FirstMatch::new().when(PathPrefix::new("/hooks"), Trust::Ignore).when(PrivatePeer, Trust::Continue);
    let decide = |policy: &dyn TrustPolicy, path: &str, peer: &str| {
        let (head, ()) = Request::get(path).body(()).unwrap().into_parts();
        policy.trust(&Arrival::new(&head, Some(SocketAddr::new(peer.parse().unwrap(), 80))))
    };
    assert_eq!(decide(&policy, "/hooks", "10.0.0.1"), Trust::Ignore);
    assert_eq!(decide(&policy, "/orders", "10.0.0.1"), Trust::Continue);
    assert_eq!(decide(&policy, "/orders", "192.0.2.1"), Trust::Restart, "nobody is believed unasked");
    assert_eq!(decide(&policy.otherwise(Trust::Ignore), "/orders", "192.0.2.1"), Trust::Ignore);
    assert_eq!(decide(&FirstMatch::default(), "/", "10.0.0.1"), Trust::Restart);
}

/// Asks over a socket, whose peer is loopback, with these headers.
async fn over_a_socket(layer: ServerLayer, path: &str, headers: &str) {
    let service = service_fn(|_: Request<hyper::body::Incoming>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
    });
    let address = serve(layer.layer(service)).await;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: shop.example\r\ntraceparent: {PARENT}\r\n{headers}connection: close\r\n\r\n"
    );
    exchange(address, &request).await;
}

#[tokio::test]
async fn a_real_peer_is_asked_about() {
    for (path, edge, trace_goes_on) in
        [("/orders", "", true), ("/hooks/7", "", false), ("/hooks/7", "x-edge-key: s3cret\r\n", true)]
    {
        let traced = Traced::new();
        let policy = FirstMatch::new()
            .when(EdgeHeader::new(EDGE, "s3cret"), Trust::Continue)
            .when(PathPrefix::new("/hooks"), Trust::Restart)
            .when(PrivatePeer, Trust::Continue)
            .otherwise(Trust::Ignore);
        let layer = traced.server().record_request_headers([EDGE]).trust(policy);
        over_a_socket(layer, path, edge).await;
        let span = traced.span().await;
        assert_eq!(span.trace_id().to_string() == PARENT_TRACE, trace_goes_on, "{path} {edge}");
        assert_eq!(span.links().count(), usize::from(!trace_goes_on));
        assert!(!format!("{span:?}").contains("s3cret"), "not even where it is named: {span:?}");
    }
}

#[tokio::test]
async fn who_is_not_believed_cannot_make_the_layer_parse() {
    // A caller that is to be ignored is not even read; its bad headers are nobody's concern.
    let traced = Traced::new();
    let layer = traced.server().trust(Trust::Ignore);
    through(layer, Request::get("/").header("traceparent", "nonsense").header("baggage", ",=")).await;
    assert_eq!(traced.tracer.diagnostic_count(throughline::Diagnostic::RejectedHeader), 0);
    traced.span().await;
}
