//! The span id (floor 0).

use super::{ParseIdError, decode_u64, encode_u64};
use std::{fmt, num::NonZeroU64, str::FromStr};

/// The id of one span within its trace: 8 bytes, never zero, random.
///
/// Written as 16 lowercase hex digits [W3C Trace Context, parent-id].
///
/// ```
/// use throughline::SpanId;
///
/// let id: SpanId = "00f067aa0ba902b7".parse()?;
/// assert_eq!(id.as_u64(), 0x00f0_67aa_0ba9_02b7);
/// # Ok::<(), throughline::ParseIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// An id from its 8 bytes, big endian; `None` if all are zero.
    pub const fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        Self::from_u64(u64::from_be_bytes(bytes))
    }

    /// An id from a number; `None` for zero.
    pub const fn from_u64(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Stands where no id is meant.
    pub(crate) const MIN: Self = Self(NonZeroU64::MIN);

    pub(crate) const fn from_nonzero(value: NonZeroU64) -> Self {
        Self(value)
    }

    /// The id as a number.
    pub const fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// The id's 8 bytes, big endian.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.as_u64().to_be_bytes()
    }

    /// The 16 lowercase hex digits, without an allocation.
    pub fn to_hex(self) -> [u8; 16] {
        encode_u64(self.as_u64())
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.as_bytes()
            .try_into()
            .ok()
            .and_then(decode_u64)
            .and_then(Self::from_u64)
            .ok_or(ParseIdError { digits: 16 })
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.as_u64())
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for SpanId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SpanId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
