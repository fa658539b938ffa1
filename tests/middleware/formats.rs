//! Every header format through both layers, and what chooses among them.

use crate::support::{PARENT, PARENT_SPAN, PARENT_TRACE, Traced, number, sent_by, through};
use http::{HeaderMap, HeaderName, Request};
use std::{ffi::OsString, ops::ControlFlow};
use throughline::{
    BuildError, Context, SpanRecord, Tracer,
    propagation::{
        B3, Composite, Datadog, ExtractError, Getter, GoogleCloud, Jaeger, OtTrace, Propagator,
        RequestIdHeader, Setter, TraceContext, XRay,
    },
};

fn get(headers: &[(&str, &str)]) -> http::request::Builder {
    headers.iter().fold(Request::get("http://stock/"), |request, (name, value)| request.header(*name, *value))
}

/// The headers a gateway sends on for a request with these, and the spans of the request and of the call.
async fn pass(
    formats: impl Propagator + Clone + 'static,
    headers: &[(&str, &str)],
) -> (HeaderMap, [SpanRecord; 2]) {
    let traced = Traced::new();
    let client = traced.client().propagator(formats.clone());
    let (sender, mut sent) = tokio::sync::mpsc::unbounded_channel();
    let handler = tower::service_fn(move |_: Request<crate::support::Body>| {
        let (client, sender) = (client.clone(), sender.clone());
        async move {
            let headers = sent_by(client, Request::get("http://stock/")).await;
            sender.send(headers).unwrap();
            Ok::<_, std::convert::Infallible>(http::Response::new(crate::support::Body::default()))
        }
    });
    let layered = tower::Layer::layer(&traced.server().propagator(formats), handler);
    let request = get(headers).body(Default::default()).unwrap();
    tower::ServiceExt::oneshot(layered, request).await.unwrap();
    let spans: [SpanRecord; 2] = traced.spans(2).await.try_into().unwrap();
    assert_eq!(spans[1].parent_span_id(), Some(spans[0].span_id()));
    (sent.recv().await.unwrap(), spans)
}

#[tokio::test]
async fn every_format_goes_through_both_layers() {
    let b3 = format!("{PARENT_TRACE}-{PARENT_SPAN}-1");
    let jaeger = format!("{PARENT_TRACE}:{PARENT_SPAN}:0:1");
    let xray = format!("Root=1-{}-{};Parent={PARENT_SPAN};Sampled=1", &PARENT_TRACE[..8], &PARENT_TRACE[8..]);
    let google = format!("{PARENT_TRACE}/67667974448284343;o=1");
    let tags = format!("_dd.p.tid={}", &PARENT_TRACE[..16]);
    type Case<'a> = (Composite, Vec<(&'a str, &'a str)>, &'a str);
    let formats: [Case<'_>; 8] = [
        (Composite::default(), vec![("traceparent", PARENT), ("baggage", "a=1")], "traceparent"),
        (Composite::none().with(B3::single()), vec![("b3", &b3)], "b3"),
        (
            Composite::none().with(B3::multi()),
            vec![("x-b3-traceid", PARENT_TRACE), ("x-b3-spanid", PARENT_SPAN), ("x-b3-sampled", "1")],
            "x-b3-traceid",
        ),
        (
            Composite::none().with(Jaeger),
            vec![("uber-trace-id", &jaeger), ("uberctx-a", "1")],
            "uber-trace-id",
        ),
        (Composite::none().with(XRay), vec![("x-amzn-trace-id", &xray)], "x-amzn-trace-id"),
        (
            Composite::none().with(Datadog),
            vec![
                ("x-datadog-trace-id", "11803532876627986230"),
                ("x-datadog-parent-id", "67667974448284343"),
                ("x-datadog-sampling-priority", "1"),
                ("x-datadog-tags", &tags),
            ],
            "x-datadog-trace-id",
        ),
        (
            Composite::none().with(GoogleCloud),
            vec![("x-cloud-trace-context", &google)],
            "x-cloud-trace-context",
        ),
        (
            Composite::none().with(OtTrace),
            vec![
                ("ot-tracer-traceid", "a3ce929d0e0e4736"),
                ("ot-tracer-spanid", PARENT_SPAN),
                ("ot-tracer-sampled", "true"),
                ("ot-baggage-a", "1"),
            ],
            "ot-tracer-traceid",
        ),
    ];
    for (formats, headers, name) in formats {
        let (sent, [span, call]) = pass(formats.clone(), &headers).await;
        let trace = if name.starts_with("ot-") { &PARENT_TRACE[16..] } else { PARENT_TRACE };
        assert!(span.trace_id().to_string().ends_with(trace), "{name}");
        assert_eq!(span.parent_span_id().unwrap().to_string(), PARENT_SPAN, "{name}");
        assert!(span.parent_is_remote());
        let mut onward = Context::default();
        formats.extract(&sent, &mut onward).unwrap();
        let caller = onward.span.unwrap();
        assert!(caller.trace_id().to_string().ends_with(trace) && caller.is_sampled(), "{name}: {sent:?}");
        assert_eq!(caller.span_id(), call.span_id(), "{name}: {sent:?}");
        let has_baggage =
            headers.iter().any(|(name, _)| name.contains("baggage") || name.starts_with("uberctx"));
        assert_eq!(onward.baggage.get("a"), has_baggage.then_some("1"), "{name}: {sent:?}");
        let others = ["traceparent", "b3", "x-b3-traceid", "uber-trace-id"];
        assert!(others.iter().all(|other| *other == name || !sent.contains_key(*other)), "{sent:?}");
        assert!(sent.contains_key("x-request-id") && sent.contains_key("x-service-name"));
    }
}

