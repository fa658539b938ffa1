//! `err`.

use crate::{Traced, block_on};
use std::{
    cell::Cell,
    fmt::{self, Display},
    io,
    num::ParseIntError,
    time::Duration,
};
use throughline::{Outcome, Span, SpanRecord, Status, Tracer, instrument};

/// The type and the message of the span's one exception.
fn exception(span: &SpanRecord) -> (String, String) {
    let mut events = span.events();
    let event = events.next().expect("an event");
    assert!(events.next().is_none());
    assert_eq!(event.name, "exception");
    let text = |key| event.attributes().find(|attribute| attribute.key == key).unwrap().value.to_string();
    (text("exception.type"), text("exception.message"))
}

#[instrument(err)]
fn parse(text: &str) -> Result<u32, ParseIntError> {
    if text == "early" {
        return "x".parse();
    }
    let number: u32 = text.parse()?;
    Ok(number)
}

#[instrument(err)]
async fn parse_later(text: &str) -> Result<u32, ParseIntError> {
    tokio::task::yield_now().await;
    if text == "early" {
        return "x".parse();
    }
    let number: u32 = text.parse()?;
    Ok(number)
}

#[test]
fn an_error_is_recorded_however_it_is_returned() {
    let traced = Traced::new();
    for text in ["early", "late"] {
        assert!(parse(text).is_err());
        assert!(block_on(parse_later(text)).is_err());
    }
    let spans = traced.spans();
    assert_eq!(spans.len(), 4);
    for span in &spans {
        let message = "invalid digit found in string";
        assert_eq!(span.status(), &Status::error(message));
        assert_eq!(exception(span), ("core::num::error::ParseIntError".into(), message.into()));
        assert_eq!(span.outcome(), Outcome::Completed);
    }
}

#[test]
fn a_success_is_not_an_error() {
    let traced = Traced::new();
    assert_eq!(parse("1"), Ok(1));
    assert_eq!(block_on(parse_later("1")), Ok(1));
    for span in traced.spans() {
        assert_eq!(span.status(), &Status::Unset);
        assert_eq!(span.events().len(), 0);
    }
}

#[instrument]
fn not_asked() -> Result<(), io::Error> {
    Err(io::ErrorKind::NotFound.into())
}

#[test]
fn an_error_nobody_asked_for_is_not_recorded() {
    let traced = Traced::new();
    assert!(not_asked().is_err());
    assert_eq!(traced.span().status(), &Status::Unset);
}

#[derive(Debug, PartialEq)]
struct Refused {
    code: u8,
}

#[instrument(err(Debug))]
fn refuses() -> Result<(), Refused> {
    Err(Refused { code: 3 })
}

#[test]
fn debug_can_be_asked_for() {
    let traced = Traced::new();
    assert_eq!(refuses(), Err(Refused { code: 3 }));
    let (kind, message) = exception(&traced.span());
    assert!(kind.ends_with("Refused"), "{kind}");
    assert_eq!(message, "Refused { code: 3 }");
}

#[instrument(err)]
fn comments() -> Result<(), String> {
    Span::current().add_event("tried", &[]);
    Err("gave up".to_owned())
}

#[instrument(err)]
async fn comments_later() -> Result<(), String> {
    Span::current().add_event("tried", &[]);
    Err("gave up".to_owned())
}

#[test]
fn the_error_comes_after_what_the_body_recorded() {
    let traced = Traced::new();
    assert!(comments().is_err());
    assert!(block_on(comments_later()).is_err());
    for span in traced.spans() {
        assert_eq!(span.events().map(|event| event.name).collect::<Vec<_>>(), ["tried", "exception"]);
    }
}

#[instrument(tracer = tracer, skip_all, err)]
fn fails(tracer: &Tracer) -> Result<(), fmt::Error> {
    Err(fmt::Error)
}

#[instrument(tracer = tracer, skip_all, err)]
async fn fails_later(tracer: &Tracer) -> Result<(), fmt::Error> {
    Err(fmt::Error)
}

#[instrument]
fn forgives(tracer: &Tracer) {
    assert!(fails(tracer).is_err());
    assert!(block_on(fails_later(tracer)).is_err());
}

#[test]
fn an_error_is_never_recorded_on_somebody_elses_span() {
    let (gone, _) = crate::tracer();
    let _ = gone.shutdown(Duration::from_secs(5));
    let traced = Traced::new();
    forgives(&gone);
    let span = traced.span();
    assert_eq!(span.name(), "forgives");
    assert_eq!(span.status(), &Status::Unset);
}

struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    #[instrument(err)]
    fn first(&mut self) -> io::Result<&mut u8> {
        self.bytes.first_mut().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    #[instrument(err)]
    fn take(self, at: usize) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        if at > self.bytes.len() {
            return Err("past the end".into());
        }
        Ok(self.bytes)
    }

    #[instrument(err)]
    fn each(&self, limit: u8) -> Result<impl Iterator<Item = u8>, String> {
        if limit == 0 {
            return Err("no limit".to_owned());
        }
        Ok(self.bytes.iter().copied().filter(move |byte| *byte < limit))
    }

    #[instrument(err)]
    async fn read(&mut self, mut count: usize) -> io::Result<&[u8]> {
        count = count.min(self.bytes.len());
        Ok(&self.bytes[..count])
    }
}

#[test]
fn what_is_returned_may_borrow_and_be_opaque() {
    let traced = Traced::new();
    let mut buffer = Buffer { bytes: vec![1, 2] };
    *buffer.first().unwrap() += 1;
    assert_eq!(block_on(buffer.read(9)).unwrap(), [2, 2]);
    assert_eq!(buffer.each(3).unwrap().count(), 2);
    assert!(buffer.each(0).is_err());
    assert!(buffer.take(3).is_err());
    let statuses: Vec<_> = traced.spans().iter().map(|span| span.status().is_error()).collect();
    assert_eq!(statuses, [false, false, false, true, true]);
}

thread_local! {
    static SHOWN: Cell<u32> = const { Cell::new(0) };
}

struct Witness;

impl Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SHOWN.set(SHOWN.get() + 1);
        f.write_str("shown")
    }
}

#[instrument(err)]
fn unseen() -> Result<(), Witness> {
    Err(Witness)
}

#[instrument(err)]
async fn unseen_later() -> Result<(), Witness> {
    Err(Witness)
}

#[test]
fn an_error_is_not_formatted_where_nothing_records() {
    assert!(unseen().is_err());
    assert!(block_on(unseen_later()).is_err());
    assert_eq!(SHOWN.get(), 0);
}
