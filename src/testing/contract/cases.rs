//! The cases of the contract (floor 6), each by its name.

use super::{
    samples::{name, named},
    trial::Trial,
};
use crate::{
    context::TraceFlags,
    record::{Outcome, SpanKind, SpanRecord, Status},
    value::Value,
};

pub(super) type Case = fn(&mut Trial<'_>) -> Result<(), String>;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a constant name", constant_name),
    ("one span", |trial| export_all(trial, |trial| vec![trial.samples.span()])),
    ("a full batch", |trial| export_all(trial, |trial| trial.samples.spans(512))),
    ("an empty batch", empty_batch),
    ("many batches", many_batches),
    ("a trace over several batches", trace_over_batches),
    ("every type of value", |trial| one_span(trial, every_type)),
    ("NaN and the infinities", |trial| one_span(trial, not_numbers)),
    ("extreme numbers", |trial| one_span(trial, extreme_numbers)),
    ("empty texts", |trial| one_span(trial, empty_texts)),
    ("an empty name", empty_name),
    ("long texts", long_texts),
    ("control characters", control_characters),
    ("all of Unicode", unicode),
    ("texts that look like markup", markup),
    ("many attributes", |trial| one_span(trial, many_attributes)),
    ("events and links", events_and_links),
    ("kinds, statuses and outcomes", |trial| export_all(trial, kinds_statuses_outcomes)),
    ("no duration", |trial| export_all(trial, no_duration)),
    ("extreme times", |trial| export_all(trial, extreme_times)),
    ("no parent, a remote one, one that never comes", |trial| export_all(trial, parents)),
    ("flush delivers", flush_delivers),
    ("flush with nothing to do", flush_with_nothing_to_do),
    ("flush without time", flush_without_time),
    ("shutdown delivers", shutdown_delivers),
    ("shutdown with nothing to do", shutdown_with_nothing_to_do),
    ("drop without shutdown", drop_without_shutdown),
];

/// Those for a backend that fails now and then.
pub(super) const FAILING_CASES: &[(&str, Case)] = &[
    ("a batch tried again", |trial| tried_again(trial, 0)),
    ("another batch before one is tried again", |trial| tried_again(trial, 40)),
];

// Calls.

/// What is settled comes once, and so does the rest.
fn tried_again(trial: &mut Trial<'_>, between: usize) -> Result<(), String> {
    let mut has_failed = false;
    for round in 0..20 {
        let (spans, between) = (trial.samples.spans(round * 10 + 1), trial.samples.spans(between));
        has_failed |= trial.export_stuttering(spans, between)?;
    }
    if !has_failed {
        return Err("the backend never failed, so nothing was shown".to_owned());
    }
    trial.settle()
}

fn constant_name(trial: &mut Trial<'_>) -> Result<(), String> {
    let first = trial.name()?;
    if first.is_empty() || first.contains(char::is_control) {
        return Err(format!("the name is {first:?}; it has to be a short text"));
    }
    let spans = trial.samples.spans(3);
    trial.export(spans)?;
    trial.flush()?;
    let second = trial.name()?;
    if first != second {
        return Err(format!("the name was {first:?} and became {second:?}"));
    }
    trial.finish()
}

fn empty_batch(trial: &mut Trial<'_>) -> Result<(), String> {
    trial.export(Vec::new())?;
    trial.finish()
}

fn many_batches(trial: &mut Trial<'_>) -> Result<(), String> {
    for round in 0..60 {
        let spans = trial.samples.spans(round % 7 + 1);
        trial.export(spans)?;
        if round % 20 == 19 {
            trial.flush()?;
        }
    }
    trial.finish()
}

/// Children come before their parents, and with other traces between them.
fn trace_over_batches(trial: &mut Trial<'_>) -> Result<(), String> {
    let root = trial.samples.context();
    let child = trial.samples.span().with_parent(root.span_id(), false);
    let between = trial.samples.spans(5);
    trial.export(vec![child])?;
    trial.export(between)?;
    trial.export(vec![named(&root, "")])?;
    trial.finish()
}

fn flush_delivers(trial: &mut Trial<'_>) -> Result<(), String> {
    for _ in 0..3 {
        let spans = trial.samples.spans(10);
        trial.export(spans)?;
        trial.flush()?;
        trial.expect_all_delivered()?;
    }
    trial.finish()
}

fn flush_with_nothing_to_do(trial: &mut Trial<'_>) -> Result<(), String> {
    trial.flush()?;
    trial.flush()?;
    trial.finish()
}

