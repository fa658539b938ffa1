//! One finished span (floor 2).

use super::{
    details::{Details, EMPTY_DETAILS},
    items::{Event, Link},
    limits::Limits,
    status::{Outcome, Status},
    weight::Weight,
};
use crate::{
    context::{SpanContext, TraceFlags, TraceState},
    ids::{SpanId, TraceId},
    value::{Attribute, Value},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, time::Duration};

/// Which side of an exchange a span is [OpenTelemetry trace API, SpanKind].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SpanKind {
    /// Work inside a service.
    #[default]
    Internal,
    /// The answering side of a request.
    Server,
    /// The calling side of a request.
    Client,
    /// Sends a message and does not wait for its handling.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    /// The kind in lowercase, such as `server`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A finished span.
///
/// The fields every span has are here; attributes, events, links and status texts live behind one
/// pointer, absent where there are none.
#[derive(Clone, Debug)]
pub struct SpanRecord {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: Option<SpanId>,
    /// In UTC Unix nanoseconds.
    pub(crate) start: u64,
    /// In UTC Unix nanoseconds.
    pub(crate) end: u64,
    pub(crate) name: Cow<'static, str>,
    pub(crate) details: Option<Box<Details>>,
    /// Its text is shared by all spans of the trace.
    pub(crate) trace_state: TraceState,
    pub(crate) kind: SpanKind,
    pub(crate) outcome: Outcome,
    pub(crate) flags: TraceFlags,
    pub(crate) parent_is_remote: bool,
    pub(crate) weight: Weight,
    /// The first span of its trace in the process it comes from; `None` where a record comes from elsewhere.
    pub(crate) local_root: Option<SpanId>,
}

const _: () = assert!(size_of::<SpanRecord>() == 112);

impl SpanRecord {
    /// A span of `[start, end]`, in UTC Unix nanoseconds, with nothing else known of it. Meant for
    /// tests and for records that come from elsewhere.
    pub fn new(context: &SpanContext, name: impl Into<Cow<'static, str>>, start: u64, end: u64) -> Self {
        Self {
            trace_id: context.trace_id(),
            span_id: context.span_id(),
            parent_span_id: None,
            start,
            end: end.max(start),
            name: name.into(),
            details: None,
            trace_state: context.trace_state().clone(),
            kind: SpanKind::Internal,
            outcome: Outcome::Completed,
            flags: context.flags(),
            parent_is_remote: false,
            weight: Weight::of_trace_state(context.trace_state()),
            local_root: None,
        }
    }

    /// The same record under this parent.
    #[must_use]
    pub fn with_parent(mut self, parent: SpanId, is_remote: bool) -> Self {
        self.parent_span_id = Some(parent);
        self.parent_is_remote = is_remote;
        self
    }

