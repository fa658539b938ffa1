//! The request id: what `X-Request-ID` carries (floor 0).

use super::{TraceId, decode_u128, encode_u128};
use std::{fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

/// The most bytes a request id may have.
const MAX_BYTES: usize = 128;

/// The id of one request, the same at every hop: what `X-Request-ID` carries.
///
/// Either minted here, a UUIDv7 in its hyphenated form, or taken from the caller as it came: 1 to 128
/// bytes of `[A-Za-z0-9._~+/=:@-]`. Anything else is not trimmed into shape but refused: a trimmed id
/// would match nothing upstream.
///
/// Cloning never copies text.
///
/// ```
/// use throughline::RequestId;
///
/// let id: RequestId = "order-7/eu".parse()?;
/// assert_eq!(id.to_string(), "order-7/eu");
/// assert!("two words".parse::<RequestId>().is_err());
/// # Ok::<(), throughline::InvalidRequestId>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Text);

/// A canonical UUID is kept as its bits: most ids are one, and bits need no allocation. In words, the high
/// one first: a request's id is moved on its way, which bytes at odd places would make dear.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Text {
    Uuid(u64, u64),
    Other(Arc<str>),
}

/// Why a text is no request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request id is 1 to 128 bytes of A-Z a-z 0-9 . _ ~ + / = : @ -")]
pub struct InvalidRequestId;

impl RequestId {
    /// Checks and takes the bytes of a header.
    ///
    /// # Errors
    ///
    /// [`InvalidRequestId`] for an empty or over-long text or one with any other byte.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidRequestId> {
        if let Some(bits) = canonical_uuid(bytes) {
            return Ok(Self::from_bits(bits));
        }
        if bytes.is_empty() || bytes.len() > MAX_BYTES || !bytes.iter().copied().all(is_allowed) {
            return Err(InvalidRequestId);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidRequestId)?;
        Ok(Self(Text::Other(text.into())))
    }

    /// The request id of a request whose trace starts here: the trace id's own bits.
    pub const fn from_trace_id(trace_id: TraceId) -> Self {
        Self::from_bits(trace_id.as_u128())
    }

    const fn from_bits(bits: u128) -> Self {
        Self(Text::Uuid((bits >> 64) as u64, bits as u64))
    }

    /// Lends the text, written into `buffer` where the id is kept as bits.
    pub fn encode<'a>(&'a self, buffer: &'a mut [u8; 36]) -> &'a str {
        match &self.0 {
            Text::Uuid(..) => std::str::from_utf8(self.encode_bytes(buffer)).unwrap_or_default(),
            Text::Other(text) => text,
        }
    }

    /// As [`encode`](Self::encode), for who needs no text.
    pub(crate) fn encode_bytes<'a>(&'a self, buffer: &'a mut [u8; 36]) -> &'a [u8] {
        match &self.0 {
            Text::Uuid(high, low) => {
                write_uuid(Uuid::from_u64_pair(*high, *low), buffer);
                buffer
            }
            Text::Other(text) => text.as_bytes(),
        }
    }

    /// The id as a UUID, if it is one in canonical form.
    pub const fn as_uuid(&self) -> Option<Uuid> {
        match &self.0 {
            Text::Uuid(high, low) => Some(Uuid::from_u64_pair(*high, *low)),
            Text::Other(_) => None,
        }
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, InvalidRequestId> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; 36]))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b':' | b'@' | b'-')
}

/// Only the one spelling that `encode` writes back: an id must leave exactly as it came.
fn canonical_uuid(bytes: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = bytes.try_into().ok()?;
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&text[..8]);
    digits[8..12].copy_from_slice(&text[9..13]);
    digits[12..16].copy_from_slice(&text[14..18]);
    digits[16..20].copy_from_slice(&text[19..23]);
    digits[20..].copy_from_slice(&text[24..]);
    let has_hyphens = text[8] == b'-' && text[13] == b'-' && text[18] == b'-' && text[23] == b'-';
    decode_u128(&digits).filter(|_| has_hyphens)
}

/// Digits in five groups with hyphens between them [RFC 9562, 4].
fn write_uuid(uuid: Uuid, text: &mut [u8; 36]) {
    let digits = encode_u128(uuid.as_u128());
    *text = [b'-'; 36];
    text[..8].copy_from_slice(&digits[..8]);
    text[9..13].copy_from_slice(&digits[8..12]);
    text[14..18].copy_from_slice(&digits[12..16]);
    text[19..23].copy_from_slice(&digits[16..20]);
    text[24..].copy_from_slice(&digits[20..]);
}
