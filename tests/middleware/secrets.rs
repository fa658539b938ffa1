//! A secret in a URL, a header, baggage or an error's text shows nowhere.

use crate::{
    support::{Body, PATIENCE, Traced, text, through},
    written::Written,
};
use http::{HeaderName, Request, Response, header};
use std::{
    io::{self, Write},
    time::Duration,
};
use throughline::{
    Tracer,
    exporters::{Console, JsonLines, Memory},
    middleware::{
        ClientLayer, Forwarded, ServerLayer,
        trust::{Condition, EdgeHeader, FirstMatch, PrivatePeer, Trust},
    },
    propagation::Composite,
    redact::{Field, Redaction, Verdict},
};
use tower::{Layer, ServiceExt, service_fn};

const CANARY: &str = "canary7f3a";

fn named() -> [HeaderName; 4] {
    [header::AUTHORIZATION, header::COOKIE, header::REFERER, HeaderName::from_static("x-edge-key")]
}

/// A request that has the canary wherever a secret may be.
fn request(target: &str) -> Request<Body> {
    let referer = format!("https://ada:{CANARY}@shop.example/?token={CANARY}&page=2");
    Request::get(target)
        .header("authorization", format!("Bearer {CANARY}"))
        .header("cookie", format!("session={CANARY}"))
        .header("referer", referer)
        .header("x-unnamed", CANARY)
        .header("x-edge-key", CANARY)
        .header("baggage", format!("secret={CANARY},tenant=7"))
        // Malformed, and so in nothing but the count of what was refused.
        .header("traceparent", format!("00-{CANARY}"))
        .header("tracestate", format!("{CANARY}=,"))
        .header("x-request-id", format!("{CANARY} {CANARY}"))
        .header("x-service-name", format!("{CANARY},{CANARY}"))
        .header("forwarded", format!("for={CANARY};host={CANARY}@a"))
        .header("b3", CANARY)
        .header("uber-trace-id", CANARY)
        .body(Body::default())
        .unwrap()
}

/// Both layers around a call that fails, its error telling the URL; what the layers' `Debug` says.
async fn exchange(tracer: &Tracer) -> String {
    let formats = || Composite::from_names("tracecontext,baggage,b3,jaeger").unwrap();
    let edge = || EdgeHeader::new(HeaderName::from_static("x-edge-key"), CANARY);
    let client = ClientLayer::new(tracer)
        .propagator(formats())
        .record_request_headers(named())
        .record_response_headers([header::LOCATION, header::SET_COOKIE])
        .record_baggage(["tenant"]);
    let server = ServerLayer::new(tracer)
        .propagator(formats())
        .trust(FirstMatch::new().when(PrivatePeer.or(edge()), Trust::Continue))
        .forwarded(Forwarded::by_standard(edge()))
        .record_request_headers(named())
        .record_baggage(["tenant"]);
    let said = format!("{client:?} {server:?}");
    let failing = client.clone().layer(service_fn(|request: Request<Body>| async move {
        Err::<Response<Body>, _>(io::Error::other(format!("no route to {}", request.uri())))
    }));
    let answering = client.layer(service_fn(|_: Request<Body>| async {
        let answer = Response::builder()
            .header("location", format!("/callback?code={CANARY}"))
            .header("set-cookie", format!("session={CANARY}"));
        Ok::<_, io::Error>(answer.body(Body::default()).unwrap())
    }));
    let target = format!("https://ada:{CANARY}@api.example/orders?token={CANARY}&X-Amz-Signature={CANARY}");
    let gateway = server.layer(service_fn(move |request: Request<Body>| {
        let (failing, answering) = (failing.clone(), answering.clone());
        async move {
            // Passed on as it came, but for what this hop's layer has noted of it.
            let pass_on = || {
                let mut call = Request::get(request.uri()).body(Body::default()).unwrap();
                *call.headers_mut() = request.headers().clone();
                call
            };
            answering.oneshot(pass_on()).await?;
            failing.oneshot(pass_on()).await.map(|response| response.map(|_| Body::default()))
        }
    }));
    let error = gateway.oneshot(request(&target)).await.err().unwrap();
    assert!(error.to_string().contains(CANARY), "the error told it, and was passed on as it is");
    said
}

/// What a layer writes itself is not looked at; what its caller has sent is, and a key still says what it says.
#[tokio::test]
async fn a_request_id_that_is_a_secret_shows_nowhere() {
    let key = "sk_live_0aB10aB10aB10aB10aB1";
    let uuid = "01a1fee3-bfa2-77c9-8b98-d85027e74ae5";
    let denied = || Redaction::default().deny_key("request.id");
    for (redaction, id, shown) in [
        (Redaction::default(), key, "REDACTED"),
        (Redaction::default(), uuid, uuid),
        (denied(), uuid, "REDACTED"),
        (Redaction::default().rule("ids", |_: &Field<'_>| Verdict::redact()), uuid, "REDACTED"),
    ] {
        let traced = Traced::with("shop", |builder| builder.redaction(redaction));
        let (_, answer) = through(traced.server(), Request::get("/").header("x-request-id", id)).await;
        assert_eq!(answer["x-request-id"], id);
        assert_eq!(text(&traced.span().await, "request.id").as_deref(), Some(shown));
    }
}

#[tokio::test]
async fn a_secret_shows_in_no_exporters_output() {
    let (console, lines, memory, said) =
        (Written::default(), Written::default(), Memory::new(), Written::default());
    let listener = said.clone();
    let tracer = Tracer::builder("gateway")
        .environment(|_| None)
        .batch_delay(Duration::ZERO)
        .exporter(Console::to(console.clone()))
        .exporter(JsonLines::to(lines.clone()))
        .exporter(memory.clone())
        .diagnostics(move |diagnostic| writeln!(listener.clone(), "{diagnostic}").unwrap())
        .build()
        .unwrap();
    let debugged = exchange(&tracer).await;
    let report = tracer.shutdown_async(PATIENCE).await;
    assert!(report.is_complete());
    let spans = memory.spans();
    assert_eq!(spans.len(), 3);
    for (what, text) in [
        ("console", console.text()),
        ("JSON lines", lines.text()),
        ("memory", format!("{spans:?}")),
        ("diagnostics", said.text()),
        ("the layers", debugged),
        ("the report", format!("{report:?} {tracer:?}")),
    ] {
        assert!(!text.contains(CANARY), "{what}: {text}");
    }
    // All of it has been looked at, and what is no secret is there.
    let all = lines.text();
    for part in ["no route to https://REDACTED:REDACTED@api.example", "\"tenant\"", "page=2", "referer"] {
        assert!(all.contains(part), "{part}: {all}");
    }
}
