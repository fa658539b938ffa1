//! What holds for every propagator: each is a [`Subject`] of the same tests.

use crate::{Headers, PARENT, filled, headers};
use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};
use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow::{self, Continue},
};
use throughline::{
    Context, SpanContext, SpanId, TraceFlags, TraceId,
    context::{Baggage, MAX_HEADER_BYTES},
    propagation::{
        B3, Composite, Datadog, Getter, GoogleCloud, Jaeger, OtTrace, Propagator, Reason, RequestIdHeader,
        TraceContext, W3cBaggage, XRay,
    },
};

struct Subject {
    name: &'static str,
    format: Box<dyn Propagator>,
    /// Good headers, each of which the format reads. One is first; no other may be there twice if `once`
    /// says so.
    valid: &'static [(&'static str, &'static str)],
    /// Which of them are refused if they come twice, for the format to say nothing.
    once: &'static [&'static str],
    /// What is left of a context after it has been sent and received.
    carries: fn(Context) -> Context,
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn subjects() -> Vec<Subject> {
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

fn contexts() -> impl Strategy<Value = Context> {
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

fn received(format: &dyn Propagator, carrier: &dyn Getter) -> Context {
    let mut context = Context::default();
    assert_eq!(format.extract(carrier, &mut context), Ok(()));
    context
}

/// Of lists that are in another order or not there.
fn sorted(context: &Context) -> (Option<SpanContext>, Option<String>, BTreeMap<String, String>) {
    let entries = context.baggage.iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned()));
    (context.span.clone(), context.request_id.as_ref().map(ToString::to_string), entries.collect())
}

/// For each subject, with its name where it fails.
fn each(test: impl Fn(&Subject) -> TestCaseResult) -> TestCaseResult {
    subjects().iter().try_for_each(|subject| {
        test(subject).map_err(|error| TestCaseError::fail(format!("{}: {error}", subject.name)))
    })
}

