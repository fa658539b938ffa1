//! Attribute values and attributes (floor 0).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt};

/// The value of an attribute: one of OpenTelemetry's types, borrowed where it can be.
///
/// Values do not nest: a list has numbers, truths or texts in it, and nothing else.
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
#[derive(Clone, Debug)]
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

/// Borrowed or owned is all the same, and so is for how long: `Value` is invariant, so that a derived
/// comparison would only take two of one lifetime.
impl<'b> PartialEq<Value<'b>> for Value<'_> {
    fn eq(&self, other: &Value<'b>) -> bool {
        match (self, other) {
            (Self::Bool(one), Value::Bool(other)) => one == other,
            (Self::I64(one), Value::I64(other)) => one == other,
            (Self::F64(one), Value::F64(other)) => one == other,
            (Self::Str(one), Value::Str(other)) => one == other,
            (Self::Bools(one), Value::Bools(other)) => one == other,
            (Self::I64s(one), Value::I64s(other)) => one == other,
            (Self::F64s(one), Value::F64s(other)) => one == other,
            (Self::Strs(one), Value::Strs(other)) => one[..] == other[..],
            _ => false,
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

/// What JSON has a notation for is written plainly: `true`, `3`, `3.0`, `"text"`, `[1, 2]`.
///
/// The rest names its type, so that it is read back as what it was: `{"f64": "NaN"}`,
/// `{"f64s": [1.0, "-Infinity"]}`, and the empty lists `{"bools": []}`, `{"i64s": []}`,
/// `{"f64s": []}`; an empty list of texts is `[]`. `NaN`, `Infinity` and `-Infinity` are spelt as
/// OTLP's JSON spells them [Protocol Buffers, ProtoJSON].
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::I64(number) => serializer.serialize_i64(*number),
            Self::F64(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::F64(number) => serializer.collect_map([("f64", Number(*number))]),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bools(list) if list.is_empty() => serializer.collect_map([("bools", list)]),
            Self::Bools(list) => serializer.collect_seq(list.iter()),
            Self::I64s(list) if list.is_empty() => serializer.collect_map([("i64s", list)]),
            Self::I64s(list) => serializer.collect_seq(list.iter()),
            Self::F64s(list) if !list.is_empty() && list.iter().all(|number| number.is_finite()) => {
                serializer.collect_seq(list.iter())
            }
            Self::F64s(list) => {
                let numbers: Vec<_> = list.iter().copied().map(Number).collect();
                serializer.collect_map([("f64s", numbers)])
            }
            Self::Strs(list) => serializer.collect_seq(list.iter()),
        }
    }
}

/// Reads what was written. An integer beyond 64 signed bits becomes a floating-point number.
impl<'de> Deserialize<'de> for Value<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Plain {
            Bool(bool),
            I64(i64),
            F64(f64),
            Str(String),
            // Before the other lists, each of which an empty one would fit, too.
            Strs(Vec<String>),
            Bools(Vec<bool>),
            I64s(Vec<i64>),
            F64s(Vec<f64>),
            Typed(Typed),
        }

        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Typed {
            F64(Number),
            Bools(Vec<bool>),
            I64s(Vec<i64>),
            F64s(Vec<Number>),
        }

        Ok(match Plain::deserialize(deserializer)? {
            Plain::Bool(flag) => flag.into(),
            Plain::I64(number) => number.into(),
            Plain::F64(number) | Plain::Typed(Typed::F64(Number(number))) => number.into(),
            Plain::Str(text) => text.into(),
            Plain::Strs(list) => list.into(),
            Plain::Bools(list) | Plain::Typed(Typed::Bools(list)) => list.into(),
            Plain::I64s(list) | Plain::Typed(Typed::I64s(list)) => list.into(),
            Plain::F64s(list) => list.into(),
            Plain::Typed(Typed::F64s(list)) => {
                list.into_iter().map(|Number(number)| number).collect::<Vec<_>>().into()
            }
        })
    }
}

/// A floating-point number that may be none JSON has a notation for; then it goes by its name [Protocol
/// Buffers, ProtoJSON].
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Notation {
            Number(f64),
            Name(Name),
        }

        #[derive(Deserialize)]
        enum Name {
            NaN,
            Infinity,
            #[serde(rename = "-Infinity")]
            NegativeInfinity,
        }

        Ok(Self(match Notation::deserialize(deserializer)? {
            Notation::Number(number) => number,
            Notation::Name(Name::NaN) => f64::NAN,
            Notation::Name(Name::Infinity) => f64::INFINITY,
            Notation::Name(Name::NegativeInfinity) => f64::NEG_INFINITY,
        }))
    }
}
