//! What holds for every propagator: each is a [`Subject`] of the same tests.

mod subjects;

use crate::{Headers, filled, headers};
use proptest::{prelude::*, sample::select, test_runner::TestCaseResult};
use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::ControlFlow::{self, Continue},
};
use subjects::{Subject, TRACE, contexts, subjects};
use throughline::{
    Context, SpanContext, SpanId, TraceFlags,
    context::{Baggage, MAX_HEADER_BYTES, MAX_HEADER_LINES, TraceState},
    propagation::{Getter, Propagator, Reason, Setter},
};

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
    fn nothing_is_touched_that_is_not_declared(context in contexts()) {
        each(|Subject { format, .. }| {
            let mut touched = Touched::default();
            format.inject(&context, &mut touched);
            for name in touched.0 {
                let has_a_key = name.starts_with("uberctx-") || name.starts_with("ot-baggage-");
                prop_assert!(has_a_key || format.fields().contains(&&*name), "{}", name);
            }
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

/// The names of the headers that were set or taken away.
#[derive(Default)]
struct Touched(BTreeSet<String>);

impl Setter for Touched {
    fn set(&mut self, name: &str, _: &[u8]) {
        self.0.insert(name.to_owned());
    }

    fn unset(&mut self, name: &str) {
        self.0.insert(name.to_owned());
    }
}

#[test]
fn what_is_declared_is_touched_and_named_once_in_lowercase() {
    for_each(|Subject { format, .. }| {
        // One flag or another, a tracestate, long ids: what any of the headers is for.
        let state: TraceState = "a=1".parse().unwrap();
        let span = SpanContext::new(TRACE.parse().unwrap(), SpanId::from_u64(1).unwrap(), TraceFlags::DEBUG);
        let mut context = filled();
        let mut touched = Touched::default();
        for flags in [TraceFlags::DEBUG, TraceFlags::SAMPLED] {
            context.span = Some(span.clone().with_flags(flags).with_trace_state(state.clone()));
            format.inject(&context, &mut touched);
        }
        let fields = format.fields();
        let declared: BTreeSet<String> = fields.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(declared.len(), fields.len());
        assert!(declared.is_subset(&touched.0), "{declared:?} {:?}", touched.0);
        assert!(declared.iter().all(|name| *name == name.to_lowercase()));
    });
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

/// A carrier whose every header has a million lines, all the same, and which counts those that are looked at.
struct Endless {
    line: &'static str,
    walked: Cell<usize>,
    asked: Cell<usize>,
}

impl Endless {
    fn walk<'a>(&'a self, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.asked.set(self.asked.get() + 1);
        (0..1_000_000).try_for_each(|_| {
            self.walked.set(self.walked.get() + 1);
            each(self.line.as_bytes())
        })
    }
}

impl Getter for Endless {
    fn lines<'a>(&'a self, _: &str, each: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.walk(each)
    }

    fn all_lines<'a>(
        &'a self,
        each: &mut dyn FnMut(&'a str, &'a [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.walk(&mut |line| each("other", line))
    }
}

#[test]
fn lines_without_end_are_not_walked_to_the_end() {
    for_each(|Subject { format, .. }| {
        for line in ["", " ", ",", ", ", "a=1", "0"] {
            let carrier = Endless { line, walked: Cell::new(0), asked: Cell::new(0) };
            let mut context = filled();
            let _refused = format.extract(&carrier, &mut context);
            assert_eq!(context, filled(), "a header of too many lines says nothing");
            // One more than may be there; of all headers' lines, more are looked at for keys in names.
            let most = carrier.asked.get() * (MAX_HEADER_LINES + 1) + 1_024;
            assert!(carrier.walked.get() <= most, "{line:?}: {} lines", carrier.walked.get());
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
