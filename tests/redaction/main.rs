//! What is taken out of spans before they are exported, and what is not.
#![cfg(all(
    feature = "client",
    feature = "otlp-grpc",
    feature = "server",
    feature = "spool",
    feature = "testing",
    feature = "zipkin"
))]

mod canary;
mod cost;
mod fields;
mod keys;
mod properties;
mod rules;
mod texts;
#[path = "../support/written.rs"]
mod written;

use throughline::{Span, SpanRecord, Value, redact::Redaction, testing::TestTracer};

/// What is exported of a span.
fn exported(redaction: Redaction, record: impl FnOnce(&Span)) -> SpanRecord {
    let test = TestTracer::with(|builder| builder.redaction(redaction));
    let span = test.span("span");
    record(&span);
    span.end();
    test.spans().remove(0)
}

/// What becomes of one attribute.
fn attribute<'v>(redaction: Redaction, key: &str, value: impl Into<Value<'v>>) -> Option<Value<'static>> {
    let span = exported(redaction, |span| {
        span.set_attribute(key.to_owned(), value);
    });
    span.attribute(key).map(Value::into_owned)
}