proptest! {
    #[test]
    fn what_is_injected_is_extracted(context in contexts()) {
        each(|Subject { format, carries, .. }| {
            let expected = carries(context.clone());
            let mut carrier = Headers::new();
            format.inject(&context, &mut carrier);
            prop_assert_eq!(received(format, &carrier), expected.clone());

            // By way of maps, which do not keep the order.
            let mut map = HashMap::<String, String>::new();
            format.inject(&context, &mut map);
            prop_assert_eq!(sorted(&received(format, &map)), sorted(&expected));
            let mut map = BTreeMap::<String, String>::new();
            format.inject(&context, &mut map);
            prop_assert_eq!(sorted(&received(format, &map)), sorted(&expected));

            // Sent on by a hop that understood it.
            let mut again = Headers::new();
            format.inject(&expected, &mut again);
            prop_assert_eq!(received(format, &again), expected);
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_left_of_another_span(first in contexts(), second in contexts()) {
        each(|Subject { format, carries, .. }| {
            // Headers of baggage cannot be found again, and what is not there is left alone.
            let (mut first, mut second) = (first.clone(), second.clone());
            first.baggage = Baggage::EMPTY;
            second.baggage = Baggage::EMPTY;
            let mut used = Headers::new();
            format.inject(&first, &mut used);
            format.inject(&second, &mut used);
            let expected = carries(second);
            if expected.span.is_some() {
                prop_assert_eq!(received(format, &used).span, expected.span);
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_do_no_harm(line in bytes(200), second in prop::option::of(bytes(50)), valid: bool) {
        each(|Subject { format, valid: good, .. }| {
            for (name, _) in *good {
                let mut carrier = if valid { headers(good) } else { Headers::new() };
                carrier.retain(|(other, _)| other != name);
                carrier.push(((*name).to_owned(), line.clone()));
                carrier.extend(second.clone().map(|line| ((*name).to_owned(), line)));
                check_any(&**format, &carrier)?;
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_but_a_byte_changed_does_no_harm(header in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte: u8) {
        each(|Subject { format, valid, .. }| {
            let mut carrier = headers(valid);
            let header = header.index(carrier.len());
            let line = &mut carrier[header].1;
            let place = place.index(line.len());
            line[place] = byte;
            check_any(&**format, &carrier)
        })?;
    }
}

/// Bytes that have a meaning somewhere, more often than others.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => select(&b",;:=%-/ \t01aAfFdko+"[..]), 1 => any::<u8>()];
    let words =
        ["Root=1-", "Parent=", "Sampled=", ";o=", "%3A", "_dd.p.tid=", "-1", "0000000000000001", TRACE];
    let word = select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let part = prop_oneof![byte.prop_map(|byte| vec![byte]), word];
    prop::collection::vec(part, 0..most / 4).prop_map(|parts| parts.concat())
}

/// Each part is as it was or was read; what was read can be sent, and is read the same again.
fn check_any(format: &dyn Propagator, carrier: &Headers) -> TestCaseResult {
    let mut alone = Context::default();
    let outcome = format.extract(carrier, &mut alone);
    let mut context = filled();
    prop_assert_eq!(format.extract(carrier, &mut context), outcome);
    let Context { span, request_id, baggage, .. } = alone.clone();
    prop_assert_eq!(&context.span, &span.or(filled().span));
    prop_assert_eq!(&context.request_id, &request_id.or(filled().request_id));
    prop_assert_eq!(&context.baggage, if baggage.is_empty() { &filled().baggage } else { &baggage });

    let mut sent = Headers::new();
    format.inject(&alone, &mut sent);
    let once = received(format, &sent);
    let mut sent_again = Headers::new();
    format.inject(&once, &mut sent_again);
    prop_assert_eq!(sent_again, sent);
    Ok(())
}

fn for_each(test: impl Fn(&Subject)) {
    for subject in subjects() {
        println!("{}", subject.name);
        test(&subject);
    }
}

#[test]
fn what_is_valid_is_read_whatever_the_case_of_its_name() {
    for_each(|Subject { format, valid, .. }| {
        let context = received(format, &headers(valid));
        assert_ne!(context, Context::default());
        let upper: Headers =
            headers(valid).into_iter().map(|(name, line)| (upper_but_key(&name), line)).collect();
        assert_eq!(received(format, &upper), context);
    });
}

/// The key after a prefix stays.
fn upper_but_key(name: &str) -> String {
    match name.strip_suffix("-k") {
        Some(prefix) => prefix.to_uppercase() + "-k",
        None => name.to_uppercase(),
    }
}

#[test]
fn an_empty_context_sends_nothing() {
    for_each(|Subject { format, valid, .. }| {
        for stale in [headers(&[]), headers(valid)] {
            let mut carrier = stale.clone();
            format.inject(&Context::default(), &mut carrier);
            assert_eq!(carrier, stale);
        }
    });
}

#[test]
fn missing_headers_change_nothing() {
    for_each(|Subject { format, .. }| {
        for carrier in
            [headers(&[]), headers(&[("other", "1"), ("traceparen", "1"), ("b", "1"), ("uber", "1")])]
        {
            let mut context = filled();
            assert_eq!(format.extract(&carrier, &mut context), Ok(()));
            assert_eq!(context, filled());
        }
    });
}

#[test]
fn malformed_headers_change_nothing_and_are_not_repeated_in_words() {
    for_each(|Subject { format, valid, .. }| {
        for bad in ["canary canary", "\r\ncanary", "\u{e9}canary", "canary\0"] {
            let lines: Headers = headers(valid).into_iter().map(|(name, _)| (name, bad.into())).collect();
            let mut context = filled();
            let refused = format.extract(&lines, &mut context);
            // The plain values of `ot-baggage-*` and `uberctx-*` may be any text: they are not malformed.
            context.baggage.remove("k");
            if context.baggage.is_empty() {
                context.baggage = filled().baggage;
            }
            assert_eq!(context, filled(), "{bad:?}");
            let refused = refused.unwrap_err();
            assert!(
                valid.iter().any(|(name, _)| *name == refused.header() || refused.header().ends_with('*'))
            );
            let words = format!("{refused} {refused:?}");
            assert!(!words.contains("canary"), "{words}");
        }
    });
}

#[test]
fn two_lines_are_none_where_there_must_be_one() {
    for_each(|Subject { format, valid, once, .. }| {
        for name in *once {
            let mut lines = valid.to_vec();
            let (name, line) = *lines.iter().find(|(valid, _)| valid == name).unwrap();
            lines.push((name, line));
            let mut context = Context::default();
            let refused = format.extract(&headers(&lines), &mut context).unwrap_err();
            assert_eq!((refused.header(), refused.reason()), (name, Reason::Repeated));
            assert_eq!((context.span, context.request_id), (None, None));
        }
    });
}

#[test]
fn all_lines_together_are_capped() {
    for_each(|Subject { format, valid, .. }| {
        for (name, line) in *valid {
            // Good but for its length, in one line, and in lines that are short.
            let padded = format!("{line}{}", " ".repeat(MAX_HEADER_BYTES));
            let most =
                [("other", "1")].into_iter().chain(valid.iter().copied().filter(|(other, _)| other != name));
            let rest: Vec<(&str, &str)> = most.collect();
            let long = [&rest[..], &[(*name, &*padded)]].concat();
            let many = [rest, vec![(*name, &padded[..1_024]); 9]].concat();
            for lines in [long, many] {
                let mut context = filled();
                let refused = format.extract(&headers(&lines), &mut context);
                let refused = refused.expect_err(name);
                let is_named = refused.header() == *name || refused.header().ends_with('*');
                assert!(is_named, "{refused} for {name}");
                // Each part is as it was, or as it is without the header that is too long.
                let others: Vec<_> = lines.into_iter().filter(|(other, _)| other != name).collect();
                let mut without = filled();
                let _ = format.extract(&headers(&others), &mut without);
                for before in [filled(), without] {
                    context.span = context.span.filter(|span| Some(span) != before.span.as_ref());
                    context.request_id =
                        context.request_id.filter(|id| Some(id) != before.request_id.as_ref());
                    if context.baggage == before.baggage {
                        context.baggage = Baggage::EMPTY;
                    }
                }
                assert_eq!(context, Context::default(), "{name}");
            }
        }
    });
}

/// A carrier that goes on whether told to stop or not.
struct Deaf(Headers);

impl Getter for Deaf {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        for (_, line) in self.0.iter().filter(|(key, _)| key == name) {
            let _ = each(line);
        }
        Continue(())
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (name, line) in &self.0 {
            let _ = each(name, line);
        }
        Continue(())
    }
}

#[test]
fn a_carrier_that_does_not_stop_does_no_harm() {
    for_each(|Subject { format, valid, .. }| {
        for (name, line) in *valid {
            let long = "x".repeat(MAX_HEADER_BYTES + 1);
            for lines in
                [vec!["\0", line, line], vec![line, line, line], vec![&*long, line], vec![line; 2_000]]
            {
                let mut carrier = headers(valid);
                carrier.extend(lines.iter().map(|line| ((*name).to_owned(), line.as_bytes().to_vec())));
                let (mut deaf, mut polite) = (filled(), filled());
                let deaf_outcome = format.extract(&Deaf(carrier.clone()), &mut deaf);
                assert_eq!(deaf_outcome, format.extract(&carrier, &mut polite));
                assert_eq!(deaf, polite);
            }
        }
    });
}

/// A carrier that cannot list its names.
struct Unlisted(Headers);

impl Getter for Unlisted {
    fn lines<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.0.lines(name, each)
    }
}

#[test]
fn a_carrier_that_cannot_list_does_without_keys_in_names() {
    for_each(|Subject { format, valid, .. }| {
        let listed = received(format, &headers(valid));
        let unlisted = received(format, &Unlisted(headers(valid)));
        assert_eq!((unlisted.span, unlisted.request_id), (listed.span, listed.request_id));
        let has_keys_in_names = valid.iter().any(|(name, _)| name.ends_with("-k"));
        assert_eq!(unlisted.baggage.is_empty(), listed.baggage.is_empty() || has_keys_in_names);
    });
}
