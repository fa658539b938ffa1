//! Records of any kind, for property tests.

use proptest::{collection::vec, prelude::*, sample::select};
use throughline::{Outcome, SpanContext, SpanId, SpanKind, SpanRecord, Status, TraceFlags, TraceId, Value};

/// Texts of any characters, and those that sinks trip over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        select(vec!["", "NaN", "\u{2028}\n\"\\", "\0", "\u{1b}[31m"]).prop_map(str::to_owned)
    ]
}

/// All numbers but NaN, which does not equal itself.
fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("a number", |number| !number.is_nan())
}

pub fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        number().prop_map(Value::from),
        select(vec![0.0, -0.0, 1.0, f64::INFINITY, f64::MIN_POSITIVE]).prop_map(Value::from),
        text().prop_map(Value::from),
        vec(any::<bool>(), 0..4).prop_map(Value::from),
        vec(any::<i64>(), 0..4).prop_map(Value::from),
        vec(number(), 0..4).prop_map(Value::from),
        vec(text(), 0..4).prop_map(Value::from),
    ]
}

fn span_context() -> impl Strategy<Value = SpanContext> {
    (1..u128::MAX, 1..u64::MAX, 0..4_u8, any::<bool>()).prop_map(|(trace, span, flags, has_state)| {
        let ids = (TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap());
        let context = SpanContext::new(ids.0, ids.1, TraceFlags::from_bits(flags));
        if has_state { context.with_trace_state("vendor=7,other=x".parse().unwrap()) } else { context }
    })
}

/// Up to three attributes under different keys, as events and links take them.
fn few_attributes() -> impl Strategy<Value = Vec<(&'static str, Value<'static>)>> {
    vec(value(), 0..4).prop_map(|values| ["a", "b.c", "é"].into_iter().zip(values).collect())
}

prop_compose! {
    pub fn record()(
        context in span_context(),
        name in text(),
        (start, end) in any::<(u64, u64)>(),
        parent in proptest::option::of((1..u64::MAX, any::<bool>())),
        kind in select(vec![SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]),
        outcome in select(vec![Outcome::Completed, Outcome::Cancelled, Outcome::Panicked]),
        status in prop_oneof![
            Just(None), Just(Some(Status::Unset)), Just(Some(Status::Ok)), text().prop_map(|text| Some(Status::error(text))),
        ],
        attributes in vec((text(), value()), 0..6),
        events in vec((text(), any::<u64>(), few_attributes()), 0..4),
        links in vec((span_context(), few_attributes()), 0..3),
    ) -> SpanRecord {
        let mut record = SpanRecord::new(&context, name, start, end).with_kind(kind).with_outcome(outcome);
        if let Some((parent, is_remote)) = parent {
            record = record.with_parent(SpanId::from_u64(parent).unwrap(), is_remote);
        }
        if let Some(status) = status {
            record = record.with_status(status);
        }
        for (key, value) in attributes {
            record = record.with_attribute(key, value);
        }
        for (name, time, attributes) in events {
            record = record.with_event(name, time, &attributes);
        }
        for (context, attributes) in links {
            record = record.with_link(&context, &attributes);
        }
        record
    }
}
