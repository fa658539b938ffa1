//! Rules by name, kind, route, method and attribute.

use crate::support::{builder, tracer};
use throughline::{
    Attribute, SpanKind, Value,
    sampling::{AlwaysOff, AlwaysOn, Match, Pattern, Rules, Sampler, SamplingParameters},
};

fn fits(matches: Match, name: &str, kind: SpanKind, attributes: &[(&str, Value<'_>)]) -> bool {
    let sampler = Rules::new(AlwaysOff).rule(matches, AlwaysOn);
    let attributes: Vec<_> =
        attributes.iter().map(|(key, value)| Attribute { key, value: value.reborrow() }).collect();
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let parameters = SamplingParameters::new(trace_id, name, kind).with_attributes(&attributes);
    sampler.should_sample(&parameters).is_sampled()
}

#[test]
fn each_condition_looks_at_its_part() {
    let (name, kind) = ("GET /orders/{id}", SpanKind::Server);
    let attributes: [(&str, Value<'_>); 6] = [
        ("http.route", "/orders/{id}".into()),
        ("http.request.method", "GET".into()),
        ("tenant", "silver".into()),
        ("tenant", "gold".into()),
        ("attempt", 3.into()),
        ("roles", vec!["buyer", "admin"].into()),
    ];
    for (matches, expected) in [
        (Match::name("GET /orders/{id}"), true),
        (Match::name("GET /orders"), false),
        (Match::name(Pattern::prefix("GET /orders")), true),
        (Match::name(Pattern::prefix("POST")), false),
        (Match::name(Pattern::glob("* /orders/*")), true),
        (Match::name(Pattern::glob("* /items/*")), false),
        (Match::kind(SpanKind::Server), true),
        (Match::kind(SpanKind::Client), false),
        (Match::route("/orders/{id}"), true),
        (Match::route(Pattern::prefix("/internal/")), false),
        (Match::method("GET"), true),
        (Match::method("POST"), false),
        (Match::attribute("tenant", "gold"), true),
        (Match::attribute("tenant", "silver"), false),
        (Match::attribute("nothing", Pattern::glob("*")), false),
        (Match::attribute("attempt", "3"), true),
        (Match::attribute("roles", "admin"), true),
        (Match::attribute("roles", "guest"), false),
        (Match::attribute_equals("attempt", 3), true),
        (Match::attribute_equals("attempt", "3"), false),
        (Match::attribute_equals("roles", vec!["buyer", "admin"]), true),
        (Match::route("/orders/{id}").and_method("GET").and_kind(SpanKind::Server), true),
        (Match::route("/orders/{id}").and_method("POST"), false),
        (Match::kind(SpanKind::Server).and_name("x"), false),
        (Match::kind(SpanKind::Server).and_route("/orders/{id}").and_attribute("tenant", "gold"), true),
        (Match::method("GET").and(Match::attribute_equals("attempt", 4)), false),
    ] {
        let text = format!("{matches:?}");
        assert_eq!(fits(matches, name, kind, &attributes), expected, "{text}");
    }
}

#[test]
fn the_first_rule_that_fits_decides() {
    let sampler = Rules::new(AlwaysOff)
        .rule(Match::name("a"), AlwaysOn)
        .rule(Match::name(Pattern::glob("?")), AlwaysOff)
        .rule(Match::name(Pattern::glob("*")), AlwaysOn);
    let (tracer, memory) = tracer(|builder| builder.sampler(sampler));
    for name in ["a", "b", "ab"] {
        tracer.span(name).end();
    }
    assert!(tracer.shutdown(crate::support::LONG).is_complete());
    assert_eq!(memory.spans().iter().map(|span| span.name().to_owned()).collect::<Vec<_>>(), ["a", "ab"]);
}

#[test]
fn attributes_are_gathered_only_if_a_rule_asks() {
    let by_name = Rules::new(AlwaysOff).rule(Match::name("a").and_kind(SpanKind::Server), AlwaysOn);
    assert!(!by_name.wants_attributes());
    assert!(Rules::new(AlwaysOff).rule(Match::route("/"), AlwaysOn).wants_attributes());
    assert!(Rules::new(|_: &SamplingParameters<'_>| true).wants_attributes());
    let inner = Rules::new(AlwaysOff).rule(Match::attribute("a", "1"), AlwaysOn);
    assert!(Rules::new(AlwaysOff).rule(Match::name("a"), inner).wants_attributes());
}

/// A process of many names and routes: what a sampler keeps is what it was built with.
#[test]
fn a_million_names_leave_nothing_behind() {
    let sampler = Rules::new(AlwaysOff)
        .rule(Match::route(Pattern::prefix("/a/")), AlwaysOn)
        .rule(Match::name(Pattern::glob("*7*7*7")), AlwaysOn);
    let before = format!("{sampler:?}");
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let sampled = (0..1_000_000)
        .filter(|number| {
            let name = number.to_string();
            let route = [Attribute { key: "http.route", value: Value::from(name.as_str()) }];
            let parameters = SamplingParameters::new(trace_id, &name, SpanKind::Server);
            sampler.should_sample(&parameters.with_attributes(&route)).is_sampled()
        })
        .count();
    // Numbers of up to six digits that end in 7 and have two more of them.
    let expected = (0..1_000_000_u32)
        .filter(|number| number % 10 == 7 && number.to_string().matches('7').count() >= 3)
        .count();
    assert_eq!((sampled, format!("{sampler:?}")), (expected, before));
}

#[test]
fn names_of_samplers_that_need_a_server_are_refused() {
    for name in ["jaeger_remote", "parentbased_jaeger_remote", "xray", "probability"] {
        let error = builder()
            .environment(move |variable| (variable == "OTEL_TRACES_SAMPLER").then(|| name.into()))
            .build()
            .unwrap_err();
        let text = std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
        assert!(text.contains("OTEL_TRACES_SAMPLER") && text.contains("would ask a server"), "{text}");
    }
}
