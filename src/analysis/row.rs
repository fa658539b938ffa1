//! What the line of one span says (floor 3).

use super::{
    style::{Ink, Paint, RenderOptions},
    text::columns,
    title::{Title, callee},
    tree::{Node, Place},
    units,
    verdict::{self, Verdict},
};
use crate::{record::SpanKind, semconv};
use std::collections::HashMap;

/// Columns between the parts of a line.
pub(super) const GAP: usize = 2;

/// A span and the texts of its line.
pub(super) struct Row<'t, 'a> {
    pub(super) node: Node<'t, 'a>,
    pub(super) title: Title<'a>,
    /// What is worth knowing beside the title, if there is room; may be empty.
    pub(super) aside: String,
    /// How it ended, sign and word; empty if there is nothing to say.
    pub(super) verdict: String,
    pub(super) paint: Paint,
    pub(super) duration: String,
    /// Of the bar. A call is fainter than what answers it: the difference is the way between the two.
    pub(super) ink: Ink,
    /// What went wrong, in the words of the exception or the status.
    pub(super) message: Option<String>,
}

impl<'t, 'a> Row<'t, 'a> {
    /// `hues` has a colour for each service of the trace.
    pub(super) fn new(node: Node<'t, 'a>, hues: &HashMap<&'a str, usize>, options: &RenderOptions) -> Self {
        let span = node.span();
        let verdict = Verdict::of(span, options.ascii);
        let hue = |service: &str| hues.get(service).copied();
        let own_hue = hue(node.service()).unwrap_or(0);
        let nanos = span.end_unix_nanos().saturating_sub(span.start_unix_nanos());
        let is_call = matches!(span.kind(), SpanKind::Client | SpanKind::Producer);
        let callee = callee(span).map(|callee| {
            let callee = callee.to_string();
            let paint = hue(&callee).map_or(Paint::Dim, Paint::Service);
            (callee, paint)
        });
        Self {
            node,
            title: Title {
                service: (node.service(), Paint::Service(own_hue)),
                kind: span.kind(),
                callee,
                name: span.name(),
            },
            aside: aside(node, &verdict, options.ascii),
            ink: if verdict.paint == Paint::Bad { Ink::BAD } else { Ink::service(own_hue) }.faint(is_call),
            paint: verdict.paint,
            verdict: verdict.text(),
            duration: units::duration(nanos, options.ascii),
            message: verdict::message(span),
        }
    }

    /// The columns of all but guides, duration and bar.
    pub(super) fn columns(&self, ascii: bool) -> usize {
        let further = [&self.aside, &self.verdict].into_iter().filter(|part| !part.is_empty());
        self.title.columns(ascii) + further.map(|part| GAP + columns(part, ascii)).sum::<usize>()
    }
}

/// What the tree itself does not say: who called, which attempt it was, what kind of error, and why
/// the span stands where it stands.
fn aside(node: Node<'_, '_>, verdict: &Verdict, ascii: bool) -> String {
    let span = node.span();
    let mut parts = Vec::new();
    let is_answer = matches!(span.kind(), SpanKind::Server | SpanKind::Consumer);
    if let (true, None, Some(peer)) = (is_answer, node.parent(), span.attribute(semconv::SERVICE_PEER_NAME)) {
        parts.push(format!("from {peer}"));
    }
    if let Some(count) = span.attribute(semconv::HTTP_REQUEST_RESEND_COUNT) {
        parts.push(format!("retry {count}"));
    }
    if let Some(error_type) = span.attribute(semconv::ERROR_TYPE).filter(|_| !verdict.says_error_type) {
        parts.push(error_type.to_string());
    }
    match (node.place(), span.parent_span_id()) {
        (Place::MissingParent, Some(parent)) => parts.push(format!("parent {parent} missing")),
        (Place::Cycle, Some(parent)) => parts.push(format!("parent {parent} below it")),
        _ => {}
    }
    parts.join(if ascii { ", " } else { " · " })
}
