//! Records for the tests: one order's way through five services.

use throughline::{Outcome, SpanContext, SpanId, SpanKind, SpanRecord, Status, TraceFlags, TraceId, Value};

/// 2026-11-21T15:04:05.123456789Z.
pub const START: u64 = 1_795_273_445_123_456_789;
pub const TRACE: &str = "0199c1f0a3b27c1e8f3b6a5d4c3b2a19";
pub const REQUEST: &str = "0199c1f0-a3b2-7c1e-8f3b-6a5d4c3b2a19";

pub fn context(trace: &str, span: u64) -> SpanContext {
    let trace: TraceId = trace.parse().unwrap();
    SpanContext::new(trace, SpanId::from_u64(span).unwrap(), TraceFlags::from_bits(3))
}

/// A span of the example trace; times in microseconds since its start.
pub fn span(id: u64, parent: u64, kind: SpanKind, name: &'static str, from: u64, to: u64) -> SpanRecord {
    let record =
        SpanRecord::new(&context(TRACE, id), name, START + from * 1_000, START + to * 1_000).with_kind(kind);
    match SpanId::from_u64(parent) {
        Some(parent) => record.with_parent(parent, kind == SpanKind::Server),
        None => record,
    }
}

fn http(record: SpanRecord, code: i64) -> SpanRecord {
    record.with_attribute("http.response.status_code", code)
}

fn failed(record: SpanRecord, error_type: &'static str) -> SpanRecord {
    record.with_attribute("error.type", error_type).with_status(Status::error(""))
}

fn exception(record: SpanRecord, at: u64, class: &'static str, message: &str) -> SpanRecord {
    let attributes: [(_, Value<'_>); 2] =
        [("exception.type", class.into()), ("exception.message", message.into())];
    record.with_event("exception", START + at * 1_000, &attributes)
}

/// gateway → orders → inventory, shipping (a timeout, then a retry), payment (declined).
pub fn declined_order() -> Vec<(&'static str, SpanRecord)> {
    use SpanKind::{Client, Internal, Producer, Server};
    let to = |record: SpanRecord, peer: &'static str| record.with_attribute("service.peer.name", peer);
    vec![
        (
            "gateway",
            http(span(1, 0, Server, "POST /orders", 0, 412_900), 402).with_attribute("request.id", REQUEST),
        ),
        ("gateway", span(2, 1, Internal, "authenticate", 310, 1_950)),
        ("gateway", failed(to(http(span(3, 1, Client, "POST", 2_200, 412_100), 402), "orders"), "402")),
        ("orders", http(span(4, 3, Server, "POST /orders", 3_000, 411_400), 402)),
        ("orders", span(5, 4, Internal, "load cart", 3_300, 9_870)),
        ("orders", to(http(span(6, 4, Client, "POST", 10_100, 52_700), 200), "inventory")),
        ("inventory", http(span(7, 6, Server, "POST /reservations", 11_000, 51_900), 200)),
        ("inventory", span(8, 7, Internal, "SELECT stock", 12_300, 31_200)),
        ("inventory", span(9, 7, Internal, "UPDATE stock", 33_400, 50_800)),
        ("orders", failed(to(span(10, 4, Client, "GET", 53_000, 153_200), "shipping"), "timeout")),
        (
            "shipping",
            span(11, 10, Server, "GET /quotes/{zone}", 54_100, 153_900).with_outcome(Outcome::Cancelled),
        ),
        (
            "orders",
            to(http(span(12, 4, Client, "GET", 175_000, 201_300), 200), "shipping")
                .with_attribute("http.request.resend_count", 1),
        ),
        ("shipping", http(span(13, 12, Server, "GET /quotes/{zone}", 175_900, 200_800), 200)),
        ("orders", failed(to(http(span(14, 4, Client, "POST", 202_000, 409_800), 402), "payment"), "402")),
        (
            "payment",
            exception(
                http(span(15, 14, Server, "POST /charge", 202_900, 409_100), 402),
                408_700,
                "CardDeclined",
                "insufficient funds on the card ending 4242",
            ),
        ),
        (
            "payment",
            failed(
                span(16, 15, Client, "acme.Bank/Authorize", 204_000, 408_500)
                    .with_attribute("rpc.system.name", "grpc")
                    .with_attribute("server.address", "bank.example")
                    .with_attribute("rpc.response.status_code", "FAILED_PRECONDITION"),
                "FAILED_PRECONDITION",
            ),
        ),
        ("orders", span(17, 4, Producer, "order-events send", 410_000, 410_600)),
    ]
}
