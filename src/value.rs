//! Attribute values and attributes (floor 0).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeSeq};
use std::{borrow::Cow, fmt};

/// The value of an attribute: one of OpenTelemetry's types, borrowed where it can be.
///
/// Made from Rust's own types with `into()`. An integer that does not fit 64 signed bits becomes its
/// decimal text, so no digit is lost.
///
/// ```
/// use throughline::Value;
///
/// assert_eq!(Value::from(3_u16), Value::I64(3));
/// assert_eq!(Value::from(u64::MAX).to_string(), "18446744073709551615");
/// assert_eq!(Value::from("eu-1").as_str(), Some("eu-1"));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// A floating-point number, `NaN` and the infinities included.
    F64(f64),
    /// A text.
    Str(Cow<'a, str>),
    /// Booleans.
    Bools(Cow<'a, [bool]>),
    /// Integers.
    I64s(Cow<'a, [i64]>),
    /// Floating-point numbers.
    F64s(Cow<'a, [f64]>),
    /// Texts.
    Strs(Cow<'a, [Cow<'a, str>]>),
}

/// A key and its value, as an exporter reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// The name, such as `http.route`.
    pub key: &'a str,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::I64(number) => Some(*number),
            _ => None,
        }
    }

    /// The same value, owning all it holds.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Bool(flag) => Value::Bool(flag),
            Self::I64(number) => Value::I64(number),
            Self::F64(number) => Value::F64(number),
            Self::Str(text) => Value::Str(Cow::Owned(text.into_owned())),
            Self::Bools(list) => Value::Bools(Cow::Owned(list.into_owned())),
            Self::I64s(list) => Value::I64s(Cow::Owned(list.into_owned())),
            Self::F64s(list) => Value::F64s(Cow::Owned(list.into_owned())),
            Self::Strs(list) => {
                Value::Strs(list.iter().map(|text| Cow::Owned(text.clone().into_owned())).collect())
            }
        }
    }

    /// The same value, borrowed from this one.
    pub fn reborrow(&self) -> Value<'_> {
        match self {
            Self::Bool(flag) => Value::Bool(*flag),
            Self::I64(number) => Value::I64(*number),
            Self::F64(number) => Value::F64(*number),
            Self::Str(text) => Value::Str(Cow::Borrowed(text)),
            Self::Bools(list) => Value::Bools(Cow::Borrowed(list)),
            Self::I64s(list) => Value::I64s(Cow::Borrowed(list)),
            Self::F64s(list) => Value::F64s(Cow::Borrowed(list)),
            Self::Strs(list) => Value::Strs(Cow::Borrowed(list)),
        }
    }
}

/// The value as a person reads it: texts bare, lists in brackets.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
            f.write_str("[")?;
            for (position, item) in items.iter().enumerate() {
                let comma = if position == 0 { "" } else { ", " };
                write!(f, "{comma}{item}")?;
            }
            f.write_str("]")
        }
        match self {
            Self::Bool(flag) => flag.fmt(f),
            Self::I64(number) => number.fmt(f),
            Self::F64(number) => number.fmt(f),
            Self::Str(text) => text.fmt(f),
            Self::Bools(items) => list(f, items),
            Self::I64s(items) => list(f, items),
            Self::F64s(items) => list(f, items),
            Self::Strs(items) => list(f, items),
        }
    }
}

macro_rules! from_small_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            fn from(number: $integer) -> Self {
                Self::I64(i64::from(number))
            }
        }
    )*};
}

macro_rules! from_large_integers {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            fn from(number: $integer) -> Self {
                i64::try_from(number).map_or_else(
                    |_| Self::Str(Cow::Owned(number.to_string())),
                    Self::I64,
                )
            }
        }
    )*};
}

macro_rules! from_same {
    ($($type:ty => $variant:ident($value:ident) $as:expr),* $(,)?) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                Self::$variant($as)
            }
        }
    )*};
}

from_small_integers!(i8, i16, i32, i64, u8, u16, u32);
from_large_integers!(u64, i128, u128, isize, usize);
from_same! {
    bool => Bool(flag) flag,
    f32 => F64(number) f64::from(number),
    f64 => F64(number) number,
    &'a str => Str(text) Cow::Borrowed(text),
    &'a String => Str(text) Cow::Borrowed(text),
    String => Str(text) Cow::Owned(text),
    Cow<'a, str> => Str(text) text,
    &'a [bool] => Bools(list) Cow::Borrowed(list),
    Vec<bool> => Bools(list) Cow::Owned(list),
    &'a [i64] => I64s(list) Cow::Borrowed(list),
    Vec<i64> => I64s(list) Cow::Owned(list),
    &'a [f64] => F64s(list) Cow::Borrowed(list),
    Vec<f64> => F64s(list) Cow::Owned(list),
    &'a [&'a str] => Strs(list) list.iter().copied().map(Cow::Borrowed).collect(),
    Vec<&'a str> => Strs(list) list.into_iter().map(Cow::Borrowed).collect(),
    Vec<String> => Strs(list) list.into_iter().map(Cow::Owned).collect(),
    Vec<Cow<'a, str>> => Strs(list) Cow::Owned(list),
}

/// Numbers JSON has no notation for are written as the texts `NaN`, `Infinity` and `-Infinity`, as
/// OTLP's JSON does [Protocol Buffers, ProtoJSON].
fn serialize_f64<S: Serializer>(number: f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_finite() {
        serializer.serialize_f64(number)
    } else if number.is_nan() {
        serializer.serialize_str("NaN")
    } else {
        serializer.serialize_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Number(f64);

        impl Serialize for Number {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_f64(self.0, serializer)
            }
        }

        match self {
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::I64(number) => serializer.serialize_i64(*number),
            Self::F64(number) => serialize_f64(*number, serializer),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bools(list) => serializer.collect_seq(list.iter()),
            Self::I64s(list) => serializer.collect_seq(list.iter()),
            Self::F64s(list) => {
                let mut sequence = serializer.serialize_seq(Some(list.len()))?;
                for number in list.iter() {
                    sequence.serialize_element(&Number(*number))?;
                }
                sequence.end()
            }
            Self::Strs(list) => serializer.collect_seq(list.iter()),
        }
    }
}

/// Reads what was written. JSON cannot tell an empty list's type: it comes back as texts.
impl<'de> Deserialize<'de> for Value<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Bool(bool),
            I64(i64),
            F64(f64),
            Str(String),
            Bools(Vec<bool>),
            I64s(Vec<i64>),
            F64s(Vec<f64>),
            Strs(Vec<String>),
        }

        Ok(match Untagged::deserialize(deserializer).map_err(de::Error::custom)? {
            Untagged::Bool(flag) => flag.into(),
            Untagged::I64(number) => number.into(),
            Untagged::F64(number) => number.into(),
            Untagged::Str(text) => text.into(),
            Untagged::Bools(list) if !list.is_empty() => list.into(),
            Untagged::I64s(list) if !list.is_empty() => list.into(),
            Untagged::F64s(list) => list.into(),
            Untagged::Strs(list) => list.into(),
            Untagged::Bools(_) | Untagged::I64s(_) => Self::Strs(Cow::Owned(Vec::new())),
        })
    }
}
