//! Datadog's headers (floor 2) [Datadog tracing libraries, trace context propagation].
//!
//! Ids are decimal and of 64 bits; the upper half of a trace id comes as a tag. Passes over the other tags
//! and the origin.

use super::{
    field::{FieldError, decimal, read_line, trimmed, written},
    propagator::{ExtractError, Getter, Propagator, Setter},
};
use crate::{
    context::{Context, SpanContext, TraceFlags, split_once, trim},
    ids::{SpanId, TraceId, decode_u64},
};

/// The header of the lower half of the trace id.
pub const X_DATADOG_TRACE_ID: &str = "x-datadog-trace-id";
/// The header of the caller's span id.
pub const X_DATADOG_PARENT_ID: &str = "x-datadog-parent-id";
/// The header of the sampling decision.
pub const X_DATADOG_SAMPLING_PRIORITY: &str = "x-datadog-sampling-priority";
/// The header of the tags that go along with a trace.
pub const X_DATADOG_TAGS: &str = "x-datadog-tags";

/// The tag of the upper half of the trace id.
const UPPER_HALF: &[u8] = b"_dd.p.tid";

/// The most bytes of tags that Datadog's own libraries take.
const MAX_TAGS_BYTES: usize = 512;

/// The [`Propagator`] of Datadog.
///
/// A trace id and no span, or span 0, as the first hop of a synthetic test has it, is no parent. A priority
/// of 1 or 2 is sampled, 0 or -1 not, and none at all [deferred](TraceFlags::DEFERRED). A refused tag of
/// the trace id's upper half is named as an error, and the trace continued with the lower half, as
/// Datadog does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datadog;

impl Propagator for Datadog {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let Some(lower) = read_line(carrier, X_DATADOG_TRACE_ID, trace_id)? else {
            return Ok(());
        };
        let parent = read_line(carrier, X_DATADOG_PARENT_ID, parent_id)?;
        let flags = read_line(carrier, X_DATADOG_SAMPLING_PRIORITY, priority)?;
        let Some(parent) = parent.and_then(SpanId::from_u64) else {
            return Ok(());
        };
        let (upper, refused) = match read_line(carrier, X_DATADOG_TAGS, upper_half) {
            Ok(upper) => (upper.unwrap_or(0), Ok(())),
            Err(error) => (0, Err(error)),
        };
        let trace = TraceId::from_u128(u128::from(upper) << 64 | u128::from(lower));
        context.span = trace.map_or(context.span.take(), |trace| {
            let flags = flags.unwrap_or(TraceFlags::DEFERRED);
            Some(SpanContext::new(trace, parent, flags).with_remote(true))
        });
        refused
    }

    /// Sets the headers, or takes what an earlier span left away. A trace id whose lower half is zero
    /// cannot be said in them.
    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        let Some(span) = &context.span else { return };
        let (upper, lower) = halves(span.trace_id());
        if lower == 0 {
            return;
        }
        let mut buffer = [0; 32];
        carrier.set(X_DATADOG_TRACE_ID, written(&mut buffer, format_args!("{lower}")).as_bytes());
        let parent = span.span_id().as_u64();
        carrier.set(X_DATADOG_PARENT_ID, written(&mut buffer, format_args!("{parent}")).as_bytes());
        if span.flags().is_deferred() {
            carrier.unset(X_DATADOG_SAMPLING_PRIORITY);
        } else {
            carrier.set(X_DATADOG_SAMPLING_PRIORITY, if span.is_sampled() { b"1" } else { b"0" });
        }
        if upper == 0 {
            carrier.unset(X_DATADOG_TAGS);
        } else {
            let tag = written(&mut buffer, format_args!("_dd.p.tid={upper:016x}"));
            carrier.set(X_DATADOG_TAGS, tag.as_bytes());
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![X_DATADOG_TRACE_ID, X_DATADOG_PARENT_ID, X_DATADOG_SAMPLING_PRIORITY, X_DATADOG_TAGS]
    }
}

const fn halves(trace: TraceId) -> (u64, u64) {
    let value = trace.as_u128();
    ((value >> 64) as u64, value as u64)
}

/// The lower half, which is not zero.
fn trace_id(line: &[u8]) -> Result<u64, FieldError> {
    decimal(trimmed(line)?).filter(|value| *value != 0).ok_or(FieldError::TraceId)
}

fn parent_id(line: &[u8]) -> Result<u64, FieldError> {
    decimal(trimmed(line)?).ok_or(FieldError::SpanId)
}

fn priority(line: &[u8]) -> Result<TraceFlags, FieldError> {
    match trimmed(line)? {
        b"-1" | b"0" => Ok(TraceFlags::from_bits(0)),
        b"1" | b"2" => Ok(TraceFlags::SAMPLED),
        _ => Err(FieldError::Sampling),
    }
}

/// The upper half of the trace id among the tags, `key=value` separated by commas: 16 lowercase hex digits;
/// zero if there is none.
fn upper_half(line: &[u8]) -> Result<u64, FieldError> {
    if line.len() > MAX_TAGS_BYTES {
        return Err(FieldError::TooLong);
    }
    let mut rest = line;
    let mut upper = None;
    while !rest.is_empty() {
        let (tag, after) = split_once(rest, b',').unwrap_or((rest, b""));
        rest = after;
        let Some((UPPER_HALF, digits)) = split_once(trim(tag), b'=') else {
            continue;
        };
        let value = digits.try_into().ok().and_then(decode_u64).ok_or(FieldError::TraceId)?;
        if upper.replace(value).is_some() {
            return Err(FieldError::TraceId);
        }
    }
    Ok(upper.unwrap_or(0))
}
