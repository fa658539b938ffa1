//! What a span records.

use std::{borrow::Cow, fmt, time::Duration};
use throughline::{
    Span, SpanContext, SpanKind, Status, Value,
    testing::{AssertSpan, ManualClock, TestTracer},
};

#[test]
fn attributes_of_every_type() {
    let test = TestTracer::new();
    let text = String::from("owned");
    let span = test.span("order");
    span.set_attribute("bool", true)
        .set_attribute("i8", -8_i8)
        .set_attribute("u32", u32::MAX)
        .set_attribute("i64", i64::MIN)
        .set_attribute("u64 that fits", 7_u64)
        .set_attribute("u64 that does not", u64::MAX)
        .set_attribute("usize", 3_usize)
        .set_attribute("f32", 0.5_f32)
        .set_attribute("f64", f64::NAN)
        .set_attribute("&str", "borrowed")
        .set_attribute("&String", &text)
        .set_attribute("Cow", Cow::Borrowed("either"))
        .set_attribute("bools", vec![true, false])
        .set_attribute("i64s", &[1_i64, 2][..])
        .set_attribute("f64s", vec![0.25, f64::INFINITY])
        .set_attribute("texts", vec!["a", ""])
        .set_attribute("owned texts", vec![String::from("b")])
        .set_attribute("empty", "")
        .set_attribute(String::from("a key of one's own"), text.clone());
    span.end();
    let span = test.span_named("order");
    span.assert_attribute("bool", true)
        .assert_attribute("i8", -8)
        .assert_attribute("u32", i64::from(u32::MAX))
        .assert_attribute("i64", i64::MIN)
        .assert_attribute("u64 that fits", 7)
        .assert_attribute("u64 that does not", "18446744073709551615")
        .assert_attribute("usize", 3)
        .assert_attribute("f32", 0.5)
        .assert_attribute("f64", f64::NAN)
        .assert_attribute("&str", "borrowed")
        .assert_attribute("&String", "owned")
        .assert_attribute("Cow", "either")
        .assert_attribute("bools", vec![true, false])
        .assert_attribute("i64s", vec![1_i64, 2])
        .assert_attribute("f64s", vec![0.25, f64::INFINITY])
        .assert_attribute("texts", vec!["a", ""])
        .assert_attribute("owned texts", vec!["b"])
        .assert_attribute("empty", "")
        .assert_attribute("a key of one's own", "owned")
        .assert_no_attribute("never set");
    assert_eq!(span.attributes().len(), 19);
    assert_eq!(span.dropped_attributes(), 0);
}

#[test]
fn a_key_set_again_keeps_its_place_and_takes_the_value() {
    let test = TestTracer::new();
    let span = test.span("order");
    span.set_attribute("a", 1).set_attribute("b", 2).set_attribute("a", "three").set_attribute("c", 4);
    span.set_attribute_fmt("b", format_args!("{}", 5));
    span.end();
    let span = test.span_named("order");
    let attributes: Vec<_> = span.attributes().map(|attribute| (attribute.key, attribute.value)).collect();
    assert_eq!(attributes, [("a", Value::from("three")), ("b", "5".into()), ("c", 4.into())]);
}

#[test]
fn formatted_attributes_are_formatted_only_where_they_are_recorded() {
    struct Counted<'a>(&'a std::cell::Cell<u32>);
    impl fmt::Display for Counted<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.set(self.0.get() + 1);
            f.write_str("formatted")
        }
    }
    let calls = std::cell::Cell::new(0);
    Span::none().set_attribute_fmt("text", format_args!("{}", Counted(&calls)));
    let off = TestTracer::with(|builder| builder.sampler(throughline::sampling::AlwaysOff));
    off.span("off").set_attribute_fmt("text", format_args!("{}", Counted(&calls)));
    assert_eq!(calls.get(), 0);
    let test = TestTracer::new();
    test.span("on").set_attribute_fmt("text", format_args!("{}", Counted(&calls)));
    assert_eq!(calls.get(), 1);
    test.span_named("on").assert_attribute("text", "formatted");
}

#[test]
fn events_carry_their_time_and_attributes() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let span = test.span("order");
    clock.advance(Duration::from_millis(3));
    span.add_event("retry", &[("attempt", 2.into()), ("after", "timeout".into())]);
    clock.advance(Duration::from_millis(4));
    span.add_event(String::from("done"), &[]);
    span.end();
    let span = test.span_named("order");
    let events: Vec<_> = span.events().collect();
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].name, events[0].unix_nanos), ("retry", ManualClock::START + 3_000_000));
    assert_eq!(events[0].attribute("attempt"), Some(2.into()));
    assert_eq!(events[0].attribute("after"), Some("timeout".into()));
    assert_eq!((events[1].name, events[1].unix_nanos), ("done", ManualClock::START + 7_000_000));
    assert_eq!(events[1].attributes().len(), 0);
}

