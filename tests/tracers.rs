//! Tracers: many in one process, the process's and a thread's default, and what the environment says.
#![cfg(feature = "testing")]

use std::{
    collections::HashMap,
    ffi::OsString,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};
use throughline::{
    BuildError, Instrument, InvalidVariable, Resource, Span, SpanRecord, Tracer, TracerBuilder,
    exporters::Memory,
    sampling::AlwaysOff,
    testing::{AssertSpan, TestTracer},
};

const LONG: Duration = Duration::from_secs(30);

fn builder(service: &'static str) -> TracerBuilder {
    Tracer::builder(service).environment(|_| None)
}

fn tracer() -> (Tracer, Memory) {
    let memory = Memory::new();
    (builder("test").batch_delay(Duration::ZERO).exporter(memory.clone()).build().unwrap(), memory)
}

fn names(memory: &Memory) -> Vec<String> {
    memory.spans().iter().map(|span| span.name().to_owned()).collect()
}

// Side by side.

#[test]
fn a_hundred_tests_in_parallel_never_see_one_another() {
    let start = Barrier::new(100);
    let run = |number: usize| {
        let test = TestTracer::new();
        start.wait();
        for round in 0..20 {
            let request = Span::new(format!("request {number}")).entered();
            Span::current().set_attribute("round", round);
            Span::new("work")
                .in_scope(|| _ = Span::new("deeper").set_attribute("number", number).add_event("x", &[]));
            let elsewhere = request.handle().unwrap();
            if round == 0 {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        elsewhere.child("elsewhere").set_attribute("number", number).is_recording()
                    });
                });
            }
        }
        let spans = test.spans();
        assert_eq!(spans.len(), 61);
        for span in &spans {
            match span.name() {
                "work" | "elsewhere" | "deeper" => {
                    assert!(spans.iter().any(|parent| Some(parent.span_id()) == span.parent_span_id()));
                }
                name => assert_eq!(name, format!("request {number}")),
            }
            let number_of = span.attribute("number").and_then(|value| value.as_i64());
            assert!(number_of.is_none_or(|other| other == number as i64));
        }
        assert!(test.tracer().shutdown(LONG).is_complete());
    };
    thread::scope(|scope| {
        for number in 0..100 {
            scope.spawn(move || run(number));
        }
    });
}

#[test]
fn two_tracers_on_one_thread_keep_apart() {
    let ((one, ones), (other, others)) = (tracer(), tracer());
    for _ in 0..1_000 {
        let _one = one.span("one").entered();
        let _other = other.span("other").entered();
        one.span("one's root").end();
    }
    assert!(one.flush(LONG).is_complete() && other.flush(LONG).is_complete());
    assert_eq!((ones.len(), others.len()), (2_000, 1_000));
    assert!(others.spans().iter().all(|span| span.parent_span_id().is_none()));
}

#[test]
fn every_exporter_gets_every_span() {
    let (first, second) = (Memory::new(), Memory::new());
    let tracer = builder("test").exporter(first.clone()).exporter(Box::new(second.clone())).build().unwrap();
    tracer.span("order").end();
    let report = tracer.shutdown(LONG);
    assert!(report.is_complete());
    assert_eq!((names(&first), names(&second)), (vec!["order".to_owned()], vec!["order".to_owned()]));
    assert_eq!(report.stats.exporters.len(), 2);
}

#[test]
fn without_an_exporter_spans_are_counted() {
    let tracer = builder("test").build().unwrap();
    tracer.span("order").end();
    let report = tracer.shutdown(LONG);
    assert_eq!((report.stats.ended, report.stats.open, report.stats.buffered), (1, 0, 0));
}

// Defaults.

