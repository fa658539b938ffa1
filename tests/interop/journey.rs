//! A trace of two services in which there is everything that a span can have.

use crate::{seen::Seen, servers::new_trace_id};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};
use throughline::{
    Context, Span, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, Tracer, Value,
    export::Exporter, exporters::Memory, semconv,
};

/// Records the trace and sends it with two exporters, one for each service; what was recorded.
pub fn sent<E: Exporter + 'static>(exporter: impl Fn() -> E) -> Vec<Seen> {
    let memory = Memory::new();
    let tracer = |service: &'static str| {
        let builder = Tracer::builder(service).environment(|_| None).exporter(memory.clone());
        let builder = builder
            .exporter(exporter())
            .resource_attribute("service.version", "1.2")
            .resource_attribute("deployment.zone", "żółw")
            .resource_attribute("deployment.slots", vec![1_i64, 2]);
        builder.max_items(26, 4, 3).max_item_attributes(5, 4).build().unwrap()
    };
    let (front, back) = (tracer("front"), tracer("back"));
    record(&front, &back);
    for tracer in [front, back] {
        let report = tracer.shutdown(Duration::from_secs(20));
        assert!(report.is_complete(), "{report}");
    }
    memory.records().iter().map(|record| Seen::record(&record.resource, &record.span)).collect()
}

fn record(front: &Tracer, back: &Tracer) {
    let request = front
        .span_builder("POST /orders/{id}")
        .kind(SpanKind::Server)
        .remote(caller())
        .attribute(semconv::HTTP_REQUEST_METHOD, "POST")
        .start();
    let id = request.request_id().unwrap().to_string();
    request.set_attribute(semconv::REQUEST_ID, &id);
    let parent = request.handle().unwrap();
    let below = |name: &'static str, kind| front.span_builder(name).kind(kind).parent(&parent).start();

    put_every_value(&below("values", SpanKind::Internal));
    put_events(&below("events", SpanKind::Internal));
    put_links(&below("links", SpanKind::Internal));
    put_too_much(&below("too much", SpanKind::Internal));
    put_statuses(&below("statuses", SpanKind::Internal));
    below("given up", SpanKind::Internal).cancel();
    let panics = below("panics", SpanKind::Internal);
    let _panic = catch_unwind(AssertUnwindSafe(|| {
        let _panics = panics.entered();
        resume_unwind(Box::new(()));
    }));
    below("send ORDER", SpanKind::Producer).set_attribute("service.peer.name", "Queue");
    below("receive ORDER", SpanKind::Consumer).set_attribute("peer.service", "Queue");

    let call = below("POST", SpanKind::Client);
    call.set_attribute(semconv::SERVICE_PEER_NAME, "back")
        .set_attribute(semconv::NETWORK_PEER_ADDRESS, "192.0.2.7")
        .set_attribute(semconv::NETWORK_PEER_PORT, 8080);
    let other = below("POST", SpanKind::Client);
    other.set_attribute(semconv::NETWORK_PEER_ADDRESS, "2001:db8::7");
    let answer =
        back.span_builder("POST /items").kind(SpanKind::Server).remote(call.handle().unwrap().outgoing());
    answer.start().set_attribute(semconv::REQUEST_ID, &id);
}

fn caller() -> Context {
    let mut caller = Context::default();
    let span = span_context(&new_trace_id(), 0x00f0_67aa_0ba9_02b7);
    caller.span = Some(span.with_trace_state("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7".parse().unwrap()));
    caller
}

/// Sampled, and its trace id is random.
fn span_context(trace: &str, span: u64) -> SpanContext {
    let trace: TraceId = trace.parse().unwrap();
    SpanContext::new(trace, SpanId::from_u64(span).unwrap(), TraceFlags::from_bits(3))
}

/// Each kind, at its ends.
fn put_every_value(span: &Span) {
    let numbers = [0.0, -0.0, 0.25, -1e300, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NEG_INFINITY];
    span.set_attribute("bool.yes", true).set_attribute("bool.no", false);
    span.set_attribute("i64.most", i64::MAX)
        .set_attribute("i64.least", i64::MIN)
        .set_attribute("i64.none", 0);
    span.set_attribute("f64.third", 1.0 / 3.0)
        .set_attribute("f64.whole", 7.0)
        .set_attribute("f64.most", f64::MAX);
    span.set_attribute("f64.infinite", f64::INFINITY).set_attribute("f64.negative", f64::NEG_INFINITY);
    span.set_attribute("f64.none", f64::NAN);
    span.set_attribute("text", "żółw \u{1f422} \"quoted\" \\ </script> \u{2028}|")
        .set_attribute("text.none", "");
    span.set_attribute("text.control", "\0\u{1}\t\r\n\u{1b}[31m\u{7f}");
    span.set_attribute("text.long", "0123456789abcdef".repeat(1 << 10));
    span.set_attribute("text.like.number", "12").set_attribute("text.like.list", "[1]");
    span.set_attribute("bools", vec![true, false]).set_attribute("i64s", vec![i64::MIN, 0, i64::MAX]);
    span.set_attribute("f64s", numbers.to_vec()).set_attribute("texts", vec!["", "a,b", "żółw"]);
    span.set_attribute("texts.none", Vec::<String>::new()).set_attribute("i64s.none", Vec::<i64>::new());
    span.set_attribute("klucz ż", "any text is a key");
}

fn put_events(span: &Span) {
    let values: [(_, Value<'_>); 5] = [
        ("text", "one\ntwo \"three\"".into()),
        ("count", 4711.into()),
        ("share", 0.25.into()),
        ("last", false.into()),
        ("options", vec!["go on", "stay"].into()),
    ];
    span.add_event("plain", &[]).add_event("with: values", &values).add_event("", &[("key", "".into())]);
    span.add_event("bars | are | no harm", &[("bar", "a|b|c|d".into())]);
}

fn put_links(span: &Span) {
    let values: [(_, Value<'_>); 4] =
        [("count", 4711.into()), ("last", true.into()), ("share", 0.25.into()), ("text", "|żółw|".into())];
    let other = span_context(&new_trace_id(), 7);
    span.add_link(&other, &[]).add_link(&other, &values);
    span.add_link(
        &other.with_trace_state("congo=a|b|c".parse().unwrap()),
        &[("list", vec![1_i64, 2].into())],
    );
}

/// More attributes, events and links than a span has room for, and more attributes than these have.
fn put_too_much(span: &Span) {
    const KEYS: [&str; 30] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t",
        "u", "v", "w", "x", "y", "z", "ä", "ö", "ü", "ß",
    ];
    let attributes: Vec<_> = KEYS.into_iter().map(|key| (key, Value::from(1))).collect();
    let other = span_context(&new_trace_id(), 7);
    for key in KEYS {
        span.set_attribute(key, 1).add_event("more", &attributes).add_link(&other, &attributes);
    }
}

fn put_statuses(span: &Span) {
    span.child("ok").set_status(Status::Ok);
    span.child("error").set_status(Status::error("card \"declined\" | żółw"));
    span.child("error of which nothing is known").set_status(Status::error(""));
}
