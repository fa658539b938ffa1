//! Spans for the tests of the files beside it.

use crate::{
    context::{SpanContext, TraceFlags},
    ids::{SpanId, TraceId},
    record::{Outcome, Resource, SpanKind, SpanRecord, Status, Weight},
    value::Value,
};
use proptest::{collection::vec, prelude::*, sample::select};

pub(super) fn resource() -> Resource {
    Resource::new("orders").with_attribute("service.version", "1.4.0").with_attribute("process.pid", 7)
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let bits = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        bits.clone().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        vec(any::<bool>(), 0..4).prop_map(Value::from),
        vec(any::<i64>(), 0..4).prop_map(Value::from),
        vec(bits, 0..4).prop_map(Value::from),
        vec(".{0,5}", 0..4).prop_map(Value::from),
    ]
}

fn context() -> impl Strategy<Value = SpanContext> {
    let state = select(vec!["", "a=1", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"]);
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>(), state).prop_map(|(trace, span, flags, state)| {
        let (trace, span) = (TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap());
        SpanContext::new(trace, span, TraceFlags::from_bits(flags)).with_trace_state(state.parse().unwrap())
    })
}

fn plain_span() -> impl Strategy<Value = SpanRecord> {
    let kinds =
        vec![SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let outcomes = vec![Outcome::Completed, Outcome::Cancelled, Outcome::Panicked];
    let parent = proptest::option::of((1..=u64::MAX, any::<bool>()));
    let weight = (select(vec![1.0, 2.0, 1e30]), any::<bool>());
    (context(), ".{0,30}", any::<[u64; 2]>(), select(kinds), select(outcomes), parent, weight).prop_map(
        |(context, name, [start, end], kind, outcome, parent, (count, is_recorded_anyway))| {
            let mut span = SpanRecord::new(&context, name, start, end).with_kind(kind).with_outcome(outcome);
            let weight = Weight::new(count);
            span.weight = if is_recorded_anyway { weight.recorded_anyway() } else { weight };
            match parent {
                Some((parent, is_remote)) => span.with_parent(SpanId::from_u64(parent).unwrap(), is_remote),
                None => span,
            }
        },
    )
}

pub(super) fn span() -> impl Strategy<Value = SpanRecord> {
    let statuses = prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        Just(Status::error("")),
        ".{0,20}".prop_map(Status::error),
    ];
    let attributes = || vec((select(vec!["a", "http.route", "ключ", ""]), value()), 0..4);
    let events = vec((".{0,10}", any::<u64>(), attributes()), 0..3);
    let links = vec((context(), attributes()), 0..3);
    let dropped = any::<[u32; 3]>();
    (plain_span(), proptest::option::of((statuses, attributes(), events, links, dropped))).prop_map(
        |(mut span, details)| {
            let Some((status, attributes, events, links, dropped)) = details else {
                return span;
            };
            span = span.with_status(status);
            for (key, value) in attributes {
                span = span.with_attribute(key, value);
            }
            for (name, time, attributes) in events {
                span = span.with_event(name, time, &attributes);
            }
            for (context, attributes) in links {
                span = span.with_link(&context, &attributes);
            }
            let details = span.details_mut();
            [details.dropped_attributes, details.dropped_events, details.dropped_links] = dropped;
            span
        },
    )
}

/// A span that says a little of everything.
pub(super) fn usual_span(number: u64) -> SpanRecord {
    let context = SpanContext::new(
        TraceId::from_u128(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c).unwrap(),
        SpanId::from_u64(number + 1).unwrap(),
        TraceFlags::SAMPLED,
    );
    SpanRecord::new(&context, "GET /orders/{id}", 1_795_273_445_123_456_789, 1_795_273_445_423_456_789)
        .with_kind(SpanKind::Server)
        .with_attribute("http.response.status_code", 200)
        .with_attribute("order.id", format!("order {number}"))
        .with_event("reserved", 1_795_273_445_200_000_000, &[("item", "lamp".into())])
}