#[test]
fn links_point_anywhere() {
    let test = TestTracer::new();
    let (one, other) = (test.span("one").context().unwrap(), test.span("other").context().unwrap());
    let span = test.span_builder("batch").link(&one, &[("reason", "first".into())]).start();
    span.add_link(&other, &[]);
    span.end();
    let span = test.span_named("batch");
    span.assert_link(&one).assert_link(&other);
    let links: Vec<_> = span.links().collect();
    assert_eq!(links[0].attributes().next().unwrap().value, Value::from("first"));
    assert_eq!(links[1].attributes().len(), 0);
    assert_eq!(links[0].flags(), one.flags());
}

#[test]
fn the_builder_s_options_are_recorded() {
    let test = TestTracer::new();
    let mut builder = test.span_builder("order").kind(SpanKind::Consumer).attribute("a", 1);
    builder.set_attribute("b", String::from("two"));
    let span = builder.start();
    span.set_attribute("a", 3);
    span.end();
    test.span_named("order")
        .assert_kind(SpanKind::Consumer)
        .assert_attribute("a", 3)
        .assert_attribute("b", "two");
}

#[test]
fn the_sampler_sees_what_the_builder_was_given() {
    let test = TestTracer::with(|builder| {
        builder.sampler(|parameters: &throughline::sampling::SamplingParameters<'_>| {
            parameters.kind == SpanKind::Server
                && parameters.name != "health"
                && parameters.attributes.iter().any(|attribute| attribute.key == "url.path")
        })
    });
    let start = |name: &'static str, key: &'static str| {
        let builder = test.span_builder(name).kind(SpanKind::Server).attribute(key, "/");
        builder.start()
    };
    assert!(start("order", "url.path").is_recording());
    assert!(!start("health", "url.path").is_recording());
    assert!(!start("order", "url.query").is_recording());
    assert_eq!(test.spans().len(), 1);
    assert_eq!(test.stats().sampled_out, 2);
}

#[test]
fn a_span_that_is_not_recorded_still_has_an_identity() {
    let test = TestTracer::with(|builder| builder.sampler(throughline::sampling::AlwaysOff));
    let span = test.span("order");
    assert!(!span.is_recording());
    let context = span.context().unwrap();
    assert!(!context.is_sampled());
    span.set_attribute("a", 1).add_event("b", &[]).set_name("c").set_status(Status::Ok);
    span.in_scope(|| {
        let child = Span::new("child");
        assert!(!child.is_recording());
        assert_eq!(child.context().unwrap().trace_id(), context.trace_id());
    });
    span.end();
    assert!(test.spans().is_empty());
    let stats = test.stats();
    assert_eq!((stats.ended, stats.open, stats.sampled_out), (0, 0, 1));
}

#[test]
fn the_name_can_be_changed_late() {
    let test = TestTracer::new();
    let span = test.span("GET");
    span.set_name("GET /orders/{id}");
    span.set_name(format!("GET /orders/{{id}}/{}", "items"));
    span.end();
    assert_eq!(test.spans()[0].name(), "GET /orders/{id}/items");
}

#[test]
fn statuses_follow_the_specification() {
    let error = || Status::error("declined");
    let after = |statuses: &[Status]| {
        let test = TestTracer::new();
        let span = test.span("order");
        for status in statuses {
            span.set_status(status.clone());
        }
        span.end();
        test.span_named("order").status().clone()
    };
    assert_eq!(after(&[]), Status::Unset);
    assert_eq!(after(&[error()]), error());
    assert_eq!(after(&[error(), Status::error("later")]), Status::error("later"));
    assert_eq!(after(&[error(), Status::Ok]), Status::Ok);
    assert_eq!(after(&[Status::Ok, error()]), Status::Ok, "Ok is final");
    assert_eq!(after(&[error(), Status::Unset]), error(), "Unset changes nothing");
}

#[derive(Debug)]
struct CardDeclined;

impl fmt::Display for CardDeclined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("insufficient funds")
    }
}

impl std::error::Error for CardDeclined {}

#[test]
fn an_error_is_an_event_an_attribute_and_a_status() {
    let test = TestTracer::new();
    let span = test.span("pay");
    span.record_error(&CardDeclined);
    span.end();
    let span = test.span_named("pay");
    span.assert_status(&Status::error("insufficient funds")).assert_event("exception");
    let class = std::any::type_name::<CardDeclined>();
    span.assert_attribute("error.type", class);
    let event = span.events().next().unwrap();
    assert_eq!(event.attribute("exception.type"), Some(class.into()));
    assert_eq!(event.attribute("exception.message"), Some("insufficient funds".into()));
}

