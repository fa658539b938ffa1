//! From header to header by way of a tracer: what only some formats can say is not lost on the way.

use crate::{Headers, headers};
use std::time::Duration;
use throughline::{
    Context, SpanKind, Tracer,
    exporters::Memory,
    propagation::{B3, Composite, Jaeger, Propagator, TraceContext},
    sampling::{AlwaysOff, AlwaysOn, ParentBased, Sampler},
};

const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";

/// The endings of what is sent on as `b3`, `uber-trace-id` and `traceparent`, and the spans recorded.
fn sent_on(state: &str, sampler: impl Sampler + 'static) -> ([String; 3], usize) {
    let memory = Memory::new();
    let tracer = Tracer::builder("consumer").sampler(sampler).exporter(memory.clone()).build().unwrap();
    let mut context = Context::default();
    let received = headers(&[("b3", &format!("{TRACE}-e457b5a2e4d86bd1{state}"))]);
    B3::single().extract(&received, &mut context).unwrap();

    let span = tracer.span_builder("consume").remote(context).start();
    let child = span.handle().unwrap().child("call");
    let outgoing = child.handle().unwrap().outgoing();
    drop((child, span));

    let mut carrier = Headers::new();
    let formats = Composite::none().with(B3::single()).with(Jaeger).with(TraceContext::default());
    formats.inject(&outgoing, &mut carrier);
    let endings = [("b3", '-'), ("uber-trace-id", ':'), ("traceparent", '-')].map(|(name, separator)| {
        let (_, line) = carrier.iter().find(|(sent, _)| sent == name).unwrap();
        let line = String::from_utf8(line.clone()).unwrap();
        assert!(line.contains(TRACE), "{line}");
        line.rsplit(separator).next().unwrap().to_owned()
    });
    assert!(tracer.shutdown(Duration::from_secs(5)).is_complete());
    (endings, memory.spans().len())
}

#[test]
fn a_debug_flag_goes_on_to_every_service() {
    let debug = ["d", "3", "01"].map(str::to_owned);
    assert_eq!(sent_on("-d", ParentBased::new(AlwaysOff)), (debug, 2));
    // Where nothing is recorded, nothing is promised.
    assert_eq!(sent_on("-d", AlwaysOff), (["0", "0", "00"].map(str::to_owned), 0));
}

#[test]
fn a_decision_left_open_is_made_here() {
    let (yes, no) = (["1", "1", "01"].map(str::to_owned), ["0", "0", "00"].map(str::to_owned));
    assert_eq!(sent_on("", ParentBased::new(AlwaysOn)), (yes.clone(), 2));
    assert_eq!(sent_on("", ParentBased::new(AlwaysOff)), (no.clone(), 0));
    // One that was made is kept.
    assert_eq!(sent_on("-0", ParentBased::new(AlwaysOn)), (no, 0));
    assert_eq!(sent_on("-1", ParentBased::new(AlwaysOff)), (yes, 2));
}

/// A consumer of a batch belongs to no one of its messages: it begins a trace of its own, linked to each.
#[test]
fn a_consumer_that_goes_on_by_links_is_linked_to_each_carrier_s_span() {
    let memory = Memory::new();
    let tracer = Tracer::builder("consumer").exporter(memory.clone()).build().unwrap();
    let formats = Composite::default().extracting(B3::single());
    let messages = [
        headers(&[
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("tracestate", "congo=t61rcWkgMzE"),
        ]),
        headers(&[("b3", &format!("{TRACE}-e457b5a2e4d86bd1-0"))]),
        headers(&[("traceparent", "00-malformed")]),
        headers(&[]),
    ];
    let mut callers = Vec::new();
    let mut builder = tracer.span_builder("process").kind(SpanKind::Consumer);
    for message in &messages {
        let mut context = Context::default();
        let _refused = formats.extract(message, &mut context);
        if let Some(caller) = context.span {
            builder = builder.link(&caller, &[("messaging.message.id", (callers.len() as i64).into())]);
            callers.push(caller);
        }
    }
    builder.start().end();
    assert!(tracer.shutdown(Duration::from_secs(5)).is_complete());

    let span = &memory.spans()[0];
    assert!(span.is_local_root() && span.parent_span_id().is_none());
    assert_eq!(span.links().len(), 2, "what was malformed or missing is linked to nothing");
    for (number, (link, caller)) in span.links().zip(&callers).enumerate() {
        assert_eq!((link.trace_id(), link.span_id()), (caller.trace_id(), caller.span_id()));
        assert_eq!((link.flags(), link.trace_state()), (caller.flags(), caller.trace_state()));
        assert_eq!(link.attributes().next().unwrap().value, (number as i64).into());
        assert_ne!(span.trace_id(), caller.trace_id());
    }
    assert_eq!(callers[0].trace_state().get("congo"), Some("t61rcWkgMzE"));
    assert!(callers[0].is_sampled() && !callers[1].is_sampled());
}
