//! Zipkin's B3 (floor 2), in one header and in several [openzipkin/b3-propagation].
//!
//! Refuses everything but lowercase hex of the right length. Never passes on the parent's span id, which
//! only tracers need where both sides of a request share a span [OpenTelemetry Propagators API, B3
//! Inject]. Knows nothing of whether a caller may ask for debugging.

use super::{
    field::{FieldError, read_line, trimmed, written},
    propagator::{ExtractError, Getter, Header, Propagator, Reason, Setter},
};
use crate::{
    context::{Context, Extent, Lines, SpanContext, TraceFlags, split_once, trim},
    ids::{SpanId, TraceId, decode_u64, decode_u128},
};
use std::ops::ControlFlow::Break;

/// The header that has everything.
pub const B3_SINGLE: &str = "b3";
/// The header of the trace id.
pub const X_B3_TRACE_ID: &str = "x-b3-traceid";
/// The header of the span id.
pub const X_B3_SPAN_ID: &str = "x-b3-spanid";
/// The header of the id of the span's parent: checked, and never sent.
pub const X_B3_PARENT_SPAN_ID: &str = "x-b3-parentspanid";
/// The header of the sampling decision.
pub const X_B3_SAMPLED: &str = "x-b3-sampled";
/// The header of the debug flag.
pub const X_B3_FLAGS: &str = "x-b3-flags";

/// The most bytes of a single header.
pub const BYTES: usize = 68;

/// What B3 headers can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The caller's span. Its flags are [deferred](TraceFlags::DEFERRED) where no decision came with it.
    Span(SpanContext),
    /// A decision about a trace that is yet to be started, and nothing else: sampled, not sampled, or
    /// [debug](TraceFlags::DEBUG).
    Decision(TraceFlags),
}

impl Received {
    /// The caller's span, if there is one.
    pub fn span(self) -> Option<SpanContext> {
        match self {
            Self::Span(span) => Some(span),
            Self::Decision(_) => None,
        }
    }
}

/// Reads the value of a single header. Spaces and tabs around it do not count; a trace id of 64 bits is
/// the lower half of one of 128.
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// use throughline::{TraceFlags, propagation::b3::{self, Received}};
///
/// let caller = b3::parse(b"463ac35c9f6413ad-a2fb4a1d1a96d312-d")?.span().unwrap();
/// assert_eq!(caller.trace_id().to_string(), "0000000000000000463ac35c9f6413ad");
/// assert!(caller.is_sampled() && caller.flags().is_debug());
///
/// assert_eq!(b3::parse(b"0"), Ok(Received::Decision(TraceFlags::default())));
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn parse(value: &[u8]) -> Result<Received, FieldError> {
    let value = trimmed(value)?;
    if let [state] = value {
        return decision(*state).map(Received::Decision);
    }
    if value.len() > BYTES {
        return Err(FieldError::Layout);
    }
    let (trace, rest) = split_once(value, b'-').ok_or(FieldError::Layout)?;
    let trace = trace_id(trace)?;
    let (span, state) = split_optional(rest);
    let span = span_id(span).ok_or(FieldError::SpanId)?;
    let flags = state.map_or(Ok(TraceFlags::DEFERRED), state_and_parent)?;
    Ok(Received::Span(SpanContext::new(trace, span, flags).with_remote(true)))
}

/// What comes after the span id: a decision, and perhaps the id of the span's parent.
fn state_and_parent(rest: &[u8]) -> Result<TraceFlags, FieldError> {
    let (state, parent) = split_optional(rest);
    let [state] = state else {
        return Err(FieldError::Sampling);
    };
    if let Some(parent) = parent {
        span_id(parent).ok_or(FieldError::ParentId)?;
    }
    decision(*state)
}

const fn decision(state: u8) -> Result<TraceFlags, FieldError> {
    match state {
        b'0' => Ok(TraceFlags::from_bits(0)),
        b'1' => Ok(TraceFlags::SAMPLED),
        b'd' => Ok(TraceFlags::DEBUG),
        _ => Err(FieldError::Sampling),
    }
}

