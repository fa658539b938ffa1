//! Events and links of a span (floor 2): as they are kept, and as an exporter reads them.

use super::values::{Slot, Values};
use crate::{
    context::{TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    value::{Attribute, Value},
};
use std::{borrow::Cow, fmt, ops::Range};

/// An event as it is kept; its attributes are a range of a common list.
#[derive(Clone, Debug)]
pub(super) struct EventSlot {
    pub(super) name: Cow<'static, str>,
    /// Ticks or nanoseconds, as `SpanRecord::start`.
    pub(super) time: u64,
    pub(super) attributes: Range<u32>,
    pub(super) dropped_attributes: u32,
}

impl EventSlot {
    /// As it is read, its attributes among `slots`.
    pub(super) fn as_event<'a>(&'a self, slots: &'a [Slot], values: &'a Values) -> Event<'a> {
        Event {
            name: &self.name,
            unix_nanos: self.time,
            dropped_attributes: self.dropped_attributes,
            slots: items(slots, &self.attributes),
            values,
        }
    }
}

/// The span a link points to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkTarget {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) trace_state: TraceState,
}

/// A link as it is kept.
#[derive(Clone, Debug)]
pub(super) struct LinkSlot {
    pub(super) target: LinkTarget,
    pub(super) attributes: Range<u32>,
    pub(super) dropped_attributes: u32,
}

impl LinkSlot {
    /// As it is read, its attributes among `slots`.
    pub(super) fn as_link<'a>(&'a self, slots: &'a [Slot], values: &'a Values) -> Link<'a> {
        Link {
            dropped_attributes: self.dropped_attributes,
            target: &self.target,
            slots: items(slots, &self.attributes),
            values,
        }
    }
}

/// One item's attributes.
pub(super) fn items<'a>(slots: &'a [Slot], range: &Range<u32>) -> &'a [Slot] {
    slots.get(range.start as usize..range.end as usize).unwrap_or_default()
}

/// An event of a span.
#[derive(Clone)]
pub struct Event<'a> {
    /// The name.
    pub name: &'a str,
    /// When it happened, in UTC Unix nanoseconds.
    pub unix_nanos: u64,
    /// Attributes left out because there were too many.
    pub dropped_attributes: u32,
    pub(super) slots: &'a [Slot],
    pub(super) values: &'a Values,
}

impl<'a> Event<'a> {
    /// The event's attributes.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        self.values.read(self.slots)
    }

    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<Value<'a>> {
        self.attributes().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    }

    /// The event's attributes, each key once, with its last value.
    pub(crate) fn settled_attributes(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        last_of_each(self.attributes())
    }
}

/// By what a reader sees.
impl PartialEq for Event<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.unix_nanos == other.unix_nanos
            && self.dropped_attributes == other.dropped_attributes
            && self.attributes().eq(other.attributes())
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("unix_nanos", &self.unix_nanos)
            .field("attributes", &self.attributes().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A link of a span to another, of the same trace or not.
#[derive(Clone)]
pub struct Link<'a> {
    /// Attributes left out because there were too many.
    pub dropped_attributes: u32,
    pub(super) target: &'a LinkTarget,
    pub(super) slots: &'a [Slot],
    pub(super) values: &'a Values,
}

impl<'a> Link<'a> {
    /// The trace of the span linked to.
    pub const fn trace_id(&self) -> TraceId {
        self.target.trace_id
    }

    /// The span linked to.
    pub const fn span_id(&self) -> SpanId {
        self.target.span_id
    }

    /// Its trace flags.
    pub const fn flags(&self) -> TraceFlags {
        self.target.flags
    }

    /// Its tracestate.
    pub const fn trace_state(&self) -> &'a TraceState {
        &self.target.trace_state
    }

    /// The link's attributes.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'a>> + Clone + use<'a> {
        self.values.read(self.slots)
    }

    /// The link's attributes, each key once, with its last value.
    pub(crate) fn settled_attributes(&self) -> impl Iterator<Item = Attribute<'a>> + Clone + use<'a> {
        last_of_each(self.attributes())
    }
}

/// By what a reader sees.
impl PartialEq for Link<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target
            && self.dropped_attributes == other.dropped_attributes
            && self.attributes().eq(other.attributes())
    }
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .field("attributes", &self.attributes().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A span's attributes are settled on its way here; an event's and a link's come as the caller gave
/// them, a few at a time.
fn last_of_each<'a>(
    attributes: impl Iterator<Item = Attribute<'a>> + Clone,
) -> impl Iterator<Item = Attribute<'a>> + Clone {
    let mut rest = attributes;
    std::iter::from_fn(move || {
        loop {
            let attribute = rest.next()?;
            if !rest.clone().any(|later| later.key == attribute.key) {
                return Some(attribute);
            }
        }
    })
}
