//! What a span is called: service, kind, callee, name (floor 3).

use super::{
    style::Paint,
    text::{Line, columns},
};
use crate::{
    record::{SpanKind, SpanRecord},
    semconv,
    value::Value,
};

/// Columns of a name that are left, at least, while a callee is named.
const LEAST_NAME: usize = 8;

/// The parts of a title, one blank between each two.
pub(super) struct Title<'a> {
    pub(super) service: (&'a str, Paint),
    pub(super) kind: SpanKind,
    /// The service that is called, where it is known.
    pub(super) callee: Option<(String, Paint)>,
    pub(super) name: &'a str,
}

impl Title<'_> {
    /// The columns it takes when nothing is cut.
    pub(super) fn columns(&self, ascii: bool) -> usize {
        let callee = self.callee.as_ref().map_or(0, |(callee, _)| columns(callee, ascii) + 1);
        self.columns_without_callee(ascii) + callee
    }

    fn columns_without_callee(&self, ascii: bool) -> usize {
        columns(self.service.0, ascii) + self.mark_columns(ascii) + 1 + columns(self.name, ascii)
    }

    fn mark_columns(&self, ascii: bool) -> usize {
        mark(self.kind, ascii).map_or(0, |mark| columns(mark, ascii) + 1)
    }

    /// Writes it before column `end`. Where room is short the name is cut; once little of it would be
    /// left the callee goes, since the span below tends to name it; then a service that takes more
    /// than half is cut, too.
    pub(super) fn put(&self, end: usize, line: &mut Line<'_>) {
        let ascii = line.options().ascii;
        let room = |line: &Line<'_>| end.saturating_sub(line.column());
        let cut_name = columns(self.name, ascii).saturating_sub(LEAST_NAME);
        let callee = self.callee.as_ref().filter(|_| self.columns(ascii) - cut_name <= room(line));
        let after_service = self.columns_without_callee(ascii) - columns(self.service.0, ascii);
        let service_room = if callee.is_some() {
            room(line)
        } else {
            room(line).saturating_sub(after_service).max(room(line) / 2)
        };

        let (service, paint) = self.service;
        line.put_within(service_room, service, paint);
        let mark = mark(self.kind, ascii).map(|mark| (mark, Paint::Dim));
        let callee = callee.map(|(callee, paint)| (callee.as_str(), *paint));
        for (part, paint) in [mark, callee, Some((self.name, Paint::Plain))].into_iter().flatten() {
            if room(line) > 1 {
                line.goto(line.column() + 1);
                line.put_within(room(line), part, paint);
            }
        }
    }
}

/// The service a span calls, where it says so.
pub(super) fn callee(span: &SpanRecord) -> Option<Value<'_>> {
    let is_call = matches!(span.kind(), SpanKind::Client | SpanKind::Producer);
    span.attribute(semconv::SERVICE_PEER_NAME).filter(|_| is_call)
}

/// Which way the exchange goes, seen from the service.
const fn mark(kind: SpanKind, ascii: bool) -> Option<&'static str> {
    match (kind, ascii) {
        (SpanKind::Internal, _) => None,
        (SpanKind::Server, false) => Some("←"),
        (SpanKind::Server, true) => Some("<-"),
        (SpanKind::Client, false) => Some("→"),
        (SpanKind::Client, true) => Some("->"),
        (SpanKind::Producer, false) => Some("⇢"),
        (SpanKind::Producer, true) => Some("=>"),
        (SpanKind::Consumer, false) => Some("⇠"),
        (SpanKind::Consumer, true) => Some("<="),
    }
}
