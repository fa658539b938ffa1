//! What a sampler's answer does to the trace.

use crate::support::{Seeded, caller, context, tracer};
use throughline::{
    Span, SpanRecord, TraceFlags, Value,
    analysis::Performance,
    sampling::{AlwaysOff, Ratio, SamplingDecision, SamplingParameters, SamplingResult},
};

#[test]
fn attributes_of_the_sampler_are_on_the_first_span_only() {
    let (tracer, memory) = tracer(|builder| {
        builder.sampler(|_: &SamplingParameters<'_>| {
            SamplingResult::from(SamplingDecision::RecordAndSample)
                .with_attribute("sampler", "mine")
                .with_attribute(String::from("share"), 0.5)
        })
    });
    let order = tracer.span_builder("order").attribute("tenant", "gold").start();
    order.in_scope(|| Span::new("step").end());
    drop(order);
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    let spans = memory.spans();
    let [step, order] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(step.attributes().len(), 0);
    assert_eq!(order.attribute("sampler"), Some(Value::from("mine")));
    assert_eq!(order.attribute("share"), Some(Value::from(0.5)));
    assert_eq!(order.attribute("tenant"), Some(Value::from("gold")));
}

#[test]
fn a_sampler_may_change_the_tracestate() {
    let (tracer, _) = tracer(|builder| {
        builder.sampler(|parameters: &SamplingParameters<'_>| {
            let mut state = parameters.parent.map(|parent| parent.trace_state().clone()).unwrap_or_default();
            state.insert("mine", "1").unwrap();
            SamplingResult::by_threshold(parameters, "8".parse().unwrap()).with_trace_state(state)
        })
    });
    let outgoing = |trace_id: &str| {
        let caller = caller(trace_id.parse().unwrap(), TraceFlags::SAMPLED, "congo=1,ot=th:c");
        let span = tracer.span_builder("order").remote(context(caller)).start();
        span.context().unwrap().trace_state().to_string()
    };
    assert_eq!(outgoing("4bf92f3577b34da6a3ffffffffffffff"), "ot=th:8,mine=1,congo=1");
    assert_eq!(outgoing("4bf92f3577b34da6a300000000000000"), "mine=1,congo=1", "not sampled");
}

#[test]
fn traces_that_are_left_out_are_counted() {
    let (tracer, memory) = tracer(|builder| builder.sampler(Ratio::new(0.5).unwrap()));
    for _ in 0..1_000 {
        tracer.span("order").in_scope(|| Span::new("step").end());
    }
    let stats = tracer.shutdown(crate::support::LONG).stats;
    assert_eq!(stats.sampled_out + memory.len() as u64 / 2, 1_000);
    assert_eq!((stats.ended, stats.sampled_out_spans), (memory.len() as u64, 0));
    crate::support::assert_balanced(&stats);
}

#[test]
fn performance_is_scaled_up() {
    let mut random = Seeded::new(17);
    let span = |random: &mut Seeded, millis: u64, count: f64| {
        let trace_id = random.trace_id();
        let context = caller(trace_id, TraceFlags::SAMPLED, "");
        SpanRecord::new(&context, "order", 0, millis * 1_000_000).with_adjusted_count(count)
    };
    // 90 fast ones of which 9 were kept, and 10 slow ones.
    let mut spans: Vec<_> = (0..9).map(|_| span(&mut random, 10, 10.0)).collect();
    spans.extend((0..10).map(|_| span(&mut random, 500, 1.0)));
    spans[0] = spans[0].clone().with_status(throughline::Status::error("no"));
    let performance = Performance::of(spans.iter().map(|span| ("orders", span)));
    let order = &performance.operations()[0];
    assert_eq!((order.spans, order.requests, order.errors), (19, 100, 10));
    assert_eq!(
        [order.p50, order.p95, order.p99, order.max].map(|time| time.as_millis()),
        [10, 500, 500, 500]
    );
    assert_eq!(order.total.as_millis(), 90 * 10 + 10 * 500);
}