/// Whatever the answer, it has to come, and what was exported must not suffer.
fn flush_without_time(trial: &mut Trial<'_>) -> Result<(), String> {
    let spans = trial.samples.spans(10);
    trial.export(spans)?;
    let _may_fail = trial.flush_at_once();
    trial.finish()
}

fn shutdown_delivers(trial: &mut Trial<'_>) -> Result<(), String> {
    let spans = trial.samples.spans(10);
    trial.export(spans)?;
    trial.shutdown()?;
    trial.expect_all_delivered()?;
    trial.drop_exporter()?;
    trial.expect_all_delivered()
}

fn shutdown_with_nothing_to_do(trial: &mut Trial<'_>) -> Result<(), String> {
    trial.shutdown()?;
    trial.drop_exporter()?;
    trial.expect_all_delivered()
}

fn drop_without_shutdown(trial: &mut Trial<'_>) -> Result<(), String> {
    let spans = trial.samples.spans(10);
    trial.export(spans)?;
    trial.flush()?;
    trial.drop_exporter()?;
    trial.expect_all_delivered()
}

fn export_all(trial: &mut Trial<'_>, spans: fn(&mut Trial<'_>) -> Vec<SpanRecord>) -> Result<(), String> {
    let spans = spans(trial);
    trial.export(spans)?;
    trial.finish()
}

/// One span made special, among everyday ones that must not suffer from it.
fn one_span(trial: &mut Trial<'_>, special: fn(SpanRecord) -> SpanRecord) -> Result<(), String> {
    let spans = vec![trial.samples.span(), special(trial.samples.span()), trial.samples.span()];
    trial.export(spans)?;
    trial.finish()
}

// Values.

fn every_type(span: SpanRecord) -> SpanRecord {
    span.with_attribute("bool", true)
        .with_attribute("integer", -7)
        .with_attribute("float", 0.5)
        .with_attribute("text", "orders")
        .with_attribute("bools", vec![true, false])
        .with_attribute("integers", vec![1_i64, -2, 3])
        .with_attribute("floats", vec![0.25, -0.5])
        .with_attribute("texts", vec!["a", "b"])
        .with_attribute("no bools", Vec::<bool>::new())
        .with_attribute("no integers", Vec::<i64>::new())
        .with_attribute("no floats", Vec::<f64>::new())
        .with_attribute("no texts", Vec::<&str>::new())
}