fn split_optional(value: &[u8]) -> (&[u8], Option<&[u8]>) {
    match split_once(value, b'-') {
        Some((first, rest)) => (first, Some(rest)),
        None => (value, None),
    }
}

fn trace_id(digits: &[u8]) -> Result<TraceId, FieldError> {
    let value = match digits.len() {
        16 => digits.first_chunk().and_then(decode_u64).map(u128::from),
        32 => digits.first_chunk().and_then(decode_u128),
        _ => None,
    };
    value.and_then(TraceId::from_u128).ok_or(FieldError::TraceId)
}

fn span_id(digits: &[u8]) -> Option<SpanId> {
    digits.try_into().ok().and_then(decode_u64).and_then(SpanId::from_u64)
}

/// Writes a context as the value of a single header.
///
/// ```
/// use throughline::propagation::b3;
///
/// let caller = b3::parse(b"463ac35c9f6413ad-a2fb4a1d1a96d312-1-05e3ac9a4f6e3b90")?.span().unwrap();
/// let value = b3::format(&caller, &mut [0; b3::BYTES]).to_owned();
/// assert_eq!(value, "0000000000000000463ac35c9f6413ad-a2fb4a1d1a96d312-1");
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn format<'a>(span: &SpanContext, buffer: &'a mut [u8; BYTES]) -> &'a str {
    let state = match span.flags() {
        flags if flags.is_debug() => "-d",
        flags if flags.is_sampled() => "-1",
        flags if flags.is_deferred() => "",
        _ => "-0",
    };
    written(buffer, format_args!("{}-{}{state}", span.trace_id(), span.span_id()))
}

/// What a carrier's B3 headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// What they say, if there are any that are good.
    pub received: Option<Received>,
    /// The first that was refused. A refused single header is made up for by good ones of the several.
    pub refused: Option<ExtractError>,
}

/// Reads the single header, and where that is missing or refused, the several.
///
/// For who wants to follow a [decision](Received::Decision) that comes without a span: a [`Context`] has
/// no place for it, so [`B3`] leaves it alone.
pub fn extract(carrier: &dyn Getter) -> Extracted {
    let refused = match read_line(carrier, B3_SINGLE, parse) {
        Ok(Some(received)) => return Extracted { received: Some(received), refused: None },
        Ok(None) => None,
        Err(error) => Some(error),
    };
    match read_multi(carrier) {
        Ok(received) => Extracted { received, refused },
        Err(error) => Extracted { received: None, refused: refused.or(Some(error)) },
    }
}

fn read_multi(carrier: &dyn Getter) -> Result<Option<Received>, ExtractError> {
    let refused = |name| move |error: FieldError| ExtractError::new(name, error.reason());
    let trace = first_line(carrier, X_B3_TRACE_ID)?;
    let span = first_line(carrier, X_B3_SPAN_ID)?;
    if let Some(parent) = first_line(carrier, X_B3_PARENT_SPAN_ID)? {
        span_id(parent).ok_or(FieldError::ParentId).map_err(refused(X_B3_PARENT_SPAN_ID))?;
    }
    let flags = multi_decision(carrier)?;
    let (trace, span) = match (trace, span, flags) {
        (None, None, flags) => return Ok(flags.map(Received::Decision)),
        (Some(trace), Some(span), _) => (trace, span),
        (None, Some(_), _) => return Err(ExtractError::new(X_B3_TRACE_ID, Reason::Malformed)),
        (Some(_), None, _) => return Err(ExtractError::new(X_B3_SPAN_ID, Reason::Malformed)),
    };
    let trace = trace_id(trace).map_err(refused(X_B3_TRACE_ID))?;
    let span = span_id(span).ok_or(FieldError::SpanId).map_err(refused(X_B3_SPAN_ID))?;
    let flags = flags.unwrap_or(TraceFlags::DEFERRED);
    Ok(Some(Received::Span(SpanContext::new(trace, span, flags).with_remote(true))))
}

