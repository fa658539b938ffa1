//! The trace id (floor 0).

use super::{ParseIdError, decode_u128, encode_u128};
use std::{fmt, num::NonZeroU128, str::FromStr};
use uuid::Uuid;

/// The id all spans of one trace share: 16 bytes, never zero.
///
/// Written as 32 lowercase hex digits, on the wire and by `Display` [W3C Trace Context, trace-id].
/// An id minted here is a UUIDv7, so it also says when the trace began: see [`as_uuid`](Self::as_uuid).
///
/// ```
/// use throughline::TraceId;
///
/// let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
/// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!("4BF92F3577B34DA6A3CE929D0E0E4736".parse::<TraceId>().is_err());
/// # Ok::<(), throughline::ParseIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// An id from its 16 bytes, big endian; `None` if all are zero.
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::from_u128(u128::from_be_bytes(bytes))
    }

    /// An id from a number; `None` for zero.
    pub const fn from_u128(value: u128) -> Option<Self> {
        match NonZeroU128::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Stands where no id is meant.
    pub(crate) const MIN: Self = Self(NonZeroU128::MIN);

    pub(crate) const fn from_nonzero(value: NonZeroU128) -> Self {
        Self(value)
    }

    /// The id as a number.
    pub const fn as_u128(self) -> u128 {
        self.0.get()
    }

    /// The id's 16 bytes, big endian.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.as_u128().to_be_bytes()
    }

    /// The same 128 bits as a UUID, whose text is the request id of a request that began its
    /// trace here.
    pub const fn as_uuid(self) -> Uuid {
        Uuid::from_u128(self.as_u128())
    }

    /// The 32 lowercase hex digits, without an allocation.
    pub fn to_hex(self) -> [u8; 32] {
        encode_u128(self.as_u128())
    }
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.as_bytes()
            .try_into()
            .ok()
            .and_then(decode_u128)
            .and_then(Self::from_u128)
            .ok_or(ParseIdError { digits: 32 })
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for TraceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for TraceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
