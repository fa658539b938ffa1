//! From header to header by way of a tracer: what only some formats can say is not lost on the way.

use crate::{Headers, headers};
use std::time::Duration;
use throughline::{
    Context, Tracer,
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
