//! One request through five services, of which the second is in Python and the fourth in Go.

use crate::{
    collector, jaeger,
    seen::{Seen, sorted},
    servers::{ask, new_trace_id, setting, until},
    services::Service,
};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use throughline::{SpanKind, Status, propagation::Composite};

/// What a service records of a request that it passes on, ours and OpenTelemetry's alike: the exchange, the work
/// and the call.
const SPANS_A_HOP: usize = 3;

/// The five services.
pub struct Chain {
    ours: [Service; 3],
}

impl Chain {
    async fn start() -> Self {
        Self::speaking(&Composite::default()).await
    }

    /// Ours speak these header formats, the others all they know.
    pub async fn speaking(formats: &Composite) -> Self {
        let start = |name| Service::start(name, formats.clone());
        Self { ours: [start("first").await, start("third").await, start("last").await] }
    }

    /// Sends a request with these headers through all of them; what each was sent, in order.
    pub async fn ask(&self, headers: &[(&str, &str)]) -> Vec<Json> {
        let [first, third, last] = &self.ours;
        let (python, go) = (setting("PYTHON_HTTP"), setting("GO_HTTP"));
        let url =
            format!("http://{}/hop?then={python},{},{go},{}", first.address, third.address, last.address);
        let mut hop = ask(&url, headers).await.expect("the first service answers");
        let mut hops = Vec::new();
        while !hop.is_null() {
            let next = hop["next"].take();
            hops.push(hop);
            hop = next;
        }
        let services: Vec<_> = hops.iter().map(|hop| hop["service"].as_str().unwrap()).collect();
        assert_eq!(services, ["first", "python", "third", "go", "last"]);
        hops
    }

    /// Our own spans of the only request so far.
    async fn own_spans(&self) -> Vec<Seen> {
        let mut spans = Vec::new();
        for (service, count) in self.ours.iter().zip([SPANS_A_HOP, SPANS_A_HOP, SPANS_A_HOP - 1]) {
            spans.extend(service.spans(count).await);
        }
        spans
    }

    /// All spans of the only request so far, which are of this trace and lead from the last service to the first.
    pub async fn check_way(&self, trace: &str) -> Vec<Seen> {
        let own = self.own_spans().await;
        let theirs = from_collector(trace).await;
        assert_eq!(theirs.len(), 2 * SPANS_A_HOP, "{theirs:#?}");
        let spans = [own, theirs].concat();
        let traces: BTreeSet<_> = spans.iter().map(|span| &*span.trace_id).collect();
        assert_eq!(traces, BTreeSet::from([trace]));
        let is_deepest = |span: &&Seen| span.service() == "last" && span.kind == SpanKind::Internal;
        let way = way_up(&spans, spans.iter().find(is_deepest).unwrap());
        let (client, server) = (SpanKind::Client, SpanKind::Server);
        let mut expected = vec![("last", SpanKind::Internal), ("last", server)];
        for service in ["go", "third", "python", "first"] {
            expected.extend([(service, client), (service, server)]);
        }
        assert_eq!(way, expected);
        spans
    }
}

/// What the two services in the middle sent to the Collector, of this trace.
async fn from_collector(trace: &str) -> Vec<Seen> {
    let ask = async || collector::trace(trace);
    until(|spans: &Vec<Seen>| spans.len() >= 2 * SPANS_A_HOP, ask).await
}

/// What they sent to Jaeger, as its query API answers.
async fn from_jaeger(trace: &str) -> Vec<Seen> {
    let ask = async || jaeger::trace(trace).await;
    until(|spans: &Vec<Seen>| spans.len() >= 2 * SPANS_A_HOP, ask).await
}

fn trace_of(hop: &Json) -> &str {
    &header(hop, "traceparent")[3..35]
}

fn header<'a>(hop: &'a Json, name: &str) -> &'a str {
    hop["headers"][name].as_str().unwrap_or_else(|| panic!("{} was sent no {name}", hop["service"]))
}

/// This span, and then all above it that are there: each one's service and kind.
fn way_up<'a>(spans: &'a [Seen], from: &'a Seen) -> Vec<(&'a str, SpanKind)> {
    let parent = |below: &&'a Seen| {
        let id = below.parent.as_ref()?;
        spans.iter().find(|span| span.span_id == *id)
    };
    std::iter::successors(Some(from), parent).map(|span| (span.service(), span.kind)).collect()
}

#[tokio::test]
async fn one_trace_goes_through_services_of_three_languages() {
    let chain = Chain::start().await;
    let hops = chain.ask(&[]).await;
    let spans = chain.check_way(trace_of(&hops[4])).await;
    let id = header(&hops[4], "x-request-id");
    let ours = ["first", "third", "last"];
    for span in spans.iter().filter(|span| ours.contains(&span.service()) && span.kind == SpanKind::Server) {
        assert_eq!(span.text("request.id"), Some(id), "{span:?}");
        assert_eq!((span.text("http.route"), &span.status), (Some("/hop"), &Status::Unset));
    }
}

#[tokio::test]
async fn what_the_caller_sends_reaches_the_last() {
    let chain = Chain::start().await;
    let trace = new_trace_id();
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-03");
    let state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    let sent = [("traceparent", &*traceparent), ("tracestate", state), ("x-request-id", "order-4711")];
    let hops = chain.ask(&sent).await;
    for hop in &hops {
        let service = &hop["service"];
        assert_eq!(trace_of(hop), trace, "{service}");
        assert_eq!(header(hop, "tracestate"), state, "{service}");
        // Sampled, and the trace id is random: neither is lost on the way.
        assert_eq!(&header(hop, "traceparent")[53..], "03", "{service}");
    }
    assert_eq!(header(&hops[4], "x-request-id"), "order-4711");
    for span in chain.own_spans().await {
        assert_eq!(span.trace_state, state);
    }
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_recorded_nowhere() {
    let chain = Chain::start().await;
    let (unsampled, sampled) = (new_trace_id(), new_trace_id());
    let hops = chain.ask(&[("traceparent", &format!("00-{unsampled}-00f067aa0ba902b7-00"))]).await;
    assert_eq!(trace_of(&hops[4]), unsampled);
    // What comes later is exported later: when this one is there, the other one would be.
    chain.ask(&[("traceparent", &format!("00-{sampled}-00f067aa0ba902b7-01"))]).await;
    from_collector(&sampled).await;
    assert_eq!(collector::trace(&unsampled), []);
    for span in chain.own_spans().await {
        assert_eq!(span.trace_id, sampled);
    }
}

#[tokio::test]
async fn the_collector_and_jaeger_tell_the_same_of_the_others() {
    let chain = Chain::start().await;
    let trace = new_trace_id();
    chain.ask(&[("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))]).await;
    assert_eq!(sorted(from_collector(&trace).await), sorted(from_jaeger(&trace).await));
}
