//! The headers of OpenTracing's basic tracers (floor 2): `ot-tracer-*` and `ot-baggage-*`. There is no
//! specification; the tracers are [opentracing/basictracer-go, basictracer-python].
//!
//! Takes ids as short as they may be written, in either case, and a trace id of 128 bits, which a basic
//! tracer has not; sends one of 64, as the others could not read more.

use super::{
    baggage_headers::BaggageHeaders,
    field::{FieldError, read_line, span_id, trace_id, trimmed},
    propagator::{ExtractError, Getter, Propagator, Reason, Setter},
};
use crate::{
    context::{Coding, Context, SpanContext, TraceFlags},
    ids::{SpanId, TraceId},
};

/// The header of the trace id.
pub const OT_TRACER_TRACEID: &str = "ot-tracer-traceid";
/// The header of the caller's span id.
pub const OT_TRACER_SPANID: &str = "ot-tracer-spanid";
/// The header of the sampling decision.
pub const OT_TRACER_SAMPLED: &str = "ot-tracer-sampled";
/// What the name of a header of baggage starts with; the key comes after it.
pub const OT_BAGGAGE_PREFIX: &str = "ot-baggage-";

const BAGGAGE: BaggageHeaders =
    BaggageHeaders { header: "ot-baggage-*", prefix: OT_BAGGAGE_PREFIX, coding: Coding::Plain };

/// The [`Propagator`] of the basic tracers.
///
/// Both ids are needed; without a decision, that is [deferred](TraceFlags::DEFERRED). Baggage is read as a
/// whole or not at all, under the limits of [`Baggage`](crate::context::Baggage). Its values go as they
/// are: one with a control character, or a space at an end, would not arrive so and is not sent. Nor are
/// properties, and keys go in lowercase.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtTrace;

impl Propagator for OtTrace {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let span = read_span(carrier);
        let baggage = BAGGAGE.extract(carrier, context);
        if let Some(span) = span? {
            context.span = Some(span);
        }
        baggage
    }

    /// Sets the headers, or takes what an earlier span left away. A trace id whose lower half is zero
    /// cannot be said in them.
    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        if let Some(span) = &context.span {
            inject_span(span, carrier);
        }
        BAGGAGE.inject(&context.baggage, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        vec![OT_TRACER_TRACEID, OT_TRACER_SPANID, OT_TRACER_SAMPLED]
    }
}

fn read_span(carrier: &dyn Getter) -> Result<Option<SpanContext>, ExtractError> {
    let trace = read_line(carrier, OT_TRACER_TRACEID, |line| trace_id(trimmed(line)?))?;
    let span = read_line(carrier, OT_TRACER_SPANID, |line| span_id(trimmed(line)?))?;
    let flags = read_line(carrier, OT_TRACER_SAMPLED, decision)?;
    match (trace, span) {
        (Some(trace), Some(span)) => {
            let flags = flags.unwrap_or(TraceFlags::DEFERRED);
            Ok(Some(SpanContext::new(trace, span, flags).with_remote(true)))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ExtractError::new(OT_TRACER_TRACEID, Reason::Malformed)),
        (Some(_), None) => Err(ExtractError::new(OT_TRACER_SPANID, Reason::Malformed)),
    }
}

/// `true` or `false` in any case, as languages write them, or a digit.
fn decision(line: &[u8]) -> Result<TraceFlags, FieldError> {
    match trimmed(line)? {
        b"1" => Ok(TraceFlags::SAMPLED),
        b"0" => Ok(TraceFlags::from_bits(0)),
        word if word.eq_ignore_ascii_case(b"true") => Ok(TraceFlags::SAMPLED),
        word if word.eq_ignore_ascii_case(b"false") => Ok(TraceFlags::from_bits(0)),
        _ => Err(FieldError::Sampling),
    }
}

fn inject_span(span: &SpanContext, carrier: &mut dyn Setter) {
    // Written as a span id is: 64 bits.
    let Some(trace) = lower_half(span.trace_id()) else { return };
    carrier.set(OT_TRACER_TRACEID, &trace.to_hex());
    carrier.set(OT_TRACER_SPANID, &span.span_id().to_hex());
    if span.flags().is_deferred() {
        carrier.unset(OT_TRACER_SAMPLED);
    } else {
        carrier.set(OT_TRACER_SAMPLED, if span.is_sampled() { b"true" } else { b"false" });
    }
}

const fn lower_half(trace: TraceId) -> Option<SpanId> {
    SpanId::from_u64(trace.as_u128() as u64)
}