#[test]
fn the_adjusted_count_survives_json() {
    let mut random = Seeded::new(19);
    let read = |text: &str| serde_json::from_str::<SpanRecord>(text).unwrap();
    for (trace_state, count) in [
        ("", None),
        ("ot=th:c", None),
        ("ot=th:fd70a", None),
        ("", Some(7.0)),
        ("ot=th:c", Some(1.0)),
        ("", Some(1e30)),
    ] {
        let context = caller(random.trace_id(), TraceFlags::SAMPLED, trace_state);
        let mut span = SpanRecord::new(&context, "order", 1, 2);
        if let Some(count) = count {
            span = span.with_adjusted_count(count);
        }
        let text = serde_json::to_string(&span).unwrap();
        assert_eq!(read(&text), span, "{text}");
        assert_eq!(text.contains("adjusted_count"), !trace_state.is_empty() || count.is_some(), "{text}");
    }
    let base = r#""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","name":"a","start_unix_nanos":1,"end_unix_nanos":2"#;
    // Written by others: the tracestate says it, and what makes no sense is 1.
    assert_eq!(read(&format!("{{{base},\"trace_state\":\"ot=th:8\"}}")).adjusted_count(), 2.0);
    for senseless in ["0", "-3", "0.5"] {
        assert_eq!(read(&format!("{{{base},\"adjusted_count\":{senseless}}}")).adjusted_count(), 1.0);
    }
}

#[test]
fn closures_of_every_form_are_samplers() {
    let sampled = |memory: throughline::exporters::Memory, tracer: throughline::Tracer| {
        tracer.span("order").end();
        assert!(tracer.shutdown(crate::support::LONG).is_complete());
        memory.len()
    };
    let (one, memory) = tracer(|builder| builder.sampler(|_: &SamplingParameters<'_>| true));
    assert_eq!(sampled(memory, one), 1);
    let (two, memory) =
        tracer(|builder| builder.sampler(|_: &SamplingParameters<'_>| SamplingDecision::Drop));
    assert_eq!(sampled(memory, two), 0);
    // Chosen while the process runs.
    let chosen: Box<dyn throughline::sampling::Sampler> = Box::new(AlwaysOff);
    let (three, memory) = tracer(|builder| {
        builder.sampler(move |parameters: &SamplingParameters<'_>| chosen.should_sample(parameters))
    });
    assert_eq!(sampled(memory, three), 0);
}

#[test]
fn a_caller_s_threshold_is_believed_if_it_is_true() {
    // The random bits of the trace are ce929d0e0e4736.
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let threshold = |flags: TraceFlags, trace_state: &str| {
        let caller = caller(trace_id, flags, trace_state);
        let parameters = SamplingParameters::new(trace_id, "order", throughline::SpanKind::Server);
        parameters.with_parent(&caller).parent_threshold().map(|threshold| threshold.to_string())
    };
    assert_eq!(threshold(TraceFlags::SAMPLED, "ot=th:c").as_deref(), Some("c"));
    assert_eq!(threshold(TraceFlags::SAMPLED, "ot=th:d"), None, "it would not have kept the trace");
    assert_eq!(threshold(TraceFlags::default(), "ot=th:c"), None, "it was not kept");
    assert_eq!(threshold(TraceFlags::SAMPLED, ""), None);
}

#[test]
fn what_is_recorded_only_stands_for_itself() {
    use throughline::sampling::tail::{TailRule, TailSampler};
    let (tracer, memory) = tracer(|builder| {
        let sampler = |_: &SamplingParameters<'_>| {
            SamplingResult::from(SamplingDecision::RecordOnly).with_adjusted_count(7.0)
        };
        builder.sampler(sampler).tail_sampler(TailSampler::new().rule(TailRule::all()))
    });
    let span = tracer.span("order");
    assert!(span.is_recording() && !span.context().unwrap().is_sampled());
    drop(span);
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    assert_eq!(memory.spans()[0].adjusted_count(), 1.0);
}