    /// The same record with this kind.
    #[must_use]
    pub fn with_kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same record with this status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.details_mut().status = status;
        self
    }

    /// The same record with this outcome.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same record, standing for so many spans: see [`adjusted_count`](Self::adjusted_count). Less than
    /// 1 is taken for 1; about seven decimal digits are kept.
    #[must_use]
    pub fn with_adjusted_count(mut self, count: f64) -> Self {
        self.weight = Weight::new(count);
        self
    }

    /// The same record with one more attribute; one of the same name is replaced.
    #[must_use]
    pub fn with_attribute<'v>(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value<'v>>,
    ) -> Self {
        self.details_mut().set_attribute(key.into(), value.into());
        self
    }

    /// The same record with one more event at this time, in UTC Unix nanoseconds.
    #[must_use]
    pub fn with_event(
        mut self,
        name: impl Into<Cow<'static, str>>,
        unix_nanos: u64,
        attributes: &[(&'static str, Value<'_>)],
    ) -> Self {
        self.details_mut().push_event(name.into(), unix_nanos, attributes, &Limits::NONE);
        self
    }

    /// The same record with one more link.
    #[must_use]
    pub fn with_link(mut self, context: &SpanContext, attributes: &[(&'static str, Value<'_>)]) -> Self {
        self.details_mut().push_link(context, attributes, &Limits::NONE);
        self
    }

    pub(crate) fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// The bytes the record holds, its own included: what the queues' byte bounds count.
    pub fn size_bytes(&self) -> usize {
        let name = match &self.name {
            Cow::Borrowed(_) => 0,
            Cow::Owned(name) => name.capacity(),
        };
        size_of::<Self>() + name + self.details.as_deref().map_or(0, Details::size_bytes)
    }

    fn details(&self) -> &Details {
        self.details.as_deref().unwrap_or(&EMPTY_DETAILS)
    }

    /// The trace's id.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span's id.
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The parent's id; `None` for the first span of the trace.
    pub const fn parent_span_id(&self) -> Option<SpanId> {
        self.parent_span_id
    }

    /// Does the parent belong to another process?
    pub const fn parent_is_remote(&self) -> bool {
        self.parent_is_remote
    }

    /// Is it the first span of the trace in its process?
    pub const fn is_local_root(&self) -> bool {
        self.parent_span_id.is_none() || self.parent_is_remote
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind.
    pub const fn kind(&self) -> SpanKind {
        self.kind
    }

    /// When it started, in UTC Unix nanoseconds.
    pub const fn start_unix_nanos(&self) -> u64 {
        self.start
    }

    /// When it ended, in UTC Unix nanoseconds; never before its start.
    pub const fn end_unix_nanos(&self) -> u64 {
        self.end
    }

    /// How long it took.
    pub const fn duration(&self) -> Duration {
        Duration::from_nanos(self.end.saturating_sub(self.start))
    }

    /// The trace flags.
    pub const fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// How many spans it stands for, itself included, where others like it were sampled away: 10 for a
    /// span kept by a ratio of 0.1, 1 where nothing is known of any sampling. The sum over exported spans
    /// estimates how many there were.
    ///
    /// From `th` in the tracestate's `ot` entry, or from what a rate limit passed over
    /// [OpenTelemetry, Probability Sampling, adjusted count].
    pub const fn adjusted_count(&self) -> f64 {
        self.weight.count()
    }

    /// How it came to its end.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What it says of its success.
    pub fn status(&self) -> &Status {
        &self.details().status
    }

    /// The tracestate it travelled with.
    pub const fn trace_state(&self) -> &TraceState {
        &self.trace_state
    }

    /// The attributes, each key once, in the order in which they were first set.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = Attribute<'_>> + Clone {
        self.details().attributes()
    }

    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<Value<'_>> {
        self.attributes().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    }

    /// The events, in the order in which they happened.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> + Clone {
        self.details().events()
    }

    /// The links.
    pub fn links(&self) -> impl ExactSizeIterator<Item = Link<'_>> + Clone {
        self.details().links()
    }

    /// Attributes left out because the span had too many.
    pub fn dropped_attributes(&self) -> u32 {
        self.details().dropped_attributes
    }

    /// Events left out because the span had too many.
    pub fn dropped_events(&self) -> u32 {
        self.details().dropped_events
    }

    /// Links left out because the span had too many.
    pub fn dropped_links(&self) -> u32 {
        self.details().dropped_links
    }
}

/// By what a reader sees: details that say nothing equal none.
impl PartialEq for SpanRecord {
    fn eq(&self, other: &Self) -> bool {
        self.trace_id == other.trace_id
            && self.span_id == other.span_id
            && self.parent_span_id == other.parent_span_id
            && (self.start, self.end) == (other.start, other.end)
            && self.name == other.name
            && self.kind == other.kind
            && self.outcome == other.outcome
            && self.flags == other.flags
            && self.parent_is_remote == other.parent_is_remote
            && self.trace_state == other.trace_state
            && self.adjusted_count() == other.adjusted_count()
            && self.details() == other.details()
    }
}
