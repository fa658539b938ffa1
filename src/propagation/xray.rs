//! AWS X-Ray's X-Amzn-Trace-Id (floor 2)
//! [AWS X-Ray Developer Guide, tracing header; Elastic Load Balancing, request tracing].
//!
//! Passes over fields that are not of the trace: load balancers add `Self`, applications what they like.
//! Does not read the first half of the trace id as the time that AWS puts there.

use super::{
    field::{FieldError, hex, read_line, trimmed, written, zero_or_one},
    propagator::{ExtractError, Getter, Propagator, Setter},
};
use crate::{
    context::{Context, SpanContext, TraceFlags, is_blank, skip, split_once, trim},
    ids::{SpanId, TraceId},
};

/// The header.
pub const X_AMZN_TRACE_ID: &str = "x-amzn-trace-id";

/// The most bytes that [`format()`] writes.
pub const BYTES: usize = 74;

/// The most fields of a header; those in use have four.
const MAX_FIELDS: usize = 32;

/// Reads a value: `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled={0, 1 or ?}` in any order. Spaces and
/// tabs around fields do not count.
///
/// `None` if there is no `Parent`: a load balancer that starts a trace has no span. Without `Sampled`, or
/// with `?`, the decision is [deferred](TraceFlags::DEFERRED).
///
/// # Errors
///
/// The first thing that is wrong.
///
/// ```
/// use throughline::propagation::xray;
///
/// let value = b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let caller = xray::parse(value)?.unwrap();
/// assert_eq!(caller.trace_id().to_string(), "5759e988bd862e3fe1be46a994272793");
/// assert_eq!(xray::parse(b"Root=1-5759e988-bd862e3fe1be46a994272793"), Ok(None));
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn parse(value: &[u8]) -> Result<Option<SpanContext>, FieldError> {
    let Fields { root, parent, sampled } = Fields::of(trimmed(value)?)?;
    let root = root.and_then(trace_id).ok_or(FieldError::TraceId)?;
    let parent = parent.map(|digits| span_id(digits).ok_or(FieldError::ParentId)).transpose()?;
    let flags = match sampled {
        None | Some(b"?") => TraceFlags::DEFERRED,
        Some(digit) => zero_or_one(digit)?,
    };
    Ok(parent.map(|parent| SpanContext::new(root, parent, flags).with_remote(true)))
}

/// The fields of the trace, none of which may come twice.
#[derive(Default)]
struct Fields<'a> {
    root: Option<&'a [u8]>,
    parent: Option<&'a [u8]>,
    sampled: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn of(value: &'a [u8]) -> Result<Self, FieldError> {
        let mut fields = Self::default();
        let mut rest = value;
        for _ in 0..MAX_FIELDS {
            rest = skip(rest, |byte| is_blank(byte) | (byte == b';'));
            if rest.is_empty() {
                return Ok(fields);
            }
            let (field, after) = split_once(rest, b';').unwrap_or((rest, b""));
            rest = after;
            let (name, value) = split_once(trim(field), b'=').ok_or(FieldError::Layout)?;
            let place = match name {
                b"Root" => &mut fields.root,
                b"Parent" => &mut fields.parent,
                b"Sampled" => &mut fields.sampled,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(FieldError::Layout);
            }
        }
        if skip(rest, |byte| is_blank(byte) | (byte == b';')).is_empty() {
            Ok(fields)
        } else {
            Err(FieldError::Layout)
        }
    }
}

/// `1-{8 hex}-{24 hex}`.
fn trace_id(value: &[u8]) -> Option<TraceId> {
    let (time, rest) = value.strip_prefix(b"1-")?.split_first_chunk::<8>()?;
    let random: &[u8; 24] = rest.strip_prefix(b"-")?.try_into().ok()?;
    TraceId::from_u128(hex(time)? << 96 | hex(random)?)
}

fn span_id(digits: &[u8]) -> Option<SpanId> {
    let digits: &[u8; 16] = digits.try_into().ok()?;
    SpanId::from_u64(u64::try_from(hex(digits)?).ok()?)
}

/// Writes a context as a value.
///
/// ```
/// use throughline::propagation::xray;
///
/// let value = b"Sampled=0;Self=1-0;Parent=53995c3f42cd8ad8;Root=1-5759e988-bd862e3fe1be46a994272793";
/// let caller = xray::parse(value)?.unwrap();
/// let value = xray::format(&caller, &mut [0; xray::BYTES]).to_owned();
/// assert_eq!(value, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0");
/// # Ok::<(), throughline::propagation::FieldError>(())
/// ```
pub fn format<'a>(span: &SpanContext, buffer: &'a mut [u8; BYTES]) -> &'a str {
    let trace = span.trace_id().as_u128();
    let (time, random) = (trace >> 96, trace & (u128::MAX >> 32));
    let sampled = match span.flags() {
        flags if flags.is_sampled() => '1',
        flags if flags.is_deferred() => '?',
        _ => '0',
    };
    let parent = span.span_id();
    written(buffer, format_args!("Root=1-{time:08x}-{random:024x};Parent={parent};Sampled={sampled}"))
}

/// The [`Propagator`] of AWS X-Ray.
#[derive(Clone, Copy, Debug, Default)]
pub struct XRay;

impl Propagator for XRay {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        if let Some(Some(span)) = read_line(carrier, X_AMZN_TRACE_ID, parse)? {
            context.span = Some(span);
        }
        Ok(())
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        if let Some(span) = &context.span {
            carrier.set(X_AMZN_TRACE_ID, format(span, &mut [0; BYTES]).as_bytes());
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![X_AMZN_TRACE_ID]
    }
}