#[tokio::test]
async fn the_first_format_that_finds_the_caller_wins_and_all_are_written() {
    let other = "1111111111111111";
    let b3 = format!("{PARENT_TRACE}-{other}-1");
    let formats = Composite::none().with(B3::single()).with(TraceContext::default());
    let (sent, [span, _]) = pass(formats, &[("traceparent", PARENT), ("b3", &b3)]).await;
    assert_eq!(span.parent_span_id().unwrap().to_string(), other);
    let parent = sent["traceparent"].to_str().unwrap();
    let [_, trace, id, _] = parent.split('-').collect::<Vec<_>>()[..] else { panic!("{parent}") };
    assert_eq!(sent["b3"].to_str().unwrap(), format!("{trace}-{id}-1"));

    let (sent, [span, _]) = pass(Composite::default().extracting(B3::single()), &[("b3", &b3)]).await;
    assert_eq!(span.parent_span_id().unwrap().to_string(), other);
    assert!(sent.contains_key("traceparent") && !sent.contains_key("b3"));
}

/// A format as a user writes one.
#[derive(Clone)]
struct Order;

impl Propagator for Order {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let mut line = None;
        let _ = carrier.lines("x-order", &mut |found| {
            line = Some(found);
            ControlFlow::Break(())
        });
        let inner = vec![("traceparent".to_owned(), line.unwrap_or_default().to_vec())];
        TraceContext::default().extract(&inner, context)
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        let mut inner: Vec<(String, Vec<u8>)> = Vec::new();
        TraceContext::default().inject(context, &mut inner);
        inner.iter().for_each(|(_, value)| carrier.set("x-order", value));
        // What is no header is left out.
        carrier.set("no header\n", b"7");
        carrier.set("x-bad", b"a\r\nb");
        carrier.unset("no header\n");
    }

    fn fields(&self) -> Vec<&str> {
        vec!["x-order"]
    }
}

