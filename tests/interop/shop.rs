//! The shop of the examples sends its spans to all servers at once, and each is asked for them.

use crate::{
    collector, jaeger,
    seen::{Seen, assert_same, sorted},
    servers::{ask, setting, until},
    zipkin::{self, ZipkinSpan},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    process::Command,
};
use throughline::{SpanKind, exporters::ExportedSpan};

const SERVICES: [&str; 5] = ["gateway", "inventory", "orders", "payment", "shipping"];

/// The traces of a day in the shop, by their ids: what the services themselves say.
fn day() -> BTreeMap<String, Vec<Seen>> {
    let spans = format!("{}/shop.jsonl", setting("DIR"));
    let to = |server| format!("http://{}", setting(server));
    // Built by `run`, beside this test.
    let shop = env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("shop");
    let mut command = Command::new(shop);
    command.args(["--otlp", &to("COLLECTOR_OTLP_HTTP"), "--otlp-grpc", &to("JAEGER_OTLP_GRPC")]);
    let shop = command.args(["--zipkin", &to("ZIPKIN_HTTP"), "--json", &spans]).output().unwrap();
    assert!(shop.status.success() && shop.stderr.is_empty(), "{}", str::from_utf8(&shop.stderr).unwrap());

    let mut traces = BTreeMap::<_, Vec<_>>::new();
    for line in fs::read_to_string(&spans).unwrap().lines() {
        let record: ExportedSpan = serde_json::from_str(line).unwrap();
        let seen = Seen::record(&record.resource, &record.span);
        traces.entry(seen.trace_id.clone()).or_default().push(seen);
    }
    fs::remove_file(spans).unwrap();
    traces.into_iter().map(|(id, spans)| (id, sorted(spans))).collect()
}

#[tokio::test]
async fn a_day_in_the_shop_is_told_alike_by_all_servers() {
    let traces = day();
    // Three orders and two invoices, one of them not read to its end.
    assert_eq!(traces.len(), 5, "{:?}", traces.keys());
    for (id, sent) in &traces {
        let in_collector = until(is_all(sent), async || collector::trace(id)).await;
        check(sent, &in_collector, "the Collector");
        let in_jaeger = until(is_all(sent), async || jaeger::trace(id).await).await;
        check(sent, &in_jaeger, "Jaeger");
        let in_zipkin = until(is_all(sent), async || zipkin::trace(id).await).await;
        let expected: Vec<_> = sent.iter().map(|span| ZipkinSpan::of(span).in_zipkin()).collect();
        assert_same(&in_zipkin, &expected, "Zipkin");
    }
    let longest = traces.values().map(Vec::len).max();
    assert_eq!(longest, Some(15), "an order with a slow shipment, tried twice");
    check_lists().await;
}

fn is_all<T>(sent: &[Seen]) -> impl Fn(&Vec<T>) -> bool {
    |seen| seen.len() >= sent.len()
}

/// The same spans, of which one has no parent, and one request id all the way down.
fn check(sent: &[Seen], seen: &[Seen], server: &str) {
    let seen = sorted(seen.to_vec());
    assert_same(&seen, sent, server);
    let ids: BTreeSet<_> = seen.iter().map(|span| &span.span_id).collect();
    let (roots, below): (Vec<_>, Vec<_>) = seen.iter().partition(|span| span.parent.is_none());
    assert_eq!(
        roots.iter().map(|root| (root.service(), root.kind)).collect::<Vec<_>>(),
        [("gateway", SpanKind::Server)]
    );
    assert!(below.iter().all(|span| ids.contains(span.parent.as_ref().unwrap())), "{seen:#?}");
    let requests: BTreeSet<_> = seen
        .iter()
        .filter(|span| span.kind == SpanKind::Server)
        .map(|span| span.text("request.id"))
        .collect();
    assert_eq!(requests.len(), 1, "{requests:?}");
    // Made where the trace began, of its id.
    let request = requests.first().unwrap().unwrap_or_default();
    assert_eq!(request.replace('-', ""), roots[0].trace_id);
}

/// The services, and who calls whom.
async fn check_lists() {
    let url = format!("http://{}/api/v3/services", setting("JAEGER_QUERY"));
    let services = ask(&url, &[]).await.unwrap();
    let services: BTreeSet<_> =
        services["services"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(SERVICES.iter().all(|name| services.contains(name)), "{services:?}");

    let zipkin = setting("ZIPKIN_HTTP");
    let services = ask(&format!("http://{zipkin}/api/v2/services"), &[]).await.unwrap();
    let services: BTreeSet<_> =
        services.as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert!(SERVICES.iter().all(|name| services.contains(name)), "{services:?}");

    // Of all time, in milliseconds.
    let end = i64::MAX / 1_000_000;
    let url = format!("http://{zipkin}/api/v2/dependencies?endTs={end}&lookback={end}");
    let calls = ask(&url, &[]).await.unwrap();
    let calls: BTreeSet<_> = calls
        .as_array()
        .unwrap()
        .iter()
        .map(|call| (call["parent"].as_str().unwrap(), call["child"].as_str().unwrap()))
        .collect();
    for call in
        [("gateway", "orders"), ("orders", "inventory"), ("orders", "payment"), ("orders", "shipping")]
    {
        assert!(calls.contains(&call), "{calls:?}");
    }
}
