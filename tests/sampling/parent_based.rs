//! Following the caller: all five branches, what was left open, and what is for debugging.

use crate::support::{ask, ask_under, assert_binomial, caller, context, tracer};
use throughline::{
    SpanContext, TraceFlags, TraceId,
    sampling::{
        AlwaysOff, AlwaysOn, AlwaysRecord, ParentBased, Ratio, SamplingDecision, SamplingParameters,
        SamplingResult, Threshold,
    },
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn trace_id() -> TraceId {
    TRACE.parse().unwrap()
}

fn remote(flags: TraceFlags) -> SpanContext {
    caller(trace_id(), flags, "")
}

/// A sampler that signs what it says.
fn signed(name: &'static str) -> impl Fn(&SamplingParameters<'_>) -> SamplingResult + Send + Sync {
    move |_| SamplingResult::from(true).with_attribute("branch", name)
}

fn branch(caller: Option<SpanContext>) -> Option<String> {
    let sampler = ParentBased::new(signed("root"))
        .remote_sampled(signed("remote sampled"))
        .remote_not_sampled(signed("remote not sampled"))
        .local_sampled(signed("local sampled"))
        .local_not_sampled(signed("local not sampled"));
    let result = match caller {
        Some(caller) => ask_under(&sampler, &caller),
        None => ask(&sampler, trace_id()),
    };
    assert!(result.is_sampled());
    // The only way to see attributes is where they go.
    let (tracer, memory) =
        tracer(|builder| builder.sampler(move |_: &SamplingParameters<'_>| result.clone()));
    tracer.span("order").end();
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    memory.spans()[0].attribute("branch").map(|value| value.to_string())
}

#[test]
fn each_kind_of_caller_has_its_branch() {
    let (yes, no) = (TraceFlags::SAMPLED, TraceFlags::default());
    for (caller, expected) in [
        (None, Some("root")),
        (Some(remote(yes)), Some("remote sampled")),
        (Some(remote(no)), Some("remote not sampled")),
        (Some(remote(yes).with_remote(false)), Some("local sampled")),
        (Some(remote(no).with_remote(false)), Some("local not sampled")),
        (Some(remote(TraceFlags::DEFERRED)), Some("root")),
        (Some(remote(TraceFlags::DEFERRED).with_remote(false)), Some("root")),
        // For debugging is no way around whoever limits.
        (Some(remote(TraceFlags::DEBUG)), Some("remote sampled")),
        (Some(remote(TraceFlags::DEBUG).with_remote(false)), Some("local sampled")),
    ] {
        assert_eq!(branch(caller.clone()).as_deref(), expected, "{caller:?}");
    }
}

#[test]
fn by_default_it_is_as_the_caller_says() {
    let (on, off) = (ParentBased::new(AlwaysOn), ParentBased::new(AlwaysOff));
    for is_remote in [true, false] {
        for (flags, with_on, with_off) in [
            (TraceFlags::SAMPLED, true, true),
            (TraceFlags::default(), false, false),
            (TraceFlags::DEFERRED, true, false),
            (TraceFlags::DEBUG, true, true),
        ] {
            let caller = remote(flags).with_remote(is_remote);
            let sampled = [ask_under(&on, &caller), ask_under(&off, &caller)].map(|it| it.is_sampled());
            assert_eq!(sampled, [with_on, with_off], "{flags:?} {is_remote}");
        }
    }
}

/// The whole way: what a span of another tracer in this process is, and what came with a request.
#[test]
fn the_engine_tells_remote_from_local() {
    let (sampled, _) = tracer(|builder| builder.sampler(AlwaysOn));
    let (unsampled, _) = tracer(|builder| builder.sampler(AlwaysOff));
    let (tested, memory) = tracer(|builder| {
        let sampler = ParentBased::new(AlwaysOff)
            .remote_sampled(signed("remote sampled"))
            .remote_not_sampled(signed("remote not sampled"))
            .local_sampled(signed("local sampled"))
            .local_not_sampled(signed("local not sampled"));
        builder.sampler(sampler)
    });
    for other in [&sampled, &unsampled] {
        let parent = other.span("parent");
        tested.span_builder("local").parent(&parent.handle().unwrap()).start().end();
        let received = parent.context().unwrap().with_remote(false);
        tested.span_builder("remote").remote(context(received)).start().end();
    }
    assert!(tested.shutdown(crate::support::LONG).is_complete());
    let branches: Vec<_> =
        memory.spans().iter().map(|span| span.attribute("branch").unwrap().to_string()).collect();
    let expected = ["local sampled", "remote sampled", "local not sampled", "remote not sampled"];
    assert_eq!(branches, expected);
}

#[test]
fn the_caller_s_threshold_goes_on_if_it_is_true() {
    // The trace's random bits are ce929d0e0e4736.
    let outgoing = |sampler: ParentBased<AlwaysOff>, flags: TraceFlags, trace_state: &str| {
        let (tracer, memory) = tracer(|builder| builder.sampler(sampler));
        let caller = caller(trace_id(), flags, trace_state);
        let span = tracer.span_builder("order").remote(context(caller)).start();
        let outgoing = span.context().unwrap().trace_state().to_string();
        drop(span);
        assert!(tracer.shutdown(crate::support::LONG).is_complete());
        (outgoing, memory.spans().first().map(|span| span.adjusted_count()))
    };
    let (follow, sampled) = (|| ParentBased::new(AlwaysOff), TraceFlags::SAMPLED);
    let text = str::to_owned;
    assert_eq!(outgoing(follow(), sampled, "a=1,ot=th:c"), (text("a=1,ot=th:c"), Some(4.0)), "unchanged");
    assert_eq!(outgoing(follow(), sampled, "a=1,ot=th:d"), (text("a=1"), Some(1.0)), "not true");
    assert_eq!(outgoing(follow(), sampled, "ot=rv:d0000000000000;th:d").1, Some(f64::from(16.0 / 3.0_f32)));
    assert_eq!(outgoing(follow(), sampled, "a=1"), (text("a=1"), Some(1.0)));
    assert_eq!(outgoing(follow(), TraceFlags::default(), "a=1,ot=th:c"), (text("a=1"), None));
    // A ratio comes on top: the higher threshold counts.
    let on_top = |ratio| follow().remote_sampled(Ratio::new(ratio).unwrap());
    assert_eq!(outgoing(on_top(0.5), sampled, "ot=th:c"), (text("ot=th:c"), Some(4.0)));
    assert_eq!(outgoing(on_top(0.25), sampled, "ot=th:8"), (text("ot=th:c"), Some(4.0)));
    // Of one who claims no threshold it takes a share, and claims none either; nor of one who claims what is
    // not true.
    assert_eq!(outgoing(on_top(0.25), sampled, "a=1"), (text("a=1"), Some(4.0)));
    assert_eq!(outgoing(on_top(0.25), sampled, "a=1,ot=th:d"), (text("a=1"), Some(4.0)));
    assert_eq!(outgoing(on_top(1.0), sampled, "a=1"), (text("a=1"), Some(1.0)));
    assert_eq!(outgoing(on_top(0.125), sampled, "ot=th:8"), (String::new(), None));
    // For debugging it is here whatever the caller's threshold says; a share of that is a share.
    assert_eq!(outgoing(follow(), TraceFlags::DEBUG, "ot=th:c"), (text("ot=th:0"), Some(1.0)));
    assert_eq!(outgoing(on_top(0.5), TraceFlags::DEBUG, "ot=th:c"), (text("ot=th:8"), Some(2.0)));
}

#[test]
fn what_is_sampled_for_debugging_stays_so() {
    let flags = |sampler: ParentBased<AlwaysOff>| {
        let (tracer, _memory) = tracer(|builder| builder.sampler(sampler));
        let span = tracer.span_builder("order").remote(context(remote(TraceFlags::DEBUG))).start();
        span.context().unwrap().flags()
    };
    assert_eq!(flags(ParentBased::new(AlwaysOff)), TraceFlags::DEBUG);
    assert_eq!(flags(ParentBased::new(AlwaysOff).remote_sampled(AlwaysOn)), TraceFlags::DEBUG);
    let limited = flags(ParentBased::new(AlwaysOff).remote_sampled(AlwaysOff));
    assert_eq!(limited, TraceFlags::default(), "callees are not told to record it");
}

/// Callers that sample everything and say nothing of it, and a tenth of that here.
#[test]
fn a_share_of_callers_without_a_threshold_is_scaled_up() {
    let here = ParentBased::new(AlwaysOff).remote_sampled(Ratio::new(0.1).unwrap());
    let (caller_s, _) = tracer(|builder| builder.sampler(AlwaysOn));
    let (tracer, memory) = tracer(|builder| builder.sampler(here));
    const TRACES: u64 = 10_000;
    for _ in 0..TRACES {
        let caller = caller_s.span("call").context().unwrap();
        tracer.span_builder("order").remote(context(caller)).start().end();
    }
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    assert_binomial(memory.len() as u64, TRACES, 0.1);
    let estimate: f64 = memory.spans().iter().map(|span| span.adjusted_count()).sum();
    let expected = memory.len() as f64 * Threshold::from_probability(0.1).unwrap().adjusted_count();
    assert!((estimate - expected).abs() < 1e-6 * expected, "{estimate}, expected {expected}");
    assert!(memory.spans().iter().all(|span| span.trace_state().is_empty()));
}

#[test]
fn record_only_is_dropped_where_nobody_looks_at_it() {
    let sampler = ParentBased::new(AlwaysOn).remote_not_sampled(AlwaysRecord::new(AlwaysOff));
    let result = ask_under(&sampler, &remote(TraceFlags::default()));
    assert_eq!(result.decision(), SamplingDecision::RecordOnly);
    let (tracer, memory) = tracer(|builder| builder.sampler(sampler));
    let span = tracer.span_builder("order").remote(context(remote(TraceFlags::default()))).start();
    assert!(!span.is_recording());
    drop(span);
    let report = tracer.shutdown(crate::support::LONG);
    assert_eq!((report.stats.sampled_out, report.stats.ended, memory.len()), (1, 0, 0));
}