#[tokio::test]
async fn a_format_of_ones_own_is_as_good_as_ours() {
    let (sent, [span, _]) = pass(Order, &[("x-order", PARENT), ("traceparent", "ignored")]).await;
    assert_eq!(span.parent_span_id().unwrap().to_string(), PARENT_SPAN);
    assert!(sent["x-order"].to_str().unwrap().starts_with(&format!("00-{PARENT_TRACE}-")));
    assert!(!sent.contains_key("traceparent") && !sent.contains_key("x-bad"));
}

fn with_env(variables: &'static [(&'static str, &'static str)]) -> Result<Tracer, BuildError> {
    Tracer::builder("orders")
        .environment(move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
        .build()
}

#[tokio::test]
async fn the_environment_chooses_and_code_wins() {
    let from_env = |builder: throughline::TracerBuilder| {
        builder.environment(|name| (name == "OTEL_PROPAGATORS").then(|| "b3multi".into()))
    };
    let traced = Traced::with("orders", from_env);
    let sent = sent_by(traced.client(), get(&[])).await;
    assert!(sent.contains_key("x-b3-traceid") && !sent.contains_key("traceparent"), "{sent:?}");
    let sent = sent_by(traced.client().propagator(Jaeger), get(&[])).await;
    assert!(sent.contains_key("uber-trace-id") && !sent.contains_key("x-b3-traceid"), "{sent:?}");

    let traced = Traced::with("orders", |builder| from_env(builder).propagator(Composite::default()));
    let sent = sent_by(traced.client(), get(&[])).await;
    assert!(sent.contains_key("traceparent") && !sent.contains_key("x-b3-traceid"), "{sent:?}");
    let mut carrier: Vec<(String, Vec<u8>)> = Vec::new();
    traced
        .tracer
        .propagator()
        .inject(&traced.tracer.span("order").handle().unwrap().outgoing(), &mut carrier);
    assert_eq!(carrier[0].0, "traceparent");

    let traced = Traced::with("orders", |builder| {
        builder.environment(|name| (name == "OTEL_PROPAGATORS").then(|| "none".into()))
    });
    let sent = sent_by(traced.client(), get(&[])).await;
    assert_eq!(sent.len(), 2, "the request's id and who asks: {sent:?}");
}

#[test]
fn a_bad_list_of_formats_is_an_error_at_build() {
    for list in ["b4", "tracecontext b3", "none,b3", ","] {
        let variables = Box::leak(Box::new([("OTEL_PROPAGATORS", list)]));
        match with_env(variables).map(drop) {
            Err(BuildError::Environment(error)) => {
                assert_eq!(error.variable(), "OTEL_PROPAGATORS");
                assert!(error.accepts().contains("tracecontext") && !error.to_string().contains("b4"));
            }
            other => panic!("{list}: {other:?}"),
        }
    }
    assert!(with_env(&[("OTEL_PROPAGATORS", "")]).is_ok());
}

#[tokio::test]
async fn the_builders_environment_names_the_methods_that_are_known() {
    let traced = Traced::with("orders", |builder| {
        builder.environment(|name| (name == "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS").then(|| "BREW".into()))
    });
    sent_by(traced.client(), Request::builder().method("BREW").uri("http://pot/")).await;
    sent_by(traced.client(), get(&[])).await;
    let spans = traced.spans(2).await;
    assert_eq!([spans[0].name(), spans[1].name()], ["BREW", "HTTP"]);
}

const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");
const LEGACY: HeaderName = HeaderName::from_static("x-trace");

#[tokio::test]
async fn an_id_comes_under_any_of_its_names_in_order() {
    for (headers, id) in [
        (&[("x-trace", "c"), ("x-correlation-id", "b"), ("x-request-id", "a")][..], Some("a")),
        (&[("x-trace", "c"), ("x-correlation-id", "b")], Some("b")),
        (&[("x-trace", "c")], Some("c")),
        // One that is there but bad is not made up for by another.
        (&[("x-trace", "c"), ("x-correlation-id", "b b")], None),
        (&[("x-trace", "c"), ("x-correlation-id", "b"), ("x-correlation-id", "b")], None),
    ] {
        let traced = Traced::new();
        let layer = traced.server().request_id_aliases([CORRELATION, LEGACY]);
        let (_, answer) = through(layer, get(headers)).await;
        let told = answer["x-request-id"].to_str().unwrap();
        assert_eq!(id.unwrap_or(told), told, "{headers:?}");
        assert!(id.is_some() || told.len() == 36, "{headers:?}");
        assert!(!answer.contains_key(CORRELATION) && !answer.contains_key(LEGACY));
    }
}

#[tokio::test]
async fn an_id_goes_out_under_its_aliases_where_asked() {
    let traced = Traced::new();
    let layer = traced.server().request_id_aliases([CORRELATION]).send_request_id_aliases(true);
    let (_, answer) = through(layer, get(&[("x-correlation-id", "order-7")])).await;
    assert_eq!([&answer["x-request-id"], &answer[CORRELATION]], ["order-7", "order-7"]);
    let layer = traced.client().request_id_aliases([CORRELATION]).send_request_id_aliases(true);
    let sent = sent_by(layer, get(&[("x-correlation-id", "order-8")])).await;
    assert_eq!([&sent["x-request-id"], &sent[CORRELATION]], ["order-8", "order-8"]);
}

#[tokio::test]
async fn a_formats_own_request_id_counts_where_the_layer_finds_none() {
    let formats = || Composite::default().with(RequestIdHeader::named("x-order-id"));
    let traced = Traced::new();
    let (_, answer) = through(traced.server().propagator(formats()), get(&[("x-order-id", "order-7")])).await;
    assert_eq!(answer["x-request-id"], "order-7");
    let both = get(&[("x-order-id", "order-7"), ("x-request-id", "order-8")]);
    let (_, answer) = through(traced.server().propagator(formats()), both).await;
    assert_eq!(answer["x-request-id"], "order-8");
    traced.spans(2).await;
}

#[test]
fn a_header_map_is_a_carrier_that_never_panics() {
    let mut headers = crate::support::full_map();
    let full = headers.len();
    headers.set("traceparent", b"00-1");
    assert_eq!((headers.len(), headers.get("traceparent")), (full, None));
    // What stands there already is replaced, in a full map too, or taken away.
    headers.set("x-7", b"new");
    assert_eq!((headers.len(), headers["x-7"].as_bytes()), (full, &b"new"[..]));
    headers.unset("x-7");
    headers.unset("not a name");
    headers.set("traceparent", PARENT.as_bytes());
    assert_eq!(headers["traceparent"], PARENT);

    let mut headers = HeaderMap::new();
    headers.append("a", "1".parse().unwrap());
    headers.append("a", "2".parse().unwrap());
    let mut lines = Vec::new();
    let _ = headers.all_lines(&mut |name, line| {
        lines.push((name.to_owned(), line.to_vec()));
        ControlFlow::Continue(())
    });
    assert_eq!(lines, [("a".to_owned(), b"1".to_vec()), ("a".to_owned(), b"2".to_vec())]);
    let mut first = None;
    let walk = headers.lines("a", &mut |line| {
        first = Some(line.to_vec());
        ControlFlow::Break(())
    });
    assert!(walk.is_break() && first.as_deref() == Some(b"1"));
    headers.set("A", b"3");
    assert_eq!(headers.get_all("a").iter().count(), 1);
}

#[tokio::test]
async fn a_status_is_recorded_whatever_the_format() {
    let traced = Traced::new();
    through(traced.server().propagator(B3::single()), get(&[("b3", "0")])).await;
    through(traced.server().propagator(B3::single()), get(&[("b3", "nonsense")])).await;
    let codes: Vec<_> =
        traced.spans(2).await.iter().map(|span| number(span, "http.response.status_code")).collect();
    assert_eq!(codes, [Some(200), Some(200)]);
}
