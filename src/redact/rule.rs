//! Rules of one's own (floor 3).

use crate::{
    record::{Event, Link, Owner},
    value::{Attribute, Value},
};

/// A part of a span that a [`Rule`] decides about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Field<'a> {
    /// The span's name.
    Name(&'a str),
    /// The description of its error status. Not shown if it is empty.
    StatusDescription(&'a str),
    /// An attribute of the span.
    Attribute(Attribute<'a>),
    /// An event, as it is before anything of it is redacted. A text in its place is its new name.
    Event(Event<'a>),
    /// An attribute of the event of this name.
    EventAttribute(&'a str, Attribute<'a>),
    /// A link, as it is before anything of it is redacted. Whatever is put in its place drops it.
    Link(Link<'a>),
    /// An attribute of a link.
    LinkAttribute(Attribute<'a>),
    /// An attribute of the resource: once, when the tracer is built.
    ResourceAttribute(Attribute<'a>),
}

impl<'a> Field<'a> {
    pub(super) const fn attribute(owner: Owner<'a>, attribute: Attribute<'a>) -> Self {
        match owner {
            Owner::Span => Self::Attribute(attribute),
            Owner::Event(name) => Self::EventAttribute(name, attribute),
            Owner::Link => Self::LinkAttribute(attribute),
            Owner::Resource => Self::ResourceAttribute(attribute),
        }
    }

    /// The attribute, whosever it is.
    pub const fn as_attribute(&self) -> Option<&Attribute<'a>> {
        match self {
            Self::Attribute(attribute)
            | Self::EventAttribute(_, attribute)
            | Self::LinkAttribute(attribute)
            | Self::ResourceAttribute(attribute) => Some(attribute),
            Self::Name(_) | Self::StatusDescription(_) | Self::Event(_) | Self::Link(_) => None,
        }
    }
}

/// What a [`Rule`] says about a field.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It stays.
    Keep,
    /// This takes its place. Names and descriptions become its text. Longer texts than the tracer's
    /// limits allow are cut.
    Replace(Value<'static>),
    /// It goes: an attribute, event or link altogether; the span's name becomes `REDACTED`, the
    /// description of its status empty.
    Drop,
}

impl Verdict {
    /// `REDACTED` takes its place.
    pub const fn redact() -> Self {
        Self::Replace(Value::Str(std::borrow::Cow::Borrowed(crate::secrets::REDACTED)))
    }
}

/// A rule of one's own, for [`Redaction::rule`](super::Redaction::rule). A closure is one.
///
/// It is asked about each field of each span, on a thread of the tracer's own, before the built-in rules look at
/// what it leaves; so it should be quick, and must not block. If it panics, the field is lost, not the
/// span: an attribute's value, a name or a description becomes `REDACTED`, an event or a link is dropped,
/// and the panic is counted in [`RuleStats::failed`](crate::export::RuleStats::failed).
///
/// ```
/// use throughline::redact::{Field, Redaction, Rule, Verdict};
///
/// /// Customers by a pseudonym.
/// struct Pseudonyms;
///
/// impl Rule for Pseudonyms {
///     fn judge(&self, field: &Field<'_>) -> Verdict {
///         match field.as_attribute() {
///             Some(attribute) if attribute.key == "customer.id" => {
///                 Verdict::Replace(pseudonym_of(attribute.value.as_str().unwrap_or_default()).into())
///             }
///             _ => Verdict::Keep,
///         }
///     }
/// }
/// # fn pseudonym_of(customer: &str) -> String { format!("{:x}", customer.len()) }
///
/// let redaction = Redaction::default()
///     .rule("pseudonyms", Pseudonyms)
///     .rule("no health checks' links", |field: &Field<'_>| match field {
///         Field::Link(_) => Verdict::Drop,
///         _ => Verdict::Keep,
///     });
/// # drop(redaction);
/// ```
pub trait Rule: Send + Sync {
    /// What becomes of this field.
    fn judge(&self, field: &Field<'_>) -> Verdict;
}

impl<F: Fn(&Field<'_>) -> Verdict + Send + Sync> Rule for F {
    fn judge(&self, field: &Field<'_>) -> Verdict {
        self(field)
    }
}