#[test]
fn an_error_of_no_known_type_is_some_other() {
    let test = TestTracer::new();
    let boxed: Box<dyn std::error::Error + Send + Sync> = "out of stock".into();
    test.span("pay").record_error(&*boxed);
    let span = test.span_named("pay");
    span.assert_attribute("error.type", "_OTHER").assert_status(&Status::error("out of stock"));
    assert_eq!(span.events().next().unwrap().attribute("exception.type"), Some("_OTHER".into()));
}

#[test]
fn an_error_after_ok_is_an_event_but_not_the_status() {
    let test = TestTracer::new();
    let span = test.span("pay");
    span.set_status(Status::Ok);
    span.record_error_fmt("declined", format_args!("try {}", "again"));
    span.end();
    test.span_named("pay")
        .assert_status(&Status::Ok)
        .assert_event("exception")
        .assert_attribute("error.type", "declined");
}

#[test]
fn the_current_span_is_recorded_on_from_anywhere_below() {
    fn deep_down() {
        Span::current().set_attribute("user.id", 7).add_event("seen", &[]).set_name("renamed");
        Span::current().record_error(&CardDeclined);
        Span::current().add_link(&remote(), &[]);
    }
    fn remote() -> SpanContext {
        SpanContext::new(
            "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
            "00f067aa0ba902b7".parse().unwrap(),
            throughline::TraceFlags::SAMPLED,
        )
    }
    let test = TestTracer::new();
    {
        let span = test.span("order").entered();
        span.set_attribute("before", true);
        deep_down();
        span.set_attribute("after", true);
    }
    let span = test.span_named("renamed");
    span.assert_attribute("user.id", 7)
        .assert_attribute("before", true)
        .assert_attribute("after", true)
        .assert_event("seen")
        .assert_event("exception")
        .assert_link(&remote())
        .assert_status(&Status::error("insufficient funds"));
}

#[test]
fn the_last_one_to_record_wins_whichever_way_it_went() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    {
        let span = test.span("order").entered();
        Span::current().set_attribute("key", "through the current span").add_event("first", &[]);
        clock.advance(Duration::from_millis(1));
        span.set_attribute("key", "through the span itself").add_event("second", &[]);
        clock.advance(Duration::from_millis(1));
        Span::current().add_event("third", &[]);
    }
    let span = test.span_named("order");
    span.assert_attribute("key", "through the span itself");
    let names: Vec<_> = span.events().map(|event| event.name).collect();
    assert_eq!(names, ["first", "second", "third"], "events stand in the order in which they happened");
}

#[test]
fn a_current_span_that_has_been_left_records_nothing_more() {
    let test = TestTracer::new();
    let span = test.span("order");
    let current = {
        let _entered = span.enter();
        Span::current()
    };
    current.set_attribute("late", true);
    // Another span in its place on the stack is not taken for it.
    test.span("other").in_scope(|| current.set_attribute("late", true).is_recording());
    span.end();
    test.span_named("order").assert_no_attribute("late");
    test.span_named("other").assert_no_attribute("late");
}

#[test]
fn no_current_span_takes_everything_and_does_nothing() {
    let none = Span::current();
    assert!(none.is_none() && !none.is_recording() && none.context().is_none() && none.handle().is_none());
    none.set_attribute("a", 1).add_event("b", &[]).set_status(Status::Ok).set_name("c");
    none.record_error(&CardDeclined);
    assert!(none.child("child").context().is_none());
    assert!(none.request_id().is_none());
}

#[test]
fn a_value_may_record_on_the_span_it_is_recorded_on() {
    struct Nosy;
    impl fmt::Display for Nosy {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Span::current().set_attribute("inner", 1);
            Span::new("while formatting").end();
            f.write_str("nosy")
        }
    }
    let test = TestTracer::new();
    {
        let span = test.span("order").entered();
        span.set_attribute_fmt("own", format_args!("{Nosy}"));
        Span::current().set_attribute_fmt("current", format_args!("{Nosy}"));
    }
    test.span_named("order")
        .assert_attribute("own", "nosy")
        .assert_attribute("current", "nosy")
        .assert_attribute("inner", 1);
    assert_eq!(test.tree(), "order\n  while formatting\n  while formatting\n");
}

#[test]
fn a_value_that_panics_takes_nothing_else_with_it() {
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("cannot be shown")
        }
    }
    let test = TestTracer::new();
    let span = test.span("order");
    span.set_attribute("before", 1);
    let broken = || span.set_attribute_fmt("broken", format_args!("{Broken}")).is_recording();
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(broken)).unwrap_err();
    span.in_scope(|| {
        Span::current().set_attribute("current", 2);
        let broken = || Span::current().set_attribute_fmt("broken", format_args!("{Broken}")).is_recording();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(broken)).unwrap_err();
    });
    span.set_attribute("after", 3);
    span.end();
    test.span_named("order")
        .assert_attribute("before", 1)
        .assert_attribute("current", 2)
        .assert_attribute("after", 3);
}