fn not_numbers(span: SpanRecord) -> SpanRecord {
    span.with_attribute("nan", f64::NAN)
        .with_attribute("infinity", f64::INFINITY)
        .with_attribute("minus infinity", f64::NEG_INFINITY)
        .with_attribute("all", vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
        .with_event("computed", 1_735_689_600_000_000_001, &[("ratio", f64::NAN.into())])
}

fn extreme_numbers(span: SpanRecord) -> SpanRecord {
    span.with_attribute("most", i64::MAX)
        .with_attribute("least", i64::MIN)
        .with_attribute("too many", u128::MAX)
        .with_attribute("largest", f64::MAX)
        .with_attribute("smallest", f64::MIN_POSITIVE)
        .with_attribute("subnormal", f64::from_bits(1))
        .with_attribute("minus zero", -0.0)
}

fn empty_texts(span: SpanRecord) -> SpanRecord {
    span.with_attribute("empty", "")
        .with_attribute("", "an empty key")
        .with_attribute("empties", vec!["", ""])
        .with_status(Status::error(""))
        .with_event("", 1_735_689_600_000_000_001, &[("", "".into())])
}

fn empty_name(trial: &mut Trial<'_>) -> Result<(), String> {
    let context = trial.samples.context();
    let spans = vec![SpanRecord::new(&context, "", 1, 2), trial.samples.span()];
    trial.export(spans)?;
    trial.finish()
}

/// A span of a megabyte, which is as large as the default limits let one become.
fn long_texts(trial: &mut Trial<'_>) -> Result<(), String> {
    let long = "0123456789abcdef".repeat(1 << 10);
    let mut span = trial.samples.named(&"n".repeat(1_000)).with_status(Status::error(long.clone()));
    for number in 0..62 {
        span = span.with_attribute(format!("text {number}"), &long);
    }
    let spans = vec![trial.samples.span(), span, trial.samples.span()];
    trial.export(spans)?;
    trial.finish()
}

fn control_characters(trial: &mut Trial<'_>) -> Result<(), String> {
    let controls: String = ('\u{0}'..='\u{1f}').chain('\u{7f}'..='\u{9f}').collect();
    let hostile = format!("{controls}\r\n\u{1b}[2J\u{2028}\u{2029}\"\\");
    let span = trial.samples.named(&hostile);
    hostile_everywhere(trial, span, &hostile)
}

fn unicode(trial: &mut Trial<'_>) -> Result<(), String> {
    let texts = "żółć 注文 заказ 🛒👩‍👩‍👧‍👦 e\u{301} \u{202e}txt\u{200b}\u{feff}\u{fffd}\u{10ffff}";
    let span = trial.samples.named(texts);
    hostile_everywhere(trial, span, texts)
}

fn markup(trial: &mut Trial<'_>) -> Result<(), String> {
    let text = r#"</script>{"a":[1,}%s %n ${x} $(y) `z` '; DROP TABLE spans; -- <b> & ]]> \u0000"#;
    let span = trial.samples.named(text);
    hostile_everywhere(trial, span, text)
}

fn hostile_everywhere(trial: &mut Trial<'_>, span: SpanRecord, text: &str) -> Result<(), String> {
    let span = span
        .with_attribute(text.to_owned(), text)
        .with_attribute("texts", vec![text, text])
        .with_status(Status::error(text.to_owned()))
        .with_event(text.to_owned(), 1_735_689_600_000_000_001, &[("text", text.into())]);
    let spans = vec![trial.samples.span(), span, trial.samples.span()];
    trial.export(spans)?;
    trial.finish()
}

fn many_attributes(span: SpanRecord) -> SpanRecord {
    (0..128).fold(span, |span, number| span.with_attribute(format!("key {number}"), number))
}

fn events_and_links(trial: &mut Trial<'_>) -> Result<(), String> {
    let (one, other) = (trial.samples.context().with_remote(true), trial.samples.context());
    let mut span = trial.samples.span();
    let start = span.start_unix_nanos();
    for number in 0..128 {
        span = span.with_event(
            "retry",
            start + number,
            &[("attempt", Value::I64(number as i64)), ("why", "busy".into())],
        );
    }
    // One before the span's start, which a clock of another process may say.
    span = span
        .with_event("early", 0, &[])
        .with_link(&one, &[("reason", "batch".into())])
        .with_link(&other, &[]);
    trial.export(vec![span])?;
    trial.finish()
}

// The span's own fields.

fn kinds_statuses_outcomes(trial: &mut Trial<'_>) -> Vec<SpanRecord> {
    let kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let statuses = [Status::Unset, Status::Ok, Status::error(""), Status::error("the card was declined")];
    let outcomes = [Outcome::Completed, Outcome::Cancelled, Outcome::Panicked];
    let mut spans = Vec::new();
    for kind in kinds {
        for status in &statuses {
            for outcome in outcomes {
                let span = trial.samples.span().with_kind(kind);
                spans.push(span.with_status(status.clone()).with_outcome(outcome));
            }
        }
    }
    spans
}

fn no_duration(trial: &mut Trial<'_>) -> Vec<SpanRecord> {
    let at = 1_735_689_600_000_000_000;
    at_times(trial, &[(at, at)])
}

fn extreme_times(trial: &mut Trial<'_>) -> Vec<SpanRecord> {
    at_times(trial, &[(0, 0), (0, 1), (0, u64::MAX), (u64::MAX, u64::MAX)])
}

fn at_times(trial: &mut Trial<'_>, times: &[(u64, u64)]) -> Vec<SpanRecord> {
    let mut at = |(start, end): &(u64, u64)| {
        let context = trial.samples.context();
        SpanRecord::new(&context, name(&context), *start, *end)
    };
    times.iter().map(&mut at).collect()
}

fn parents(trial: &mut Trial<'_>) -> Vec<SpanRecord> {
    let mut spans = trial.samples.spans(2);
    let never_comes = trial.samples.context().span_id();
    spans.push(trial.samples.span().with_parent(never_comes, false));
    spans.push(trial.samples.span().with_parent(never_comes, true));
    let own = trial.samples.context();
    // A span that is its own parent makes no sense, and must do no harm.
    spans.push(named(&own, "").with_parent(own.span_id(), false));
    let unsampled = trial.samples.context();
    let unsampled =
        crate::context::SpanContext::new(unsampled.trace_id(), unsampled.span_id(), TraceFlags::default());
    spans.push(named(&unsampled, ""));
    spans
}
