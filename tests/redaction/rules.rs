//! Rules of one's own, and the count of what each rule has done.

use crate::exported;
use std::{
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};
use throughline::{
    Span, SpanContext, SpanRecord, Status, TraceFlags, Tracer, Value,
    exporters::Memory,
    redact::{Field, Redaction, Secret, Verdict},
    testing::TestTracer,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn other() -> SpanContext {
    let [trace, span] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
    SpanContext::new(trace.parse().unwrap(), span.parse().unwrap(), TraceFlags::SAMPLED)
}

fn record_all(span: &Span) {
    span.set_attribute("a", "x").set_attribute("b", 2).set_attribute("c", vec!["x", "y"]);
    span.add_event("first", &[("d", "x".into()), ("e", "y".into())]);
    span.add_event("second", &[("f", "x".into())]);
    span.add_event("third", &[("g", "z".into())]);
    span.add_link(&other(), &[("h", "x".into()), ("i", "y".into())]);
    span.add_link(&other(), &[("j", "z".into())]);
    span.set_status(Status::error("description"));
}

fn describe(span: &SpanRecord) -> String {
    let list = |attributes: &mut dyn Iterator<Item = throughline::Attribute<'_>>| {
        attributes
            .map(|attribute| format!("{}={}", attribute.key, attribute.value))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut text =
        format!("{}; {}; {}", span.name(), span.status().description(), list(&mut span.attributes()));
    for event in span.events() {
        text += &format!("; {}: {}", event.name, list(&mut event.attributes()));
    }
    for link in span.links() {
        text += &format!("; link: {}", list(&mut link.attributes()));
    }
    text
}

#[test]
fn a_rule_sees_every_field_once() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let rule = move |field: &Field<'_>| {
        let note = match field {
            Field::Name(name) => format!("name {name}"),
            Field::StatusDescription(text) => format!("status {text}"),
            Field::Attribute(attribute) => format!("{}={}", attribute.key, attribute.value),
            Field::Event(event) => format!("event {} of {}", event.name, event.attributes().len()),
            Field::EventAttribute(event, attribute) => {
                format!("{event}.{}={}", attribute.key, attribute.value)
            }
            Field::Link(link) => format!("link of {}", link.attributes().len()),
            Field::LinkAttribute(attribute) => format!("link.{}={}", attribute.key, attribute.value),
            Field::ResourceAttribute(attribute) if attribute.key == "service.name" => {
                format!("resource {}", attribute.value)
            }
            Field::ResourceAttribute(_) => return Verdict::Keep,
            other => panic!("{other:?}"),
        };
        notes.lock().unwrap().push(note);
        Verdict::Keep
    };
    let span = exported(Redaction::none().rule("all", rule), record_all);
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "resource test",
            "name span",
            "status description",
            "a=x",
            "b=2",
            "c=[x, y]",
            "event first of 2",
            "first.d=x",
            "first.e=y",
            "event second of 1",
            "second.f=x",
            "event third of 1",
            "third.g=z",
            "link of 2",
            "link.h=x",
            "link.i=y",
            "link of 1",
            "link.j=z",
        ]
    );
    assert_eq!(
        describe(&span),
        "span; description; a=x b=2 c=[x, y]; first: d=x e=y; second: f=x; third: g=z; link: h=x i=y; link: j=z"
    );
}

#[test]
fn a_rule_can_change_every_field() {
    let span = exported(
        Redaction::none().rule("new", |field: &Field<'_>| match field {
            Field::Link(_) => Verdict::Keep,
            Field::Attribute(attribute) if attribute.key == "a" => Verdict::Replace(7.into()),
            Field::Name(name) => Verdict::Replace(format!("new {name}").into()),
            _ => Verdict::Replace("new".into()),
        }),
        record_all,
    );
    assert_eq!(
        describe(&span),
        "new span; new; a=7 b=new c=new; new: d=new e=new; new: f=new; new: g=new; link: h=new i=new; link: j=new"
    );
}

#[test]
fn a_rule_can_drop_any_field() {
    let without = |gone: &'static [&'static str]| {
        let rule = move |field: &Field<'_>| {
            let name = match field {
                Field::Name(_) => "name",
                Field::StatusDescription(_) => "status",
                Field::Event(event) => event.name,
                Field::Link(link) if link.attributes().len() == 2 => "first link",
                Field::Link(_) => "second link",
                _ => field.as_attribute().unwrap().key,
            };
            if gone.contains(&name) { Verdict::Drop } else { Verdict::Keep }
        };
        describe(&exported(Redaction::none().rule("drop", rule), record_all))
    };
    assert_eq!(
        without(&["name", "status", "b"]),
        "REDACTED; ; a=x c=[x, y]; first: d=x e=y; second: f=x; third: g=z; link: h=x i=y; link: j=z"
    );
    assert_eq!(
        without(&["d", "f", "i", "j"]),
        "span; description; a=x b=2 c=[x, y]; first: e=y; second: ; third: g=z; link: h=x; link: "
    );
    assert_eq!(
        without(&["first", "first link", "g"]),
        "span; description; a=x b=2 c=[x, y]; second: f=x; third: ; link: j=z"
    );
    assert_eq!(
        without(&["a", "b", "c", "second", "third", "first link", "second link", "e"]),
        "span; description; ; first: d=x"
    );
}

