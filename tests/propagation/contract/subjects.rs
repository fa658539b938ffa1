//! The propagators that keep the contract, what each can carry, and contexts to carry.

use crate::PARENT;
use proptest::prelude::*;
use throughline::{
    Context, SpanContext, SpanId, TraceFlags, TraceId,
    context::Baggage,
    propagation::{
        B3, Composite, Datadog, GoogleCloud, Jaeger, OtTrace, Propagator, RequestIdHeader, TraceContext,
        W3cBaggage, XRay,
    },
};

pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) format: Box<dyn Propagator>,
    /// Good headers, all that the format reads; a key in a name is `k`.
    pub(super) valid: &'static [(&'static str, &'static str)],
    /// Those which, if they come twice, make the format refuse the span or the id.
    pub(super) once: &'static [&'static str],
    /// What is left of a context after it has been sent and received.
    pub(super) carries: fn(Context) -> Context,
}

pub(super) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

pub(super) fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            name: "tracecontext",
            format: Box::new(TraceContext::default()),
            valid: &[("traceparent", PARENT), ("tracestate", "a=1,b=2")],
            once: &["traceparent"],
            carries: |context| only_span(&context, |span| Some(span.clone()), W3C),
        },
        Subject {
            name: "baggage",
            format: Box::new(W3cBaggage),
            valid: &[("baggage", "tenant=caf%C3%A9;p=1,tier=gold")],
            once: &[],
            carries: |mut context| {
                (context.span, context.request_id) = (None, None);
                context
            },
        },
        Subject {
            name: "request id",
            format: Box::new(RequestIdHeader::default()),
            valid: &[("x-request-id", "order-7")],
            once: &["x-request-id"],
            carries: |mut context| {
                (context.span, context.baggage) = (None, Baggage::EMPTY);
                context
            },
        },
        Subject {
            name: "b3",
            format: Box::new(B3::single()),
            valid: &[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d-05e3ac9a4f6e3b90")],
            once: &["b3"],
            carries: |context| only_span(&context, stateless, B3_FLAGS),
        },
        Subject {
            name: "b3multi",
            format: Box::new(B3::multi()),
            valid: &[
                ("x-b3-traceid", TRACE),
                ("x-b3-spanid", "e457b5a2e4d86bd1"),
                ("x-b3-parentspanid", "05e3ac9a4f6e3b90"),
                ("x-b3-sampled", "1"),
            ],
            once: &[],
            carries: |context| only_span(&context, stateless, B3_FLAGS),
        },
        Subject {
            name: "jaeger",
            format: Box::new(Jaeger),
            valid: &[
                ("uber-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:3"),
                ("uberctx-k", "a+b%2C"),
            ],
            once: &["uber-trace-id"],
            carries: |context| with_baggage(&context, only_span(&context, stateless, JAEGER), |_| true),
        },
        Subject {
            name: "xray",
            format: Box::new(XRay),
            valid: &[(
                "x-amzn-trace-id",
                "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            )],
            once: &["x-amzn-trace-id"],
            carries: |context| only_span(&context, stateless, DEFERRED_TOO),
        },
        Subject {
            name: "gcp",
            format: Box::new(GoogleCloud),
            valid: &[("x-cloud-trace-context", "105445aa7843bc8bf206b12000100000/10;o=1")],
            once: &["x-cloud-trace-context"],
            carries: |context| only_span(&context, stateless, DEFERRED_TOO),
        },
        Subject {
            name: "datadog",
            format: Box::new(Datadog),
            valid: &[
                ("x-datadog-trace-id", "11803532876627986230"),
                ("x-datadog-parent-id", "67667974448284343"),
                ("x-datadog-sampling-priority", "2"),
                ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=4bf92f3577b34da6"),
            ],
            once: &["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority"],
            carries: |context| {
                only_span(&context, |span| lower_half(span).and(stateless(span)), DEFERRED_TOO)
            },
        },
        Subject {
            name: "ottrace",
            format: Box::new(OtTrace),
            valid: &[
                ("ot-tracer-traceid", "a3ce929d0e0e4736"),
                ("ot-tracer-spanid", "f"),
                ("ot-tracer-sampled", "true"),
                ("ot-baggage-k", "a+b%2C"),
            ],
            once: &["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"],
            carries: |context| {
                let span = only_span(&context, lower_half, DEFERRED_TOO);
                with_baggage(&context, span, |value| {
                    value.trim_matches([' ', '\t']) == value
                        && !value.contains(|char: char| char.is_ascii_control() && char != '\t')
                })
            },
        },
        Subject {
            name: "several",
            format: Box::new(Composite::default().with(B3::single()).with(RequestIdHeader::default())),
            valid: &[("traceparent", PARENT), ("baggage", "k=v"), ("x-request-id", "order-7")],
            once: &[],
            carries: |mut context| {
                context.span = only_span(&context, |span| Some(span.clone()), W3C).span;
                context
            },
        },
    ]
}

/// The flags that a format has a spelling for, of those that any has.
type Flags = fn(TraceFlags) -> TraceFlags;
const W3C: Flags = |flags| TraceFlags::from_bits(flags.bits());
const DEFERRED_TOO: Flags = |flags| match flags {
    flags if flags.is_deferred() => TraceFlags::DEFERRED,
    flags => TraceFlags::default().with_sampled(flags.is_sampled()),
};
const JAEGER: Flags = |flags| match flags {
    flags if flags.is_debug() => TraceFlags::DEBUG,
    flags => TraceFlags::default().with_sampled(flags.is_sampled()),
};
const B3_FLAGS: Flags = |flags| if flags.is_debug() { TraceFlags::DEBUG } else { DEFERRED_TOO(flags) };

fn only_span(context: &Context, ids: impl Fn(&SpanContext) -> Option<SpanContext>, flags: Flags) -> Context {
    let mut carried = Context::default();
    carried.span = context.span.as_ref().and_then(ids).map(|span| {
        let kept = flags(span.flags());
        span.with_flags(kept).with_remote(true)
    });
    carried
}

fn stateless(span: &SpanContext) -> Option<SpanContext> {
    Some(SpanContext::new(span.trace_id(), span.span_id(), span.flags()))
}

fn lower_half(span: &SpanContext) -> Option<SpanContext> {
    let trace = TraceId::from_u128(u128::from(span.trace_id().as_u128() as u64))?;
    Some(SpanContext::new(trace, span.span_id(), span.flags()))
}

/// Entries in lowercase, without properties, of the values that arrive.
fn with_baggage(context: &Context, mut carried: Context, arrives: impl Fn(&str) -> bool) -> Context {
    for entry in context.baggage.iter().filter(|entry| arrives(entry.value())) {
        carried.baggage.insert(&entry.key().to_ascii_lowercase(), entry.value()).unwrap();
    }
    carried
}

pub(super) fn contexts() -> impl Strategy<Value = Context> {
    let flags = prop_oneof![
        (0..4_u8).prop_map(TraceFlags::from_bits),
        Just(TraceFlags::DEBUG),
        Just(TraceFlags::DEFERRED),
        Just(TraceFlags::from_bits(3).with_debug(true)),
    ];
    let trace = prop_oneof![
        1..=u128::MAX,
        (1..=u64::MAX).prop_map(u128::from),
        (1..=u64::MAX).prop_map(|upper| u128::from(upper) << 64)
    ];
    let state = prop_oneof![Just(""), Just("a=1"), Just("dd=s:1,congo=t61rcWkgMzE")];
    let span =
        (trace, 1..=u64::MAX, flags, state, any::<bool>()).prop_map(|(trace, span, flags, state, remote)| {
            let ids = (TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap());
            SpanContext::new(ids.0, ids.1, flags).with_remote(remote).with_trace_state(state.parse().unwrap())
        });
    let value = prop_oneof![any::<String>(), "[ -~]{0,20}", "[a-z+% ,;\u{e9}\t]{0,20}"];
    let baggage = prop::collection::btree_map("[a-z0-9!#$%&'*+.^_`|~-]{1,10}", value, 0..6);
    let request_id = prop::option::of("[A-Za-z0-9._~+/=:@-]{1,128}");
    (prop::option::of(span), request_id, baggage).prop_map(|(span, request_id, baggage)| {
        let mut context = Context::default();
        context.span = span;
        context.request_id = request_id.map(|id| id.parse().unwrap());
        for (key, value) in baggage {
            context.baggage.insert(&key, &value).unwrap();
        }
        context
    })
}
