//! A record in words, for the message of a failed assertion (floor 6).

use crate::{
    record::{SpanRecord, Status},
    value::{Attribute, Value},
};
use std::fmt::{self, Display, Write};

/// All there is to know of a span, on a few lines. Texts are escaped.
pub(super) struct Described<'a>(pub(super) &'a SpanRecord);

impl Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.0;
        write!(
            f,
            "span {:?} ({}), trace {}, id {}",
            span.name(),
            span.kind().as_str(),
            span.trace_id(),
            span.span_id()
        )?;
        match span.parent_span_id() {
            None => f.write_str(", without a parent")?,
            Some(parent) if span.parent_is_remote() => write!(f, ", parent {parent} in another process")?,
            Some(parent) => write!(f, ", parent {parent}")?,
        }
        write!(f, "\n  {} after {:?}, status ", span.outcome().as_str(), span.duration())?;
        match span.status() {
            Status::Error { description } => write!(f, "error {description:?}")?,
            Status::Ok => f.write_str("ok")?,
            Status::Unset => f.write_str("unset")?,
        }
        for attribute in span.attributes() {
            write!(f, "\n  {}", in_words(&attribute))?;
        }
        for event in span.events() {
            write!(f, "\n  event {:?}", event.name)?;
            for attribute in event.attributes() {
                write!(f, "\n    {}", in_words(&attribute))?;
            }
        }
        for link in span.links() {
            write!(f, "\n  link to trace {}, span {}", link.trace_id(), link.span_id())?;
        }
        let dropped = [span.dropped_attributes(), span.dropped_events(), span.dropped_links()];
        if dropped != [0; 3] {
            let [attributes, events, links] = dropped;
            write!(f, "\n  left out: {attributes} attributes, {events} events, {links} links")?;
        }
        Ok(())
    }
}

/// The names of spans as a tree: children under their parents, two spaces further in, in the order of
/// their starts. A span whose parent is not among them stands at the margin.
pub(super) fn tree(spans: &[SpanRecord]) -> String {
    let mut sorted: Vec<_> = spans.iter().collect();
    sorted.sort_by_key(|span| span.start_unix_nanos());
    let mut text = String::new();
    let is_top = |span: &SpanRecord| !spans.iter().any(|other| is_child(span, other));
    for root in sorted.iter().filter(|span| is_top(span)) {
        branch(root, &sorted, 0, &mut text);
    }
    text
}

fn branch(span: &SpanRecord, spans: &[&SpanRecord], depth: usize, text: &mut String) {
    let _infallible = writeln!(text, "{:indent$}{}", "", span.name(), indent = depth * 2);
    for child in spans.iter().filter(|other| is_child(other, span)) {
        branch(child, spans, depth + 1, text);
    }
}

pub(super) fn is_child(child: &SpanRecord, parent: &SpanRecord) -> bool {
    child.parent_span_id() == Some(parent.span_id()) && child.trace_id() == parent.trace_id()
}

fn in_words(attribute: &Attribute<'_>) -> String {
    match &attribute.value {
        Value::Str(text) => format!("{:?} = {text:?}", attribute.key),
        value => format!("{:?} = {value}", attribute.key),
    }
}