#[test]
fn rules_come_in_order_and_the_built_in_ones_last() {
    let span = exported(
        Redaction::default()
            .rule("one", |field: &Field<'_>| match field.as_attribute() {
                Some(attribute) if attribute.key == "a" => Verdict::Replace("one".into()),
                _ => Verdict::Keep,
            })
            .rule("two", |field: &Field<'_>| match field.as_attribute() {
                Some(attribute) if attribute.value == Value::from("one") => {
                    Verdict::Replace("4111111111111111".into())
                }
                _ => Verdict::Keep,
            }),
        |span| {
            span.set_attribute("a", 1);
        },
    );
    span.attribute("a").filter(|value| *value == Value::from("REDACTED")).expect("all three");
}

#[test]
fn what_a_rule_puts_in_place_keeps_to_the_limits() {
    let rule = |field: &Field<'_>| match field {
        Field::Link(_) => Verdict::Keep,
        _ => Verdict::Replace("é".repeat(1000).into()),
    };
    let test = TestTracer::with(|builder| {
        builder.max_value_bytes(101).max_name_bytes(51).redaction(Redaction::default().rule("long", rule))
    });
    let span = test.span("span");
    span.set_attribute("a", 1).add_event("e", &[("b", 2.into())]).set_status(Status::error("x"));
    span.end();
    let span = test.spans().remove(0);
    assert_eq!((span.name().len(), span.status().description().len()), (50, 100));
    assert_eq!(span.attribute("a").unwrap().to_string().len(), 100);
    let event = span.events().next().unwrap();
    assert_eq!((event.name.len(), event.attribute("b").unwrap().to_string().len()), (50, 100));
}

#[test]
fn a_rule_that_panics_costs_its_field_and_nothing_else() {
    let rule = |field: &Field<'_>| match field {
        Field::ResourceAttribute(_) => Verdict::Keep,
        Field::Attribute(attribute) if attribute.key == "b" => Verdict::Keep,
        _ => panic!("the rule is broken"),
    };
    let memory = Memory::new();
    let tracer = Tracer::builder("test")
        .exporter(memory.clone())
        .redaction(Redaction::none().rule("broken", rule))
        .build()
        .unwrap();
    for _ in 0..2 {
        record_all(&tracer.span("span"));
    }
    let report = tracer.flush(std::time::Duration::from_secs(30));
    assert!(report.is_complete());
    let [first, second] = memory.spans().try_into().unwrap();
    assert_eq!(describe(&first), "REDACTED; REDACTED; a=REDACTED b=2 c=REDACTED");
    assert_eq!(describe(&first), describe(&second));
    let [rule] = report.stats.redacted.try_into().unwrap();
    // Name, status, two attributes, three events and two links, twice.
    assert_eq!((&*rule.name, rule.count, rule.failed), ("broken", 0, 18));
}

#[test]
fn every_rule_has_its_count() {
    let test = TestTracer::with(|builder| {
        builder.redaction(Redaction::default().without(Secret::Jwt).rule("mine", |field: &Field<'_>| {
            match field {
                Field::Attribute(attribute) if attribute.key == "mine" => Verdict::Drop,
                _ => Verdict::Keep,
            }
        }))
    });
    let span = test.span("span");
    span.set_attribute("mine", 1)
        .set_attribute("password", "x")
        .set_attribute("http.request.header.cookie", "x")
        .set_attribute("two cards", "4111111111111111 and 5500005555555559")
        .set_attribute("url", "https://a:b@h/?token=x&sig=y")
        .set_attribute("text", "password=x")
        .set_status(Status::error("Bearer s3cretT0ken".to_owned()));
    span.end();
    assert_eq!(test.spans().len(), 1);
    let counts: Vec<_> =
        test.stats().redacted.iter().map(|rule| (rule.name.to_string(), rule.count)).collect();
    let counts: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [
            ("header", 1),
            ("key", 1),
            ("private key", 0),
            ("credentials", 1),
            ("api key", 0),
            ("user info", 1),
            ("card", 2),
            ("query", 2),
            ("assignment", 1),
            ("mine", 1),
        ]
    );
}

/// Whoever collects waits for the rule; whoever flushes waits for its own time and no longer, also where an
/// exporter's thread is the one that collects.
#[test]
fn a_rule_that_blocks_holds_no_flush_up_beyond_its_deadline() {
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let rule = move |field: &Field<'_>| {
        if let Field::Name("slow") = field {
            entered.send(()).unwrap();
            let _released = released.lock().unwrap().recv();
        }
        Verdict::Keep
    };
    let memory = Memory::new();
    let tracer = Tracer::builder("shop")
        .exporter(memory.clone())
        .redaction(Redaction::default().rule("slow", rule))
        .build()
        .unwrap();
    // The worker is idle, or will have been asked for what it does before.
    assert!(tracer.flush(PATIENCE).is_complete());
    tracer.span("slow").end();
    let patient = thread::spawn({
        let tracer = tracer.clone();
        move || tracer.flush(PATIENCE)
    });
    has_entered.recv_timeout(PATIENCE).unwrap();
    tracer.span("quick").end();
    for _ in 0..3 {
        let report = tracer.flush(Duration::from_millis(5));
        assert!(report.timed_out && report.stats.buffered >= 1, "{report:?}");
    }
    release.send(()).unwrap();
    assert!(patient.join().unwrap().is_complete());
    assert!(tracer.flush(PATIENCE).is_complete());
    let spans = memory.spans();
    assert_eq!(spans.iter().map(SpanRecord::name).collect::<Vec<_>>(), ["slow", "quick"]);
}
