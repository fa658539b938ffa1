//! The value of W3C traceparent (floor 2) [W3C Trace Context Level 2, traceparent, versioning].
//!
//! Refuses all but the one spelling. Allocates nothing, in either direction.

use crate::{
    context::{MAX_HEADER_BYTES, SpanContext, TraceFlags, trim},
    ids::{SpanId, TraceId, decode_u8, decode_u64, decode_u128, encode_u8, write_u64, write_u128},
};

/// The bytes of a value of version 00.
pub const BYTES: usize = 55;

/// Why a value is no traceparent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceparentError {
    /// Fewer bytes than version 00 has, more than it has in version 00, or more than any header may.
    #[error("the traceparent has a wrong length")]
    Length,
    /// `ff`, or no two lowercase hex digits.
    #[error("the traceparent's version is no two lowercase hex digits below ff")]
    Version,
    /// No `-` where one must be.
    #[error("the traceparent's fields are not separated by '-'")]
    Separator,
    /// No 32 lowercase hex digits, or all of them zero.
    #[error("the traceparent's trace id is no 32 lowercase hex digits, or zero")]
    TraceId,
    /// No 16 lowercase hex digits, or all of them zero.
    #[error("the traceparent's parent id is no 16 lowercase hex digits, or zero")]
    ParentId,
    /// No two lowercase hex digits.
    #[error("the traceparent's flags are no two lowercase hex digits")]
    Flags,
}

/// Reads a value: the context of a span in another process, without tracestate.
///
/// Spaces and tabs around the value do not count. A version above 00 is read as far as 00 goes, where
/// it either ends or goes on after a `-`. Flags that have no meaning in Level 2 are cleared.
///
/// # Errors
///
/// The first thing that is wrong; the caller then starts a trace of its own.
///
/// ```
/// use throughline::propagation::traceparent;
///
/// let parent = traceparent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03")?;
/// assert!(parent.is_remote() && parent.is_sampled() && parent.flags().is_random());
/// # Ok::<(), throughline::propagation::traceparent::TraceparentError>(())
/// ```
pub fn parse(value: &[u8]) -> Result<SpanContext, TraceparentError> {
    let (trace_id, parent_id, flags) = fields(value)?;
    Ok(SpanContext::new(trace_id, parent_id, flags).with_remote(true))
}

/// As [`parse`], for who puts a context together in its place.
#[inline(always)]
pub(crate) fn fields(value: &[u8]) -> Result<(TraceId, SpanId, TraceFlags), TraceparentError> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(TraceparentError::Length);
    }
    let (fixed, suffix) = trim(value).split_first_chunk::<BYTES>().ok_or(TraceparentError::Length)?;
    let [v0, v1, b'-', ids @ .., b'-', f0, f1] = fixed else {
        return Err(TraceparentError::Separator);
    };
    match decode_u8([*v0, *v1]) {
        None | Some(0xff) => return Err(TraceparentError::Version),
        Some(0) if !suffix.is_empty() => return Err(TraceparentError::Length),
        Some(_) if !matches!(suffix, [] | [b'-', ..]) => return Err(TraceparentError::Separator),
        Some(_) => {}
    }
    let (trace_id, rest) = ids.split_first_chunk().ok_or(TraceparentError::TraceId)?;
    let Some((b'-', parent_id)) = rest.split_first() else {
        return Err(TraceparentError::Separator);
    };
    let trace_id = decode_u128(trace_id).and_then(TraceId::from_u128).ok_or(TraceparentError::TraceId)?;
    let parent_id = parent_id.first_chunk().and_then(decode_u64).and_then(SpanId::from_u64);
    let parent_id = parent_id.ok_or(TraceparentError::ParentId)?;
    let flags = decode_u8([*f0, *f1]).ok_or(TraceparentError::Flags)?;
    Ok((trace_id, parent_id, TraceFlags::from_bits(flags)))
}

/// Writes a context as a value of version 00.
///
/// ```
/// use throughline::propagation::traceparent;
///
/// let value = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// assert_eq!(traceparent::format(&traceparent::parse(value)?), *value);
/// # Ok::<(), throughline::propagation::traceparent::TraceparentError>(())
/// ```
pub fn format(span: &SpanContext) -> [u8; BYTES] {
    let mut value = [0; BYTES];
    write(span.trace_id(), span.span_id(), span.flags(), &mut value);
    value
}

/// As [`format`](fn@format), for who puts it where it stays.
pub(crate) fn write(trace_id: TraceId, span_id: SpanId, flags: TraceFlags, value: &mut [u8; BYTES]) {
    let [v0, v1, first, ids @ .., third, f0, f1] = value;
    [*v0, *v1, *first, *third] = *b"00--";
    [*f0, *f1] = encode_u8(flags.bits());
    if let Some((digits, [second, rest @ ..])) = ids.split_first_chunk_mut()
        && let Some(parent) = rest.first_chunk_mut()
    {
        write_u128(trace_id.as_u128(), digits);
        *second = b'-';
        write_u64(span_id.as_u64(), parent);
    }
}
