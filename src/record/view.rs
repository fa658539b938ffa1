//! A kept value, as those see it who look through records (floor 2).

use crate::value::Value;

/// A value where it lies.
#[derive(Clone, Copy)]
pub(crate) enum View<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(&'a str),
    /// A text in which no secret can be, whatever a program or its callers do: it is one of a closed set, or the
    /// crate has written it itself, such as an address. Its key may still say that it is one.
    Known(&'a str),
    Other(&'a Value<'static>),
}

/// What has to be seen of a value to know whether a secret may be in it.
#[derive(Clone, Copy)]
pub(crate) enum Glimpse<'a> {
    Text(&'a [u8]),
    I64(i64),
    F64(f64),
    List(&'a Value<'static>),
    /// Whether there is a secret is none.
    Bool,
    /// None can be in it.
    Harmless,
}

impl<'a> View<'a> {
    #[inline]
    pub(crate) fn value(self) -> Value<'a> {
        match self {
            Self::Bool(flag) => Value::Bool(flag),
            Self::I64(number) => Value::I64(number),
            Self::F64(number) => Value::F64(number),
            Self::Text(text) | Self::Known(text) => Value::from(text),
            Self::Other(value) => value.reborrow(),
        }
    }

    /// Of a value that lies elsewhere.
    pub(crate) fn of(value: &'a Value<'static>) -> Self {
        match value {
            Value::Bool(flag) => Self::Bool(*flag),
            Value::I64(number) => Self::I64(*number),
            Value::F64(number) => Self::F64(*number),
            Value::Str(text) => Self::Text(text),
            other => Self::Other(other),
        }
    }
}
