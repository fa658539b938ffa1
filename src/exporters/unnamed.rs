//! What a record says and the formats of others have no field for (floor 4), as attributes of our own.

use crate::{
    record::{Outcome, SpanRecord},
    semconv,
    value::Attribute,
};

/// How the span ended, if it did not run to its end, and how many it stands for, if they are several. What
/// the application has recorded under these names stays as it is.
pub(super) fn unnamed_attributes(span: &SpanRecord) -> impl Iterator<Item = Attribute<'_>> + Clone {
    let outcome = (span.outcome() != Outcome::Completed)
        .then(|| Attribute { key: semconv::OUTCOME, value: span.outcome().as_str().into() });
    let count = (span.adjusted_count() != 1.0)
        .then(|| Attribute { key: semconv::ADJUSTED_COUNT, value: span.adjusted_count().into() });
    outcome.into_iter().chain(count).filter(|attribute| span.attribute(attribute.key).is_none())
}