/// The only test here that sets the process's default; all others name their tracer or have a thread's.
#[test]
fn the_process_has_one_default_and_keeps_it() {
    // No other test of this file may see it.
    let process = |work: fn()| {
        let exe = std::env::current_exe().unwrap();
        match std::env::var_os("IN_A_PROCESS_OF_ITS_OWN") {
            Some(_) => work(),
            None => {
                let name = "the_process_has_one_default_and_keeps_it";
                let mut child = std::process::Command::new(exe);
                let child = child.args(["--exact", name, "--nocapture"]).env("IN_A_PROCESS_OF_ITS_OWN", "1");
                assert!(child.status().unwrap().success());
            }
        }
    };
    process(|| {
        assert!(!Span::new("before").is_recording());
        let ((first, firsts), (second, seconds)) = (tracer(), tracer());
        first.set_default().unwrap();
        let refused = second.set_default().unwrap_err();
        assert!(refused.to_string().contains("has a default tracer already"));
        Span::new("here").end();
        thread::spawn(|| Span::new("on another thread").end()).join().unwrap();
        {
            // A thread's own goes first.
            let _second = second.set_thread_default();
            Span::new("thread's").end();
            thread::spawn(|| Span::new("not inherited").end()).join().unwrap();
        }
        // Its last handle but for the process's: it lives on.
        let report = first.flush(LONG);
        assert!(report.is_complete());
        drop(first);
        Span::builder("built").start().end();
        assert!(second.flush(LONG).is_complete());
        assert_eq!(names(&seconds), ["thread's"]);
        assert!(firsts.len() >= 3);
        let deadline = std::time::Instant::now() + LONG;
        while firsts.len() < 4 {
            assert!(std::time::Instant::now() < deadline, "{:?}", names(&firsts));
            thread::yield_now();
        }
    });
}

#[test]
fn thread_defaults_nest_and_end_in_any_order() {
    let ((one, ones), (other, others)) = (tracer(), tracer());
    let first = one.set_thread_default();
    Span::new("1").end();
    let second = other.set_thread_default();
    Span::new("2").end();
    drop(first);
    Span::new("3").end();
    let third = one.set_thread_default();
    Span::new("4").end();
    drop(second);
    Span::new("5").end();
    drop(third);
    assert!(!Span::new("6").is_recording());
    assert!(one.flush(LONG).is_complete() && other.flush(LONG).is_complete());
    assert_eq!((names(&ones).concat(), names(&others).concat()), ("145".to_owned(), "23".to_owned()));
}

#[test]
fn a_thread_default_keeps_its_tracer_alive() {
    let (tracer, memory) = tracer();
    let default = tracer.set_thread_default();
    drop(tracer);
    Span::new("order").end();
    drop(default);
    assert_eq!(names(&memory), ["order"], "the last handle delivers");
    assert!(!Span::new("late").is_recording());
}

#[test]
fn a_thread_that_ends_with_a_default_of_its_own_delivers() {
    let (tracer, memory) = tracer();
    thread::spawn(move || {
        std::mem::forget(tracer.set_thread_default());
        drop(tracer);
        Span::new("order").end();
    })
    .join()
    .unwrap();
    // The guard was forgotten, so the default lasts as long as the thread, whose end ends the tracer.
    let deadline = std::time::Instant::now() + LONG;
    while memory.is_empty() {
        assert!(std::time::Instant::now() < deadline);
        thread::yield_now();
    }
}

#[test]
fn without_a_tracer_everything_is_a_no_op() {
    let span = Span::new("order");
    assert!(!span.is_recording() && span.context().is_none() && span.handle().is_none());
    assert!(span.request_id().is_none() && span.baggage().is_none());
    span.set_attribute("a", 1).add_event("b", &[]).set_name("c").record_error_fmt("d", format_args!("e"));
    span.in_scope(|| assert!(Span::current().is_none()));
    assert!(!Span::builder("built").attribute("a", 1).start().is_recording());
    assert!(span.child("child").context().is_none());
    assert_eq!(span.elapsed(), Duration::ZERO);
    drop(span.entered());
    let _future = async {}.instrument(Span::new("task"));
    assert_eq!(format!("{:?}", Span::none()), "Span(none)");
}

#[test]
fn spans_after_the_shutdown_are_no_ops() {
    let (tracer, memory) = tracer();
    let _default = tracer.set_thread_default();
    let open = tracer.span("open");
    assert!(tracer.shutdown(LONG).is_complete());
    assert!(!tracer.span("late").is_recording());
    assert!(!Span::new("late, too").is_recording());
    open.set_attribute("still", "harmless").add_event("x", &[]);
    open.end();
    assert!(memory.is_empty());
}

// Building.

