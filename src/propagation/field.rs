//! What the formats of single fields share (floor 2): why one is refused, numbers, headers of one line.
//!
//! Numbers are read digit by digit: the standard library's `from_str_radix` and `parse` take a sign.

use super::{
    propagator::{ExtractError, Getter, Header, Reason},
    single_line::{LineError, single_line},
};
use crate::{
    context::{MAX_HEADER_BYTES, TraceFlags, ascii, trim},
    ids::{SpanId, TraceId},
};
use std::{fmt, io::Write};

/// Which field of a header is not as its format asks. Says nothing of what the field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// More bytes than any header may have.
    #[error("the header has more than 8192 bytes")]
    TooLong,
    /// Too few or too many fields, or something else between them than should be.
    #[error("the fields are not laid out as the format asks")]
    Layout,
    /// The trace id.
    #[error("the trace id has not the digits the format asks for, or is zero")]
    TraceId,
    /// The span id.
    #[error("the span id has not the digits the format asks for, or is zero")]
    SpanId,
    /// The id of the span's parent.
    #[error("the parent's span id has not the digits the format asks for, or is zero")]
    ParentId,
    /// The sampling decision.
    #[error("the sampling decision is none that the format knows")]
    Sampling,
}

impl FieldError {
    /// The reason to count.
    pub(super) const fn reason(self) -> Reason {
        match self {
            Self::TooLong => Reason::TooLong,
            _ => Reason::Malformed,
        }
    }
}

/// Reads a header of which there may be one line; `None` if there is none.
pub(super) fn read_line<T>(
    carrier: &dyn Getter,
    name: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, FieldError>,
) -> Result<Option<T>, ExtractError> {
    let line = single_line(Header::new(carrier, name));
    match line.and_then(|line| parse(line).map_err(LineError::Malformed)) {
        Ok(read) => Ok(Some(read)),
        Err(LineError::Missing) => Ok(None),
        Err(LineError::Repeated) => Err(ExtractError::new(name, Reason::Repeated)),
        Err(LineError::Malformed(error)) => Err(ExtractError::new(name, error.reason())),
    }
}

/// A line without the spaces and tabs around it.
pub(super) fn trimmed(line: &[u8]) -> Result<&[u8], FieldError> {
    if line.len() > MAX_HEADER_BYTES { Err(FieldError::TooLong) } else { Ok(trim(line)) }
}

/// A trace id of 1 to 32 hex digits in either case, as if zeros stood before them.
pub(super) fn trace_id(digits: &[u8]) -> Result<TraceId, FieldError> {
    hex(digits).and_then(TraceId::from_u128).ok_or(FieldError::TraceId)
}

/// A span id of 1 to 16 hex digits in either case, as if zeros stood before them.
pub(super) fn span_id(digits: &[u8]) -> Result<SpanId, FieldError> {
    let digits = if digits.len() > 16 { b"" } else { digits };
    let value = hex(digits).and_then(|value| u64::try_from(value).ok());
    value.and_then(SpanId::from_u64).ok_or(FieldError::SpanId)
}

/// The number of 1 to 32 hex digits in either case.
pub(super) fn hex(digits: &[u8]) -> Option<u128> {
    if digits.is_empty() || digits.len() > 32 {
        return None;
    }
    digits.iter().try_fold(0, |value: u128, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u128::from(digit))
    })
}

/// The number of 1 to 20 decimal digits, if it has no more than 64 bits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0, |value: u64, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A decision of one digit, 0 or 1.
pub(super) const fn zero_or_one(digit: &[u8]) -> Result<TraceFlags, FieldError> {
    match digit {
        b"0" => Ok(TraceFlags::from_bits(0)),
        b"1" => Ok(TraceFlags::SAMPLED),
        _ => Err(FieldError::Sampling),
    }
}

/// Writes a text that is ASCII into `buffer`, where it fits.
pub(super) fn written<'a>(buffer: &'a mut [u8], text: fmt::Arguments<'_>) -> &'a str {
    let mut rest = &mut *buffer;
    let fits = rest.write_fmt(text).is_ok();
    let left = rest.len();
    let length = if fits { buffer.len() - left } else { 0 };
    ascii(buffer.get(..length).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_only() {
        for digits in ["", "+1", "-1", " 1", "1 ", "0x1", "1_0", "g", "\u{661}", &"0".repeat(33)] {
            assert_eq!(hex(digits.as_bytes()), None, "{digits:?}");
            assert_eq!(decimal(digits.as_bytes()), None, "{digits:?}");
        }
        assert_eq!(decimal(b"a"), None);
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"99999999999999999999"), None);
        assert_eq!(decimal(b"000000000000000000001"), None, "more digits than 64 bits ever need");
        assert_eq!(hex(&[b'F'; 32]), Some(u128::MAX));
    }

    #[test]
    fn a_text_that_does_not_fit_is_not_cut() {
        assert_eq!(written(&mut [0; 4], format_args!("1234")), "1234");
        assert_eq!(written(&mut [0; 4], format_args!("{}", "12345")), "");
    }

    proptest! {
        #[test]
        fn numbers_come_back(value: u128, number: u64) {
            prop_assert_eq!(hex(format!("{value:x}").as_bytes()), Some(value));
            prop_assert_eq!(hex(format!("{value:032X}").as_bytes()), Some(value));
            prop_assert_eq!(decimal(number.to_string().as_bytes()), Some(number));
        }
    }
}