/// The sampling state; a decision that is malformed is refused even where the debug flag overrules it.
fn multi_decision(carrier: &dyn Getter) -> Result<Option<TraceFlags>, ExtractError> {
    let sampled = match first_line(carrier, X_B3_SAMPLED)? {
        None => None,
        Some(b"0" | b"false") => Some(TraceFlags::from_bits(0)),
        Some(b"1" | b"true") => Some(TraceFlags::SAMPLED),
        Some(_) => return Err(ExtractError::new(X_B3_SAMPLED, Reason::Malformed)),
    };
    match first_line(carrier, X_B3_FLAGS)? {
        Some(b"1") => Ok(Some(TraceFlags::DEBUG)),
        _ => Ok(sampled),
    }
}

/// The first line of a header, trimmed; the others count for the limits and for nothing else.
fn first_line<'a>(carrier: &'a dyn Getter, name: &'static str) -> Result<Option<&'a [u8]>, ExtractError> {
    let header = Header::new(carrier, name);
    let first = match Extent::of(&header) {
        Extent::None => None,
        Extent::One(line) => Some(line),
        Extent::Several => header.walk(Break).break_value(),
        Extent::TooLong => return Err(ExtractError::new(name, Reason::TooLong)),
        Extent::TooMany => return Err(ExtractError::new(name, Reason::TooMany)),
    };
    Ok(first.map(trim))
}

/// The [`Propagator`] of B3: reads either form, and sends one, the single header unless
/// [asked otherwise](Self::multi).
///
/// A decision that comes without a span (`b3: 0`, or `X-B3-Sampled` alone) is not followed: a
/// [`Context`] has no place for it, so the trace starts here, by this tracer's own sampler. As B3 asks, a single
/// header goes before the several: one that is a decision alone leaves ids of the several aside. Who has to
/// follow such callers asks [`extract`] for the decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct B3 {
    sends_several: bool,
}

impl B3 {
    /// Sends the single header. The default.
    pub const fn single() -> Self {
        Self { sends_several: false }
    }

    /// Sends `X-B3-TraceId`, `X-B3-SpanId` and `X-B3-Sampled`, or for debugging `X-B3-Flags` in place of
    /// the last.
    pub const fn multi() -> Self {
        Self { sends_several: true }
    }
}

impl Propagator for B3 {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        let Extracted { received, refused } = extract(carrier);
        if let Some(span) = received.and_then(Received::span) {
            context.span = Some(span);
        }
        refused.map_or(Ok(()), Err)
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        let Some(span) = &context.span else { return };
        if self.sends_several {
            inject_multi(span, carrier);
        } else {
            carrier.set(B3_SINGLE, format(span, &mut [0; BYTES]).as_bytes());
        }
    }

    fn fields(&self) -> Vec<&str> {
        if self.sends_several {
            vec![X_B3_TRACE_ID, X_B3_SPAN_ID, X_B3_PARENT_SPAN_ID, X_B3_SAMPLED, X_B3_FLAGS]
        } else {
            vec![B3_SINGLE]
        }
    }
}

/// Takes away what an earlier span left and this one has not.
fn inject_multi(span: &SpanContext, carrier: &mut dyn Setter) {
    let flags = span.flags();
    carrier.set(X_B3_TRACE_ID, &span.trace_id().to_hex());
    carrier.set(X_B3_SPAN_ID, &span.span_id().to_hex());
    carrier.unset(X_B3_PARENT_SPAN_ID);
    if flags.is_debug() || flags.is_deferred() {
        carrier.unset(X_B3_SAMPLED);
    } else {
        carrier.set(X_B3_SAMPLED, if flags.is_sampled() { b"1" } else { b"0" });
    }
    if flags.is_debug() {
        carrier.set(X_B3_FLAGS, b"1");
    } else {
        carrier.unset(X_B3_FLAGS);
    }
}