#[test]
fn a_service_has_a_name() {
    let error = |builder: TracerBuilder| builder.build().unwrap_err();
    assert!(matches!(error(Tracer::from_env().environment(|_| None)), BuildError::NoServiceName));
    assert!(matches!(error(builder("")), BuildError::NoServiceName));
    let message = error(builder("")).to_string();
    assert!(message.contains("Tracer::builder") && message.contains("OTEL_SERVICE_NAME"), "{message}");
}

#[test]
fn the_resource_says_who_it_is() {
    let tracer = builder("orders").resource_attribute("service.version", "1.2").build().unwrap();
    let resource = tracer.resource();
    assert_eq!(resource.service_name(), "orders");
    let text = |key: &str| resource.attribute(key).map(|value| value.to_string());
    assert_eq!(text("service.version").as_deref(), Some("1.2"));
    assert_eq!(text("telemetry.sdk.name").as_deref(), Some("throughline"));
    assert_eq!(text("telemetry.sdk.language").as_deref(), Some("rust"));
    assert_eq!(text("process.pid"), Some(std::process::id().to_string()));
    assert!(text("process.executable.name").is_some_and(|name| name.starts_with("tracers")));
}

// The environment.

type Variables = &'static [(&'static str, &'static str)];

fn from_env(variables: Variables) -> TracerBuilder {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Tracer::from_env().environment(move |name| variables.get(name).map(OsString::from))
}

fn with_env(variables: Variables) -> TracerBuilder {
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    builder("test").environment(move |name| variables.get(name).map(OsString::from))
}

fn resource(variables: Variables) -> Arc<Resource> {
    from_env(variables).build().unwrap().resource().clone()
}

/// The spans a tracer with these variables makes of one trace.
fn recorded(builder: TracerBuilder, record: impl FnOnce(&Tracer)) -> Vec<SpanRecord> {
    let memory = Memory::new();
    let tracer = builder.exporter(memory.clone()).build().unwrap();
    record(&tracer);
    assert!(tracer.shutdown(LONG).is_complete());
    memory.spans()
}

#[test]
fn the_environment_names_the_service() {
    assert_eq!(resource(&[("OTEL_SERVICE_NAME", "orders")]).service_name(), "orders");
    assert_eq!(resource(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=orders")]).service_name(), "orders");
    let both: Variables =
        &[("OTEL_SERVICE_NAME", "orders"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other")];
    assert_eq!(resource(both).service_name(), "orders");
    assert_eq!(with_env(both).build().unwrap().resource().service_name(), "test", "code wins");
    let empty: Variables = &[("OTEL_SERVICE_NAME", ""), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=orders")];
    assert_eq!(resource(empty).service_name(), "orders", "an empty variable counts as unset");
}

#[test]
fn resource_attributes_are_pairs_percent_encoded() {
    let resource = resource(&[
        ("OTEL_SERVICE_NAME", "orders"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            " deployment.environment.name = eu%2D1 ,a=b=c,,empty=,text=%E2%82%AC%2C%25 ",
        ),
    ]);
    let text = |key: &str| resource.attribute(key).map(|value| value.to_string());
    assert_eq!(text("deployment.environment.name").as_deref(), Some("eu-1"));
    assert_eq!(text("a").as_deref(), Some("b=c"));
    assert_eq!(text("empty").as_deref(), Some(""));
    assert_eq!(text("text").as_deref(), Some("€,%"));
    let code = with_env(&[("OTEL_RESOURCE_ATTRIBUTES", "a=environment")]).resource_attribute("a", "code");
    assert_eq!(code.build().unwrap().resource().attribute("a").unwrap().as_str(), Some("code"));
}

#[test]
fn disabled_is_inert() {
    let memory = Memory::new();
    let tracer = with_env(&[("OTEL_SDK_DISABLED", "TRUE")]).exporter(memory.clone()).build().unwrap();
    let _default = tracer.set_thread_default();
    assert!(!tracer.span("order").is_recording());
    assert!(!Span::new("order").is_recording());
    assert!(!tracer.span_builder("order").start().is_recording());
    assert!(tracer.flush(LONG).is_complete() && tracer.shutdown(LONG).is_complete());
    assert_eq!(tracer.resource().service_name(), "test");
    assert!(memory.is_empty());
    let enabled = recorded(with_env(&[("OTEL_SDK_DISABLED", "false")]), |tracer| tracer.span("order").end());
    assert_eq!(enabled.len(), 1);
}

#[test]
fn every_sampler_can_be_named() {
    let sampled = |variables: Variables| {
        let spans = recorded(with_env(variables), |tracer| (0..200).for_each(|_| tracer.span("order").end()));
        spans.len()
    };
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "always_on")]), 200);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "always_off")]), 0);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "parentbased_always_on")]), 200);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]), 0);
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "traceidratio")]), 200, "all of them by default");
    for name in ["traceidratio", "parentbased_traceidratio"] {
        let ratio: Variables =
            Box::leak(Box::new([("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.5")]));
        let count = sampled(ratio);
        assert!((40..160).contains(&count), "{name}: {count} of 200");
    }
    let code = with_env(&[("OTEL_TRACES_SAMPLER", "always_on")]).sampler(AlwaysOff);
    assert!(recorded(code, |tracer| tracer.span("order").end()).is_empty(), "code wins");
}

