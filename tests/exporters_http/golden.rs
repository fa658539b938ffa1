//! What is written, as files that a person can read: `tests/golden/{otlp,zipkin}_*.json`, indented. With
//! `UPDATE_GOLDEN` set they are written anew.

use crate::{
    server::{Seen, answer, answering, decision},
    support::{context, declined_order},
};
use std::{fs, path::Path, sync::Arc};
use throughline::{
    Batch, Outcome, Resource, SpanContext, SpanKind, SpanRecord, Status, TraceFlags,
    exporters::{OtlpEncoding, Zipkin},
};

fn assert_golden(name: &str, text: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let json: serde_json::Value = serde_json::from_slice(text).unwrap();
    let version = format!("{:?}", env!("CARGO_PKG_VERSION"));
    let text = serde_json::to_string_pretty(&json).unwrap().replace(&version, r#""VERSION""#) + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == golden, "{} differs; now it is:\n{text}", path.display());
}

fn zipkin_text(batch: &Batch) -> Vec<u8> {
    let (address, seen): (_, Seen) = answering(|_, _| answer(202, &[], b""));
    let zipkin = Zipkin::builder().environment(|_| None).endpoint(format!("http://{address}/"));
    assert_eq!(decision(&mut zipkin.build().unwrap(), batch), None);
    seen.requests().pop().unwrap().body
}

fn batch(service: &'static str, spans: Vec<SpanRecord>) -> Batch {
    let resource =
        Resource::new(service).with_attribute("service.version", "1.4.0").with_attribute("process.pid", 7);
    Batch::new(Arc::new(resource), spans)
}

fn order(service: &'static str) -> Batch {
    let spans = declined_order().into_iter().filter(|(known, _)| *known == service).map(|(_, span)| span);
    batch(service, spans.collect())
}

/// One span with everything that a span can have, and one with nothing.
fn extremes() -> Batch {
    const START: u64 = 1_795_273_445_123_456_789;
    let full = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 0xb7ad_6b71_6920_3331);
    let state = "vendor=7,other=x".parse().unwrap();
    let (one, other) =
        (context("0af7651916cd43dd8448eb211c80319c", 1), context("0af7651916cd43dd8448eb211c80319c", 2));
    let full = SpanRecord::new(&full.with_trace_state(state), "POST /orders", START, START + 1_234)
        .with_kind(SpanKind::Client)
        .with_parent("00f067aa0ba902b7".parse().unwrap(), true)
        .with_status(Status::error("declined \"twice\"\n"))
        .with_outcome(Outcome::Panicked)
        .with_attribute("bool", false)
        .with_attribute("int", -7)
        .with_attribute("float", 3.0)
        .with_attribute("huge", 1e300)
        .with_attribute("nan", f64::NAN)
        .with_attribute("text", "żółć\u{1b}")
        .with_attribute("bools", vec![true, false])
        .with_attribute("ints", vec![1_i64, -2])
        .with_attribute("floats", vec![0.5, f64::INFINITY])
        .with_attribute("texts", vec!["a", "b\"c"])
        .with_attribute("none", Vec::<i64>::new())
        .with_attribute("error", "said twice")
        .with_attribute("service.version", "1.5.0")
        .with_attribute("peer.service", "payment")
        .with_attribute("network.peer.address", "10.0.0.7")
        .with_attribute("network.peer.port", 8_080)
        .with_event("retry", START + 1_000, &[])
        .with_event(
            "exception",
            START + 999_999,
            &[("exception.type", "Declined".into()), ("attempt", 2.into())],
        )
        .with_link(&one, &[("reason", "batch".into())])
        .with_link(&other, &[]);
    let mut json = serde_json::to_value(&full).unwrap();
    for (key, count) in
        [("dropped_attributes_count", 1), ("dropped_events_count", 2), ("dropped_links_count", 3)]
    {
        json[key] = count.into();
    }
    let full = serde_json::from_value(json).unwrap();
    let empty = SpanContext::new(short_id(), "0000000000000003".parse().unwrap(), TraceFlags::DEBUG);
    let empty = SpanRecord::new(&empty, "", 0, 0)
        .with_parent("0000000000000003".parse().unwrap(), false)
        .with_attribute("error", false);
    let by_address = context("0199c1f0a3b27c1e8f3b6a5d4c3b2a19", 4);
    let by_address = SpanRecord::new(&by_address, "GET", START, START + 5_999)
        .with_kind(SpanKind::Server)
        .with_status(Status::Ok)
        .with_attribute("error", "still a failure to Zipkin")
        .with_attribute("network.peer.address", "fd00::7");
    batch("orders", vec![full, empty, by_address])
}

/// An id of 64 bits, from a tracer that has no longer ones.
fn short_id() -> throughline::TraceId {
    "000000000000000053995c3f42cd8ad8".parse().unwrap()
}

#[test]
fn otlp_writes_what_it_wrote() {
    assert_golden("otlp_payment.json", &OtlpEncoding::Json.encode(&order("payment")));
    assert_golden("otlp_extremes.json", &OtlpEncoding::Json.encode(&extremes()));
}

#[test]
fn zipkin_writes_what_it_wrote() {
    assert_golden("zipkin_payment.json", &zipkin_text(&order("payment")));
    assert_golden("zipkin_extremes.json", &zipkin_text(&extremes()));
}
