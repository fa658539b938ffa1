//! Each header format alone: as ours write it, read by Python's and Go's, and as they write it, read by ours. They
//! do not speak Datadog's and Google's.

use crate::{chain::Chain, servers::new_trace_id};
use serde_json::json;
use throughline::propagation::Composite;

const CALLER: &str = "00f067aa0ba902b7";

/// Sends a request in this format, with an entry of baggage where it has any, through services of which ours speak
/// no other.
async fn pass(format: &str, trace: &str, headers: &[(&str, &str)]) {
    let has_baggage = headers.iter().any(|(_, value)| value.contains("ada"));
    let chain = Chain::speaking(&Composite::from_names(format).unwrap()).await;
    let hops = chain.ask(headers).await;
    let spans = chain.check_way(trace).await;
    assert!(spans.iter().any(|span| span.service() == "first" && span.parent.as_deref() == Some(CALLER)));
    for hop in [&hops[1], &hops[3]] {
        // Go's propagator for Jaeger's headers leaves baggage alone.
        let is_read = has_baggage && (format, hop["service"].as_str()) != ("jaeger", Some("go"));
        let expected = if is_read { json!({ "customer": "ada" }) } else { json!({}) };
        assert_eq!(hop["baggage"], expected, "{}", hop["service"]);
        assert_eq!(hop["headers"].get("traceparent").is_some(), format.contains("tracecontext"));
    }
}

#[tokio::test]
async fn w3c() {
    let trace = new_trace_id();
    let parent = format!("00-{trace}-{CALLER}-01");
    pass("tracecontext,baggage", &trace, &[("traceparent", &parent), ("baggage", "customer=ada")]).await;
}

#[tokio::test]
async fn b3() {
    let trace = new_trace_id();
    pass("b3", &trace, &[("b3", &format!("{trace}-{CALLER}-1"))]).await;
}

#[tokio::test]
async fn b3_in_several_headers() {
    let trace = new_trace_id();
    pass("b3multi", &trace, &[("x-b3-traceid", &trace), ("x-b3-spanid", CALLER), ("x-b3-sampled", "1")])
        .await;
}

#[tokio::test]
async fn jaegers() {
    let trace = new_trace_id();
    let caller = format!("{trace}:{CALLER}:0:1");
    pass("jaeger", &trace, &[("uber-trace-id", &caller), ("uberctx-customer", "ada")]).await;
}

#[tokio::test]
async fn x_ray() {
    let trace = new_trace_id();
    let (time, rest) = trace.split_at(8);
    pass("xray", &trace, &[("x-amzn-trace-id", &format!("Root=1-{time}-{rest};Parent={CALLER};Sampled=1"))])
        .await;
}

/// Whose trace ids have 64 bits.
#[tokio::test]
async fn open_tracings() {
    let id = &new_trace_id()[..16];
    let caller = [("ot-tracer-traceid", id), ("ot-tracer-spanid", CALLER), ("ot-tracer-sampled", "true")];
    let headers = [&caller[..], &[("ot-baggage-customer", "ada")]].concat();
    pass("ottrace", &format!("{id:0>32}"), &headers).await;
}