#[test]
fn parent_based_samplers_follow_the_caller() {
    let spans = |name: &'static str, flags: u8| {
        let variables: Variables = Box::leak(Box::new([("OTEL_TRACES_SAMPLER", name)]));
        let mut context = throughline::Context::default();
        context.span = Some(throughline::SpanContext::new(
            "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
            "00f067aa0ba902b7".parse().unwrap(),
            throughline::TraceFlags::from_bits(flags),
        ));
        recorded(with_env(variables), |tracer| tracer.span_builder("order").remote(context).start().end())
            .len()
    };
    assert_eq!((spans("parentbased_always_off", 1), spans("parentbased_always_off", 0)), (1, 0));
    assert_eq!((spans("parentbased_always_on", 1), spans("parentbased_always_on", 0)), (1, 0));
    assert_eq!((spans("always_on", 0), spans("always_off", 1)), (1, 0));
}

#[test]
fn limits_come_from_the_environment() {
    let span = |builder: TracerBuilder| {
        let record = |tracer: &Tracer| {
            let span = tracer.span("order");
            span.set_attribute("a", "12345").set_attribute("b", 1).set_attribute("c", 1);
            span.add_event("1", &[("x", 1.into()), ("y", 2.into())]).add_event("2", &[]);
            let context = span.context().unwrap();
            span.add_link(&context, &[("x", 1.into()), ("y", 2.into())])
                .add_link(&context, &[])
                .add_link(&context, &[]);
        };
        recorded(builder, record).remove(0)
    };
    let limited = span(with_env(&[
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "2"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", " 4 "),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "0"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1"),
    ]));
    limited.assert_attribute("a", "1234").assert_no_attribute("c");
    assert_eq!((limited.dropped_attributes(), limited.dropped_events(), limited.dropped_links()), (1, 1, 3));
    assert_eq!(limited.events().next().unwrap().attributes().len(), 1);
    // An event's attributes and a link's have limits of their own.
    let of_items = |span: &SpanRecord| {
        let (event, link) = (span.events().next().unwrap(), span.links().next().unwrap());
        [
            (event.attributes().len(), event.dropped_attributes),
            (link.attributes().len(), link.dropped_attributes),
        ]
    };
    let links = span(with_env(&[("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "1")]));
    assert_eq!(of_items(&links), [(2, 0), (1, 1)]);
    let events = span(with_env(&[("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0")]));
    assert_eq!(of_items(&events), [(0, 2), (2, 0)]);
    let code = span(with_env(&[("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "2")]).max_item_attributes(1, 0));
    assert_eq!(of_items(&code), [(1, 1), (0, 2)]);
    let general = span(with_env(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"),
    ]));
    general.assert_attribute("a", "12").assert_no_attribute("b");
    let code = span(with_env(&[("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")]).max_items(3, 3, 3));
    assert_eq!(code.attributes().len(), 3, "code wins");
}

#[test]
fn the_batch_processor_s_settings_come_from_the_environment() {
    let spans = recorded(
        with_env(&[
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "50000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
        ]),
        |tracer| (0..100).for_each(|_| tracer.span("order").end()),
    );
    assert_eq!(spans.len(), 100);
}

fn invalid(variables: Variables) -> InvalidVariable {
    match from_env(variables).build() {
        Err(BuildError::Environment(error)) => error,
        other => panic!("{variables:?} made {other:?}"),
    }
}

#[test]
fn bad_values_are_errors_that_name_the_variable_and_what_it_accepts() {
    let cases: &[(&'static str, &[&'static str], &str)] = &[
        ("OTEL_SDK_DISABLED", &["1", "yes", "0"], "true or false"),
        (
            "OTEL_TRACES_SAMPLER",
            &["alwayson", "AlwaysOn", "JaegerRemote"],
            "one of always_on, always_off, traceidratio",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            &["a", "a=b,c", "=b", "a=%", "a=%4", "a=%zz", "a=%ff"],
            "key=value pairs",
        ),
        (
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            &["-1", "+12", "1 2", "many", "1.5", "99999999999999999999999"],
            "a whole number, 0 or more",
        ),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", &["x"], "a whole number"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", &["x"], "a whole number"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", &["x"], "a whole number"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", &["x"], "a whole number"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", &["x"], "a whole number"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", &["x"], "a whole number"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", &["x"], "a whole number"),
        ("OTEL_BSP_SCHEDULE_DELAY", &["1s", "-5", "+5"], "a whole number, 0 or more"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", &["0", "x"], "a whole number, "),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &["0", "x"], "a whole number, "),
    ];
    for (variable, values, accepts) in cases {
        for value in *values {
            let variables: Variables =
                Box::leak(Box::new([("OTEL_SERVICE_NAME", "orders"), (*variable, *value)]));
            let error = invalid(variables);
            assert_eq!(error.variable(), *variable, "{value:?}");
            assert!(error.accepts().starts_with(accepts), "{variable}: {}", error.accepts());
            let message = error.to_string();
            assert!(message.contains(variable) && message.contains(accepts), "{message}");
            assert!(value.len() < 3 || !message.contains(value), "a value may be a secret: {message}");
        }
    }
}

#[test]
fn samplers_that_ask_a_server_are_refused_by_name() {
    for name in ["jaeger_remote", "parentbased_jaeger_remote", "xray"] {
        let variables: Variables =
            Box::leak(Box::new([("OTEL_SERVICE_NAME", "orders"), ("OTEL_TRACES_SAMPLER", name)]));
        assert!(invalid(variables).accepts().contains(name), "{name}");
    }
}

#[test]
fn a_ratio_is_a_number_from_0_to_1() {
    for ratio in ["-0.1", "1.1", "half", "NaN", "inf"] {
        let variables: Variables = Box::leak(Box::new([
            ("OTEL_SERVICE_NAME", "orders"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", ratio),
        ]));
        let error = invalid(variables);
        assert_eq!((error.variable(), error.accepts()), ("OTEL_TRACES_SAMPLER_ARG", "a number from 0 to 1"));
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_an_error_too() {
    use std::os::unix::ffi::OsStringExt;
    for variable in [
        "OTEL_SERVICE_NAME",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_SAMPLER",
        "OTEL_SDK_DISABLED",
        "OTEL_PROPAGATORS",
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    ] {
        let lookup = move |name: &str| (name == variable).then(|| OsString::from_vec(vec![0xff]));
        match Tracer::from_env().environment(lookup).build() {
            Err(BuildError::Environment(error)) => assert_eq!(error.variable(), variable),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn settings_without_bound_are_survived() {
    let all = recorded(
        builder("test")
            .max_buffered_spans(usize::MAX)
            .max_queued(usize::MAX, usize::MAX)
            .max_batch_spans(usize::MAX)
            .max_items(usize::MAX, usize::MAX, usize::MAX)
            .max_value_bytes(usize::MAX)
            .batch_delay(Duration::MAX)
            .drop_within(Duration::MAX),
        |tracer| {
            (0..1_000).for_each(|_| tracer.span("order").end());
            assert!(tracer.flush(Duration::MAX).is_complete());
        },
    );
    assert_eq!(all.len(), 1_000);
    let none = builder("test")
        .max_buffered_spans(0)
        .max_queued(0, 0)
        .max_batch_spans(0)
        .max_items(0, 0, 0)
        .max_value_bytes(0)
        .batch_delay(Duration::ZERO)
        .drop_within(Duration::ZERO)
        .build()
        .unwrap();
    none.span("order").set_attribute("a", "b").add_event("c", &[]);
    let stats = none.flush(LONG).stats;
    assert_eq!((stats.ended, stats.buffered), (1, 0));
}
