//! JSON lines: what a line says, that it is a line, and what becomes of it when writing fails.

mod support;

use proptest::{collection::vec, prelude::*};
use std::{
    collections::VecDeque,
    error::Error,
    io::{self, ErrorKind, Write},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{TRACE, context, declined_order};
use throughline::{
    Batch, Resource, SpanRecord,
    export::{Decision, ExportError, Exporter, Settled},
    exporters::{ExportedSpan, JsonLines},
};

/// What one call of `write` does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Takes at most this many bytes.
    Take(usize),
    Fail(ErrorKind),
}

/// A writer that keeps what it takes and follows a script; afterwards it takes all.
#[derive(Clone, Default)]
struct Scripted {
    taken: Arc<Mutex<Vec<u8>>>,
    script: Arc<Mutex<VecDeque<Step>>>,
    writes: Arc<Mutex<usize>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Step>) -> Self {
        let scripted = Self::default();
        scripted.script.lock().unwrap().extend(script);
        scripted
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }

    /// The names in the lines that are whole; others are counted.
    fn names(&self) -> (Vec<String>, usize) {
        let text = self.text();
        let spans = text.lines().map(serde_json::from_str::<ExportedSpan>);
        let (whole, torn): (Vec<_>, Vec<_>) = spans.partition(Result::is_ok);
        (whole.into_iter().map(|line| line.unwrap().span.name().to_owned()).collect(), torn.len())
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.writes.lock().unwrap() += 1;
        let count = match self.script.lock().unwrap().pop_front() {
            Some(Step::Fail(kind)) => return Err(kind.into()),
            Some(Step::Take(count)) => count.min(bytes.len()),
            None => bytes.len(),
        };
        self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn batch(names: &[&'static str]) -> Batch {
    let spans = names.iter().zip(1..).map(|(name, id)| SpanRecord::new(&context(TRACE, id), *name, 1, 2));
    Batch::new(Arc::new(Resource::new("orders")), spans.collect())
}

/// Of a span of [`batch`] whose name is a letter, its end included.
fn line_length() -> usize {
    let line = serde_json::to_string(&ExportedSpan {
        resource: Arc::new(Resource::new("orders")),
        span: SpanRecord::new(&context(TRACE, 1), "a", 1, 2),
    });
    line.unwrap().len() + 1
}

/// What is left of a batch after this answer, as the pipeline has it tried again; `None` if nothing is.
fn rest(batch: &Batch, result: Result<(), ExportError>) -> Option<Batch> {
    let settled = result.err()?.settled().spans();
    let rest: Vec<_> = batch.spans().skip(settled).cloned().collect();
    (!rest.is_empty()).then(|| Batch::new(batch.resource().clone(), rest))
}

fn decision(result: Result<(), ExportError>) -> Decision {
    result.unwrap_err().decision()
}

#[test]
fn a_line_is_the_record_its_service_and_its_resource() {
    let writer = Scripted::default();
    let mut exporter = JsonLines::to(writer.clone());
    let resource = Arc::new(Resource::new("orders").with_attribute("service.version", "1.4.0"));
    let (_, span) = declined_order().swap_remove(14);
    exporter.export(&Batch::new(resource.clone(), vec![span.clone()])).unwrap();

    let text = writer.text();
    assert!(text.ends_with("}\n"), "{text}");
    let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        serde_json::from_str::<ExportedSpan>(&text).unwrap(),
        ExportedSpan { resource, span: span.clone() }
    );

    let fields = line.as_object_mut().unwrap();
    assert_eq!(fields.remove("service").unwrap(), "orders");
    let resource = fields.remove("resource").unwrap();
    assert_eq!(resource, serde_json::json!({ "service.name": "orders", "service.version": "1.4.0" }));
    assert_eq!(line, serde_json::to_value(&span).unwrap());
}

#[test]
fn a_line_without_a_resource_still_has_a_service() {
    let mut line = serde_json::to_value(SpanRecord::new(&context(TRACE, 1), "a", 1, 2)).unwrap();
    line["service"] = "orders".into();
    let read: ExportedSpan = serde_json::from_value(line).unwrap();
    assert_eq!(read.service(), "orders");
}

#[test]
fn a_batch_is_written_in_one_call() {
    let writer = Scripted::default();
    let mut exporter = JsonLines::to(writer.clone());
    exporter.export(&batch(&["a", "b", "c"])).unwrap();
    assert_eq!(*writer.writes.lock().unwrap(), 1);
    exporter.export(&batch(&[])).unwrap();
    assert_eq!(*writer.writes.lock().unwrap(), 1);
    assert_eq!(writer.names(), (vec!["a".into(), "b".into(), "c".into()], 0));
}

#[test]
fn a_write_that_is_taken_in_parts_is_no_failure() {
    let writer = Scripted::new([Step::Take(7), Step::Fail(ErrorKind::Interrupted), Step::Take(1)]);
    JsonLines::to(writer.clone()).export(&batch(&["a", "b"])).unwrap();
    assert_eq!(writer.names(), (vec!["a".into(), "b".into()], 0));
}

#[test]
fn the_rest_of_a_batch_goes_on_where_the_write_stopped() {
    let writer =
        Scripted::new([Step::Take(450), Step::Fail(ErrorKind::StorageFull), Step::Fail(ErrorKind::TimedOut)]);
    let mut exporter = JsonLines::to(writer.clone());
    let batch = batch(&["a", "b"]);
    let error = exporter.export(&batch).unwrap_err();
    assert_eq!(error.decision(), Decision::Retry { after: None });
    assert_eq!((error.settled().delivered, error.settled().rejected), (1, 0));
    let batch = rest(&batch, Err(error)).unwrap();
    let error = exporter.export(&batch).unwrap_err();
    assert_eq!((error.decision(), error.settled()), (Decision::Retry { after: None }, Settled::default()));
    assert_eq!(writer.names(), (vec!["a".into()], 1));
    exporter.flush(Duration::from_secs(1)).unwrap();
    exporter.export(&batch).unwrap();
    assert_eq!(writer.names(), (vec!["a".into(), "b".into()], 0));
}

/// Behind a spool, live spans come before those that are tried again.
#[test]
fn lines_that_were_written_do_not_come_again_behind_another_batch() {
    let torn = Step::Take(2 * line_length() - 5);
    let writer = Scripted::new([torn, Step::Fail(ErrorKind::StorageFull)]);
    let mut exporter = JsonLines::to(writer.clone());
    let first = batch(&["a", "b", "c"]);
    let first = rest(&first, exporter.export(&first)).unwrap();
    exporter.export(&batch(&["d"])).unwrap();
    exporter.export(&first).unwrap();
    let expected = ["a", "d", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(writer.names(), (expected, 1), "the torn line is ended");
}

/// What lies in a buffer of the writer's own has not been delivered.
#[test]
fn a_flush_that_fails_settles_nothing() {
    struct Buffered(Scripted, bool);
    impl Write for Buffered {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            if std::mem::take(&mut self.1) { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }
    let writer = Scripted::default();
    let mut exporter = JsonLines::to(Buffered(writer.clone(), true));
    let batch = batch(&["a", "b"]);
    let error = exporter.export(&batch).unwrap_err();
    assert_eq!((error.decision(), error.settled()), (Decision::Retry { after: None }, Settled::default()));
    exporter.export(&batch).unwrap();
    assert_eq!(writer.names(), (vec!["a".into(), "b".into()], 0), "they are there already");
}

#[test]
fn after_a_batch_was_given_up_the_next_starts_on_a_line_of_its_own() {
    let writer = Scripted::new([
        Step::Take(2 * line_length() - 5),
        Step::Fail(ErrorKind::StorageFull),
        // The line feed that ends the torn line is not written either.
        Step::Fail(ErrorKind::StorageFull),
        // Then it alone.
        Step::Take(1),
        Step::Fail(ErrorKind::StorageFull),
    ]);
    let mut exporter = JsonLines::to(writer.clone());
    exporter.export(&batch(&["a", "b"])).unwrap_err();
    exporter.export(&batch(&["c"])).unwrap_err();
    exporter.export(&batch(&["d"])).unwrap_err();
    assert!(writer.text().ends_with('\n'));
    exporter.export(&batch(&["e"])).unwrap();
    assert_eq!(writer.names(), (vec!["a".into(), "e".into()], 1));
}

#[test]
fn a_final_failure_counts_what_was_not_written_whole() {
    let length = line_length();
    for (taken, expected) in [(0, 0), (length - 1, 0), (length, 1), (2 * length + 5, 2)] {
        let take = (taken > 0).then_some(Step::Take(taken));
        let writer = Scripted::new(take.into_iter().chain([Step::Fail(ErrorKind::BrokenPipe)]));
        let mut exporter = JsonLines::to(writer.clone());
        let error = exporter.export(&batch(&["a", "b", "c"])).unwrap_err();
        assert_eq!((error.decision(), error.settled().delivered), (Decision::Permanent, expected), "{taken}");
        exporter.export(&batch(&["d"])).unwrap();
        assert_eq!(writer.names().0.last().unwrap(), "d");
    }
}

/// What two lines begin with belongs to either.
#[test]
fn a_line_that_is_torn_before_it_differs_becomes_the_next() {
    let writer = Scripted::new([Step::Take(20), Step::Fail(ErrorKind::StorageFull)]);
    let mut exporter = JsonLines::to(writer.clone());
    exporter.export(&batch(&["a"])).unwrap_err();
    exporter.export(&batch(&["b"])).unwrap();
    assert_eq!(writer.names(), (vec!["b".into()], 0));
}

#[test]
fn the_line_feed_that_ends_a_torn_line_is_no_span() {
    let torn = line_length() - 5;
    let writer = Scripted::new([
        Step::Take(torn),
        Step::Fail(ErrorKind::StorageFull),
        Step::Take(1 + torn),
        Step::Fail(ErrorKind::BrokenPipe),
    ]);
    let mut exporter = JsonLines::to(writer.clone());
    exporter.export(&batch(&["a"])).unwrap_err();
    assert_eq!(decision(exporter.export(&batch(&["b", "c"]))), Decision::Permanent);
    exporter.export(&batch(&["d"])).unwrap();
    assert_eq!(writer.names(), (vec!["d".into()], 2));
}

#[test]
fn a_file_is_appended_to() {
    let path = std::env::temp_dir().join(format!("throughline-json-lines-{}.jsonl", std::process::id()));
    for name in ["a", "b"] {
        JsonLines::file(&path).unwrap().export(&batch(&[name])).unwrap();
    }
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lines.lines().count(), 2);

    let error = JsonLines::file(path.join("no directory")).unwrap_err();
    assert!(error.to_string().contains("no directory"), "{error}");
    assert!(error.source().unwrap().is::<io::Error>());
}

proptest! {
    #[test]
    fn a_line_is_always_a_line_and_says_what_was_meant(
        texts in vec(prop_oneof![any::<String>(), "[\u{0}-\u{9f}\u{2000}-\u{2070}\"\\\\]{0,20}"], 4),
    ) {
        let span = SpanRecord::new(&context(TRACE, 1), texts[0].clone(), 1, 2)
            .with_attribute(texts[1].clone(), texts[2].clone());
        let resource = Arc::new(Resource::new(texts[3].clone()));
        let writer = Scripted::default();
        JsonLines::to(writer.clone()).export(&Batch::new(resource.clone(), vec![span.clone()])).unwrap();

        let text = writer.text();
        let line = text.strip_suffix('\n').unwrap();
        let ends_or_acts = |c: char| {
            c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{200e}' | '\u{200f}')
        };
        prop_assert!(!line.contains(ends_or_acts), "{line:?}");
        prop_assert_eq!(serde_json::from_str::<ExportedSpan>(line).unwrap(), ExportedSpan { resource, span });
    }

    #[test]
    fn however_writing_stutters_no_line_is_torn_or_comes_twice(
        steps in vec(prop_oneof![(1..900_usize).prop_map(Step::Take), Just(Step::Fail(ErrorKind::StorageFull))], 0..12),
    ) {
        let tries = steps.len() + 1;
        let writer = Scripted::new(steps);
        let mut exporter = JsonLines::to(writer.clone());
        for batch in [batch(&["a", "b", "c"]), batch(&["d"]), batch(&["e", "f"])] {
            let mut left = Some(batch);
            for _ in 0..tries {
                left = left.and_then(|batch| rest(&batch, exporter.export(&batch)));
            }
            prop_assert!(left.is_none());
        }
        let expected: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        prop_assert_eq!(writer.names(), (expected, 0));
    }
}
