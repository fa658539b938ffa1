//! How a span ended, in a word (floor 3).

use super::style::Paint;
use crate::{
    record::{Outcome, SpanRecord, Status},
    semconv,
};

/// A span's end as the tree shows it: a sign that is seen without colours, and a word.
pub(super) struct Verdict {
    pub(super) sign: char,
    pub(super) word: String,
    pub(super) paint: Paint,
    /// Does the word say the span's `error.type`?
    pub(super) says_error_type: bool,
}

impl Verdict {
    pub(super) fn of(span: &SpanRecord, ascii: bool) -> Self {
        let failed = if ascii { 'x' } else { '✗' };
        let (sign, paint) = match (span.outcome(), span.status()) {
            (Outcome::Panicked, _) => return Self::new('!', "panicked", Paint::Bad),
            (Outcome::Cancelled, _) => {
                return Self::new(if ascii { '/' } else { '⊘' }, "cancelled", Paint::Bad);
            }
            (Outcome::Completed, Status::Error { .. }) => (failed, Paint::Bad),
            (Outcome::Completed, _) => (' ', Paint::Plain),
        };
        let error_type = span.attribute(semconv::ERROR_TYPE).map(|value| value.to_string());
        let code = code(span);
        let says_error_type = error_type.is_none() || code.is_none() || code == error_type;
        let is_error = paint == Paint::Bad;
        let word = code.or_else(|| error_type.filter(|_| is_error));
        match word {
            Some(word) if !is_error && is_doubtful(&word) => {
                Self { sign, word, paint: Paint::Warn, says_error_type }
            }
            Some(word) => Self { sign, word, paint, says_error_type },
            None if is_error => Self::new(sign, "error", paint),
            None => Self::new(sign, "", paint),
        }
    }

    /// Sign and word.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.sign, self.word).trim().to_owned()
    }

    fn new(sign: char, word: &str, paint: Paint) -> Self {
        Self { sign, word: word.to_owned(), paint, says_error_type: false }
    }
}

/// The answer's own code: HTTP's number or gRPC's name.
fn code(span: &SpanRecord) -> Option<String> {
    let http = span.attribute(semconv::HTTP_RESPONSE_STATUS_CODE);
    http.or_else(|| span.attribute(semconv::RPC_STATUS_CODE)).map(|code| code.to_string())
}

/// A code that is no error by its span's own word, but no success either: 404 at the server, say.
fn is_doubtful(code: &str) -> bool {
    match code.parse::<u16>() {
        Ok(number) => number >= 400,
        Err(_) => code != "OK",
    }
}

/// What a person should know of the failure: the exception's type and message, else the status's
/// description.
pub(super) fn message(span: &SpanRecord) -> Option<String> {
    // The last one: earlier ones may have been overcome.
    let exception = span.events().filter(|event| event.name == semconv::EXCEPTION).last();
    let part = |key| exception.as_ref().and_then(|event| event.attribute(key)).map(|value| value.to_string());
    let described = match span.status() {
        Status::Error { description } if !description.is_empty() => Some(description.to_string()),
        _ => None,
    };
    match (part(semconv::EXCEPTION_TYPE), part(semconv::EXCEPTION_MESSAGE).or(described)) {
        (Some(class), Some(message)) => Some(format!("{class}: {message}")),
        (class, message) => class.or(message),
    }
}
