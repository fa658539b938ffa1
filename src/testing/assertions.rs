//! What a record should be (floor 6).

use super::describe::{Described, is_child};
use crate::{
    context::SpanContext,
    record::{Outcome, SpanKind, SpanRecord, Status},
    value::Value,
};

/// Assertions on a finished span. Each panics with the whole span in words if it does not hold, and
/// returns the span, so that they can be chained.
pub trait AssertSpan {
    /// It has this attribute, with this value. `NaN` equals `NaN` here.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_attribute<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self;

    /// It has no attribute of this name.
    ///
    /// # Panics
    ///
    /// If it has.
    #[track_caller]
    fn assert_no_attribute(&self, key: &str) -> &Self;

    /// It has at least one event of this name.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_event(&self, name: &str) -> &Self;

    /// It links to this span.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_link(&self, target: &SpanContext) -> &Self;

    /// It is a child of this span, in the same trace.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_child_of(&self, parent: &SpanRecord) -> &Self;

    /// It has no parent at all.
    ///
    /// # Panics
    ///
    /// If it has one.
    #[track_caller]
    fn assert_root(&self) -> &Self;

    /// It is of this kind.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_kind(&self, kind: SpanKind) -> &Self;

    /// It ended in this way.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_outcome(&self, outcome: Outcome) -> &Self;

    /// It has this status.
    ///
    /// # Panics
    ///
    /// If not.
    #[track_caller]
    fn assert_status(&self, status: &Status) -> &Self;
}

impl AssertSpan for SpanRecord {
    fn assert_attribute<'v>(&self, key: &str, value: impl Into<Value<'v>>) -> &Self {
        let value = value.into();
        let holds = self.attribute(key).is_some_and(|actual| same(&actual, &value));
        expect(self, holds, || format!("it to have {key:?} = {value:?}"))
    }

    fn assert_no_attribute(&self, key: &str) -> &Self {
        expect(self, self.attribute(key).is_none(), || format!("it to have no attribute {key:?}"))
    }

    fn assert_event(&self, name: &str) -> &Self {
        expect(self, self.events().any(|event| event.name == name), || {
            format!("it to have an event {name:?}")
        })
    }

    fn assert_link(&self, target: &SpanContext) -> &Self {
        let (trace, span) = (target.trace_id(), target.span_id());
        let holds = self.links().any(|link| link.trace_id() == trace && link.span_id() == span);
        expect(self, holds, || format!("it to link to trace {trace}, span {span}"))
    }

    fn assert_child_of(&self, parent: &SpanRecord) -> &Self {
        expect(self, is_child(self, parent), || format!("it to be a child of\n{}", Described(parent)))
    }

    fn assert_root(&self) -> &Self {
        expect(self, self.parent_span_id().is_none(), || "it to have no parent".to_owned())
    }

    fn assert_kind(&self, kind: SpanKind) -> &Self {
        expect(self, self.kind() == kind, || format!("its kind to be {}", kind.as_str()))
    }

    fn assert_outcome(&self, outcome: Outcome) -> &Self {
        expect(self, self.outcome() == outcome, || format!("its outcome to be {}", outcome.as_str()))
    }

    fn assert_status(&self, status: &Status) -> &Self {
        expect(self, self.status() == status, || format!("its status to be {status:?}"))
    }
}

#[track_caller]
fn expect(span: &SpanRecord, holds: bool, what: impl FnOnce() -> String) -> &SpanRecord {
    assert!(holds, "expected {}, but the span is\n{}", what(), Described(span));
    span
}

fn same(one: &Value<'_>, other: &Value<'_>) -> bool {
    let same_number = |one: &f64, other: &f64| one == other || one.is_nan() && other.is_nan();
    match (one, other) {
        (Value::F64(one), Value::F64(other)) => same_number(one, other),
        (Value::F64s(one), Value::F64s(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(one, other)| same_number(one, other))
        }
        _ => one == other,
    }
}
