//! How much a span may hold, and that what is left out is counted.

use proptest::prelude::*;
use throughline::{
    Span, SpanRecord, Status, Value,
    testing::{AssertSpan, TestTracer},
};

/// What is recorded of a span with the default limits.
fn recorded(record: impl FnOnce(&Span)) -> SpanRecord {
    let test = TestTracer::new();
    let span = test.span("order");
    record(&span);
    span.end();
    test.spans().remove(0)
}

fn text_of<'a>(span: &'a SpanRecord, key: &str) -> String {
    span.attribute(key).and_then(|value: Value<'a>| value.as_str().map(str::to_owned)).expect("a text")
}

#[test]
fn the_129th_key_is_left_out_and_counted() {
    let span = recorded(|span| {
        for number in 0..200 {
            span.set_attribute(format!("key {number}"), number);
        }
        // Known keys can still be set, and do not count again.
        span.set_attribute("key 5", "again").set_attribute("key 127", "again");
    });
    assert_eq!((span.attributes().len(), span.dropped_attributes()), (128, 72));
    span.assert_attribute("key 0", 0)
        .assert_attribute("key 5", "again")
        .assert_attribute("key 127", "again")
        .assert_no_attribute("key 128");
}

#[test]
fn one_key_a_thousand_times_crowds_nobody_out() {
    let span = recorded(|span| {
        for number in 0..1_000 {
            span.set_attribute("progress", number);
        }
        span.set_attribute("result", "done");
    });
    span.assert_attribute("progress", 999).assert_attribute("result", "done");
    assert_eq!((span.attributes().len(), span.dropped_attributes()), (2, 0));
}

#[test]
fn formatted_attributes_are_limited_alike() {
    let span = recorded(|span| {
        for number in 0..200 {
            span.set_attribute_fmt(format!("key {number}"), format_args!("{number}"));
        }
        span.set_attribute_fmt("key 5", format_args!("again"));
    });
    assert_eq!((span.attributes().len(), span.dropped_attributes()), (128, 72));
    span.assert_attribute("key 5", "again").assert_attribute("key 127", "127");
}

#[test]
fn the_129th_event_and_link_are_left_out_and_counted() {
    let target = recorded(|_| ());
    let target =
        throughline::SpanContext::new(target.trace_id(), target.span_id(), throughline::TraceFlags::SAMPLED);
    let span = recorded(|span| {
        for number in 0..130 {
            span.add_event("event", &[("number", number.into())]).add_link(&target, &[]);
        }
    });
    assert_eq!((span.events().len(), span.dropped_events()), (128, 2));
    assert_eq!((span.links().len(), span.dropped_links()), (128, 2));
    assert_eq!(span.events().last().unwrap().attribute("number"), Some(127.into()));
}

#[test]
fn an_event_s_attributes_are_limited_and_counted() {
    let attributes: Vec<_> = (0..130).map(|number| ("key", Value::from(number))).collect();
    let span = recorded(|span| {
        span.add_event("event", &attributes);
    });
    let event = span.events().next().unwrap();
    assert_eq!((event.attributes().len(), event.dropped_attributes), (128, 2));
}

#[test]
fn the_limits_can_be_set() {
    let test = TestTracer::with(|builder| builder.max_items(2, 1, 0).max_value_bytes(5).max_value_bytes(4));
    let span = test.span("order");
    span.set_attribute("a", "12345").set_attribute("b", 2).set_attribute("c", 3);
    span.add_event("one", &[("text", "67890".into())]).add_event("two", &[]);
    span.add_link(&span.context().unwrap(), &[]);
    span.end();
    let span = test.span_named("order");
    span.assert_attribute("a", "1234").assert_attribute("b", 2).assert_no_attribute("c");
    assert_eq!(span.events().next().unwrap().attribute("text"), Some("6789".into()));
    assert_eq!((span.dropped_attributes(), span.dropped_events(), span.dropped_links()), (1, 1, 1));
}

#[test]
fn so_can_those_of_names_and_of_the_whole_span() {
    let test = TestTracer::with(|builder| builder.max_name_bytes(5).max_span_bytes(100));
    let span = test.span("ordering");
    span.set_attribute("a key", "x".repeat(60))
        .set_attribute("b key is long", "y".repeat(60))
        .set_attribute("c", 1);
    span.add_event("an event", &[]);
    span.end();
    let span = test.spans().remove(0);
    assert_eq!(span.name(), "order");
    span.assert_attribute("a key", "x".repeat(60)).assert_no_attribute("b key").assert_attribute("c", 1);
    assert_eq!((span.dropped_attributes(), span.events().next().unwrap().name), (1, "an ev"));
}

#[test]
fn every_way_of_recording_takes_from_what_the_whole_span_may_hold() {
    let text = |bytes: usize| "x".repeat(bytes);
    let ways: [&dyn Fn(&Span); 8] = [
        &|span| _ = span.set_attribute("text", text(250)),
        &|span| _ = span.set_attribute("made", vec![text(100), text(100)]),
        &|span| _ = span.set_attribute(text(250), 1),
        &|span| _ = span.set_attribute_fmt("formatted", format_args!("{}", text(250))),
        &|span| _ = span.add_event("event", &[("text", text(250).into())]),
        &|span| _ = span.add_link(&span.context().unwrap(), &[("text", text(250).into())]),
        &|span| _ = span.set_status(Status::error(text(250))),
        &|span| span.in_scope(|| _ = Span::current().set_attribute("current", text(250))),
    ];
    for (number, way) in ways.iter().enumerate() {
        let test = TestTracer::with(|builder| builder.max_span_bytes(600));
        let span = test.span("order");
        for key in ["first", "second", "third"] {
            span.set_attribute(key, &*text(100));
        }
        // For the last of these there is memory, so that it is known from now on what is left.
        for key in ["fourth", "fifth", "sixth"] {
            span.set_attribute(key, "x");
        }
        way(&span);
        // There is memory for it, but it is too much.
        span.set_attribute("too much", &*text(90)).set_attribute("small", &*text(10));
        span.add_event("too much", &[("text", (&*text(90)).into())]);
        span.end();
        let span = test.spans().remove(0);
        span.assert_no_attribute("too much").assert_attribute("third", text(100));
        span.assert_attribute("small", text(10));
        assert_eq!(span.dropped_attributes(), 1, "way {number}");
        assert_eq!(span.events().last().unwrap().dropped_attributes, 1, "way {number}");
    }
}

#[test]
fn what_is_left_out_is_exported_as_opentelemetry_names_it() {
    let test = TestTracer::with(|builder| builder.max_items(1, 1, 1).max_item_attributes(1, 1));
    let span = test.span("order");
    let context = span.context().unwrap();
    for _ in 0..3 {
        span.add_event("event", &[("a", 1.into()), ("b", 2.into())]);
        span.add_link(&context, &[("a", 1.into()), ("b", 2.into()), ("c", 3.into())]);
    }
    span.set_attribute("a", 1).set_attribute("b", 2);
    span.end();
    let json = serde_json::to_value(&test.spans()[0]).unwrap();
    assert_eq!(json["dropped_attributes_count"], 1);
    assert_eq!(json["dropped_events_count"], 2);
    assert_eq!(json["dropped_links_count"], 2);
    assert_eq!(json["events"][0]["dropped_attributes_count"], 1);
    assert_eq!(json["links"][0]["dropped_attributes_count"], 2);
}

#[test]
fn texts_are_cut_at_16_kib_between_characters() {
    // Three bytes each: the 16,384th byte is amid one.
    let long = "€".repeat(10_000);
    let span = recorded(|span| {
        span.set_attribute("text", &long).set_attribute_fmt("formatted", format_args!("{long}"));
        span.add_event("event", &[("text", long.as_str().into())]);
        span.record_error_fmt("class", format_args!("{long}"));
    });
    let cut = "€".repeat(5_461);
    assert_eq!(cut.len(), 16_383);
    span.assert_attribute("text", &cut).assert_attribute("formatted", &cut);
    assert_eq!(span.events().next().unwrap().attribute("text"), Some(cut.as_str().into()));
    span.assert_status(&Status::error(cut));
}

#[test]
fn names_and_keys_and_descriptions_are_cut_as_well() {
    let long = "x".repeat(100_000);
    let span = recorded(|span| {
        span.set_name(long.clone());
        span.add_event(long.clone(), &[]);
        span.set_attribute(long.clone(), 1);
        span.set_status(Status::error(long.clone()));
    });
    assert_eq!(span.name().len(), 1_024);
    assert_eq!(span.events().next().unwrap().name.len(), 1_024);
    assert_eq!(span.attributes().next().unwrap().key.len(), 1_024);
    let Status::Error { description } = span.status() else { panic!("an error") };
    assert_eq!(description.len(), 16_384);

    let test = TestTracer::new();
    test.span(long.clone()).end();
    test.span_builder(long.clone()).root().start().end();
    assert!(test.spans().iter().all(|span| span.name().len() == 1_024));
}

type Record<'a> = &'a dyn Fn(&Span, String);

#[test]
fn a_span_holds_a_megabyte_at_most() {
    let text = "x".repeat(16_000);
    let texts: Vec<_> = (0..128).map(|_| ("text", text.as_str().into())).collect();
    let numbers: Vec<_> = (0..128).map(|number| ("number", number.into())).collect();
    let ways: [(&str, Record<'_>); 7] = [
        ("texts", &|span, key| _ = span.set_attribute(key, &text)),
        ("formatted", &|span, key| _ = span.set_attribute_fmt(key, format_args!("{text}"))),
        ("lists", &|span, key| _ = span.set_attribute(key, vec![7_i64; 2_000])),
        ("keys", &|span, key| _ = span.set_attribute(key + &text, 1)),
        ("texts of events", &|span, _| _ = span.add_event("event", &texts)),
        ("numbers of events", &|span, _| _ = span.add_event("event", &numbers)),
        ("errors", &|span, _| _ = span.record_error_fmt("class", format_args!("{text}"))),
    ];
    for (way, record) in ways {
        let test = TestTracer::with(|builder| builder.max_items(2_000, 2_000, 2_000));
        let span = test.span("order");
        for number in 0..2_000 {
            record(&span, format!("key {number} "));
        }
        span.end();
        let span = test.spans().remove(0);
        let size = span.size_bytes();
        assert!(size < 3 << 20, "{way}: {size} bytes");
        let in_events: u32 = span.events().map(|event| event.dropped_attributes).sum();
        let dropped = span.dropped_attributes() + span.dropped_events() + in_events;
        assert!(dropped > 0, "{way}: what is left out is counted");
    }
}

#[test]
fn a_long_lived_span_always_takes_the_latest() {
    let kilobyte = |number: usize| format!("{number:>1000}");
    let ways: [(&str, Record<'_>); 4] = [
        ("itself", &|span, text| _ = span.set_attribute("progress", text)),
        ("formatted", &|span, text| _ = span.set_attribute_fmt("progress", format_args!("{text}"))),
        ("a list", &|span, text| _ = span.set_attribute("progress", vec![text])),
        ("current", &|span, text| {
            span.in_scope(|| {
                _ = Span::current().set_attribute("progress", text).add_event("step", &[("n", 1.into())])
            });
        }),
    ];
    for (way, record) in ways {
        let span = recorded(|span| (0..5_000).for_each(|number| record(span, kilobyte(number))));
        let last = kilobyte(4_999);
        match way {
            "a list" => span.assert_attribute("progress", vec![last]),
            _ => span.assert_attribute("progress", last),
        };
        assert_eq!((span.attributes().len(), span.dropped_attributes()), (1, 0), "{way}");
        assert!(span.size_bytes() < 3 << 20, "{way}: {} bytes", span.size_bytes());
        if way == "current" {
            assert_eq!((span.events().len(), span.dropped_events()), (128, 4_872));
            assert!(span.events().all(|event| event.attribute("n") == Some(1.into())));
        }
    }
}

#[test]
fn the_size_of_a_span_counts_all_that_it_holds() {
    let text = || "x".repeat(10_000);
    let plain = recorded(|_| ()).size_bytes();
    let ways: [(&str, Record<'_>, usize); 6] = [
        ("text", &|span, text| _ = span.set_attribute("text", text), 10_000),
        ("list", &|span, text| _ = span.set_attribute("list", vec![text]), 10_000),
        ("status", &|span, text| _ = span.set_status(Status::error(text)), 10_000),
        ("key", &|span, text| _ = span.set_attribute(text, 1), 1_024),
        ("event", &|span, text| _ = span.add_event(text, &[]), 1_024),
        ("name", &|span, text| _ = span.set_name(text), 1_024),
    ];
    for (way, record, bytes) in ways {
        let size = recorded(|span| record(span, text())).size_bytes();
        assert!(size >= plain + bytes, "{way}: {size} bytes, {plain} without");
    }
}

#[test]
fn lists_are_cut_too() {
    let span = recorded(|span| {
        span.set_attribute("numbers", vec![7_i64; 10_000]);
        span.set_attribute("bools", vec![true; 100_000]);
        span.set_attribute("texts", vec!["x".repeat(10_000), "y".repeat(10_000), String::from("z")]);
    });
    let Some(Value::I64s(numbers)) = span.attribute("numbers") else { panic!("numbers") };
    assert_eq!(numbers.len(), 2_048);
    let Some(Value::Bools(bools)) = span.attribute("bools") else { panic!("bools") };
    assert_eq!(bools.len(), 16_384);
    let Some(Value::Strs(texts)) = span.attribute("texts") else { panic!("texts") };
    assert!(texts.iter().map(|text| text.len()).sum::<usize>() <= 16_384);
    assert_eq!(texts[0].len(), 10_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the text and the limit: the longest head that fits, cut between characters.
    #[test]
    fn any_text_is_cut_between_characters(text in ".{0,40}", limit in 0_usize..48) {
        let test = TestTracer::with(|builder| builder.max_value_bytes(limit));
        let span = test.span("order");
        span.set_attribute("text", &text).set_attribute_fmt("formatted", format_args!("{text}"));
        span.end();
        let span = test.span_named("order");
        for key in ["text", "formatted"] {
            let kept = text_of(&span, key);
            prop_assert!(text.starts_with(&kept) && kept.len() <= limit);
            let next = text[kept.len()..].chars().next();
            prop_assert!(next.is_none_or(|next| kept.len() + next.len_utf8() > limit), "not cut too early");
        }
    }

    /// The first 128 keys stay, whatever is set in what order and how often.
    #[test]
    fn attributes_are_a_bounded_map(sets in prop::collection::vec((0_u8..12, 0_i64..100), 0..60), limit in 0_usize..12) {
        let test = TestTracer::with(|builder| builder.max_items(limit, 1, 1));
        let span = test.span("order");
        let mut expected: Vec<(String, i64)> = Vec::new();
        let mut left_out = 0;
        for (key, value) in &sets {
            let key = format!("key {key}");
            span.set_attribute(key.clone(), *value);
            match expected.iter().position(|(known, _)| *known == key) {
                Some(place) => expected[place].1 = *value,
                None if expected.len() < limit => expected.push((key, *value)),
                None => left_out += 1,
            }
        }
        span.end();
        let span = test.span_named("order");
        let actual: Vec<_> = span.attributes().map(|known| (known.key.to_owned(), known.value.as_i64().unwrap())).collect();
        prop_assert_eq!(actual, expected);
        prop_assert_eq!(span.dropped_attributes(), left_out);
    }
}
