//! Jaeger's own headers (floor 2): uber-trace-id and `uberctx-*`
//! [Jaeger client libraries: propagation format].
//!
//! Takes short ids and hex in either case, as the format asks. Refuses nothing over the parent's span id,
//! which it does not look at. Knows no `jaeger-debug-id`: that lets anyone have a trace recorded.

use super::{
    baggage_headers::BaggageHeaders,
    field::{FieldError, hex, read_line, span_id, trace_id, trimmed, written},
    propagator::{ExtractError, Getter, Propagator, Setter},
};
use crate::context::{Coding, Context, SpanContext, TraceFlags};

/// The header of the caller's span.
pub const UBER_TRACE_ID: &str = "uber-trace-id";
/// What the name of a header of baggage starts with; the key comes after it.
pub const UBERCTX_PREFIX: &str = "uberctx-";

/// The most bytes that [`format()`] writes.
pub const BYTES: usize = 53;

const SAMPLED: u128 = 1;
const DEBUG: u128 = 2;

const BAGGAGE: BaggageHeaders =
    BaggageHeaders { header: "uberctx-*", prefix: UBERCTX_PREFIX, coding: Coding::Form };

/// Reads a value: trace id, span id, parent's span id and flags, with `:` or `%3A` between them. Spaces
/// and tabs around the value do not count.
///
/// Of the flags, `sampled` is taken, and `debug` where it comes with it; "firehose", and what else there
/// may be, is not.
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// use throughline::propagation::jaeger;
///
/// let caller = jaeger::parse(b"deadBEEF:1:0:03")?;
/// assert_eq!(caller.trace_id().to_string(), "000000000000000000000000deadbeef");
/// assert!(caller.is_sampled() && caller.flags().is_debug());
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn parse(value: &[u8]) -> Result<SpanContext, FieldError> {
    let (trace, rest) = split(trimmed(value)?).ok_or(FieldError::Layout)?;
    let (span, rest) = split(rest).ok_or(FieldError::Layout)?;
    let (_parent, flags) = split(rest).ok_or(FieldError::Layout)?;
    let trace = trace_id(trace)?;
    let span = span_id(span)?;
    Ok(SpanContext::new(trace, span, parse_flags(flags)?).with_remote(true))
}

/// One or two hex digits. A fifth field fails here, as no digit.
fn parse_flags(digits: &[u8]) -> Result<TraceFlags, FieldError> {
    let digits = if digits.len() > 2 { b"" } else { digits };
    let bits = hex(digits).ok_or(FieldError::Sampling)?;
    Ok(match (bits & SAMPLED != 0, bits & DEBUG != 0) {
        (true, true) => TraceFlags::DEBUG,
        (sampled, _) => TraceFlags::default().with_sampled(sampled),
    })
}

/// The two sides of the first `:`, or `%3A`, which some clients write for it.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let place = value.iter().position(|byte| matches!(byte, b':' | b'%'))?;
    match value.split_at_checked(place)? {
        (field, [b':', rest @ ..] | [b'%', b'3', b'A' | b'a', rest @ ..]) => Some((field, rest)),
        _ => None,
    }
}

/// Writes a context as a value.
///
/// ```
/// use throughline::propagation::jaeger;
///
/// let caller = jaeger::parse(b"deadbeef:1:0:1")?;
/// let value = jaeger::format(&caller, &mut [0; jaeger::BYTES]).to_owned();
/// assert_eq!(value, "000000000000000000000000deadbeef:0000000000000001:0:1");
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn format<'a>(span: &SpanContext, buffer: &'a mut [u8; BYTES]) -> &'a str {
    let flags = match span.flags() {
        flags if flags.is_debug() => SAMPLED | DEBUG,
        flags if flags.is_sampled() => SAMPLED,
        _ => 0,
    };
    written(buffer, format_args!("{}:{}:0:{flags}", span.trace_id(), span.span_id()))
}

/// The [`Propagator`] of Jaeger's headers.
///
/// Baggage is read as a whole or not at all, under the limits of [`Baggage`](crate::context::Baggage).
/// Its keys are sent in lowercase, since names of headers do not keep their case, and its properties are
/// not sent: these headers have no place for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jaeger;

impl Propagator for Jaeger {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let span = read_line(carrier, UBER_TRACE_ID, parse);
        let baggage = BAGGAGE.extract(carrier, context);
        if let Some(span) = span? {
            context.span = Some(span);
        }
        baggage
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        if let Some(span) = &context.span {
            carrier.set(UBER_TRACE_ID, format(span, &mut [0; BYTES]).as_bytes());
        }
        BAGGAGE.inject(&context.baggage, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        vec![UBER_TRACE_ID]
    }
}
