//! Google Cloud's X-Cloud-Trace-Context (floor 2) [Google Cloud Trace, trace context].
//!
//! The format that came before traceparent, which Google's load balancers now send as well.

use super::{
    field::{FieldError, decimal, hex, read_line, trimmed, written, zero_or_one},
    propagator::{ExtractError, Getter, Propagator, Setter},
};
use crate::{
    context::{Context, SpanContext, TraceFlags, split_once},
    ids::{SpanId, TraceId},
};

/// The header.
pub const X_CLOUD_TRACE_CONTEXT: &str = "x-cloud-trace-context";

/// The most bytes that [`format()`] writes.
pub const BYTES: usize = 57;

/// Reads a value: `{32 hex}/{decimal};o={0 or 1}`. Spaces and tabs around it do not count.
///
/// `None` if there is no span, which may be left out with its `/` or without. Without `;o=`, or with
/// nothing after it, the decision is [deferred](TraceFlags::DEFERRED).
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// use throughline::propagation::google_cloud;
///
/// let caller = google_cloud::parse(b"105445aa7843bc8bf206b12000100000/10;o=1")?.unwrap();
/// assert_eq!(caller.span_id().to_string(), "000000000000000a");
/// assert_eq!(google_cloud::parse(b"105445aa7843bc8bf206b12000100000"), Ok(None));
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn parse(value: &[u8]) -> Result<Option<SpanContext>, FieldError> {
    let value = trimmed(value)?;
    let (ids, options) = split_once(value, b';').map_or((value, None), |(ids, rest)| (ids, Some(rest)));
    let (trace, span) = split_once(ids, b'/').unwrap_or((ids, b""));
    let trace = trace_id(trace).ok_or(FieldError::TraceId)?;
    let flags = options.map_or(Ok(TraceFlags::DEFERRED), parse_options)?;
    if span.is_empty() {
        return Ok(None);
    }
    let span = decimal(span).and_then(SpanId::from_u64).ok_or(FieldError::SpanId)?;
    Ok(Some(SpanContext::new(trace, span, flags).with_remote(true)))
}

fn trace_id(digits: &[u8]) -> Option<TraceId> {
    let digits: &[u8; 32] = digits.try_into().ok()?;
    TraceId::from_u128(hex(digits)?)
}

fn parse_options(options: &[u8]) -> Result<TraceFlags, FieldError> {
    match options.strip_prefix(b"o=") {
        Some([]) => Ok(TraceFlags::DEFERRED),
        Some(digit) => zero_or_one(digit),
        None => Err(FieldError::Layout),
    }
}

/// Writes a context as a value.
///
/// ```
/// use throughline::propagation::google_cloud;
///
/// let value = "105445aa7843bc8bf206b12000100000/18446744073709551615;o=1";
/// let caller = google_cloud::parse(value.as_bytes())?.unwrap();
/// assert_eq!(google_cloud::format(&caller, &mut [0; google_cloud::BYTES]), value);
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn format<'a>(span: &SpanContext, buffer: &'a mut [u8; BYTES]) -> &'a str {
    let options = match span.flags() {
        flags if flags.is_sampled() => ";o=1",
        flags if flags.is_deferred() => "",
        _ => ";o=0",
    };
    written(buffer, format_args!("{}/{}{options}", span.trace_id(), span.span_id().as_u64()))
}

/// The [`Propagator`] of Google Cloud.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoogleCloud;

impl Propagator for GoogleCloud {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        if let Some(Some(span)) = read_line(carrier, X_CLOUD_TRACE_CONTEXT, parse)? {
            context.span = Some(span);
        }
        Ok(())
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        if let Some(span) = &context.span {
            carrier.set(X_CLOUD_TRACE_CONTEXT, format(span, &mut [0; BYTES]).as_bytes());
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![X_CLOUD_TRACE_CONTEXT]
    }
}
