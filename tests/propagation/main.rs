//! What every header format accepts, refuses and emits, through the public API.

mod b3;
mod baggage;
mod carriers;
mod composite;
mod contract;
mod datadog;
mod every_format;
mod forwarded;
mod google_cloud;
mod jaeger;
mod onward;
mod ot_trace;
mod propagators;
mod single_line;
mod traceparent;
mod tracestate;
mod xray;

use throughline::{
    Context, SpanContext, TraceFlags,
    context::Baggage,
    propagation::{ExtractError, Propagator, Reason},
};

/// A valid traceparent, and its parts.
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The carrier of most tests.
type Headers = Vec<(String, Vec<u8>)>;

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// A context with every part filled, by nobody in the tests.
fn filled() -> Context {
    let mut context = Context::default();
    let ids = ("1".repeat(32).parse().unwrap(), "2".repeat(16).parse().unwrap());
    context.span = Some(SpanContext::new(ids.0, ids.1, TraceFlags::default()));
    context.request_id = Some("before".parse().unwrap());
    context.baggage = Baggage::EMPTY.with("before", "1").unwrap();
    context
}

/// The caller's span as a received header has it.
fn caller(trace: &str, span: &str, flags: TraceFlags) -> SpanContext {
    SpanContext::new(trace.parse().unwrap(), span.parse().unwrap(), flags).with_remote(true)
}

/// What these headers say of the caller's span, and what was refused; nothing else may change.
#[track_caller]
fn extracted(format: &dyn Propagator, lines: &[(&str, &str)]) -> (Option<SpanContext>, Option<ExtractError>) {
    let mut context = filled();
    context.span = None;
    let refused = format.extract(&headers(lines), &mut context).err();
    let span = std::mem::replace(&mut context.span, filled().span);
    assert_eq!(context, filled(), "{lines:?}");
    (span, refused)
}

/// These headers are refused, this one is named, and nothing changes.
#[track_caller]
fn refused(format: &dyn Propagator, lines: &[(&str, &str)], header: &'static str, reason: Reason) {
    let mut context = filled();
    let refused = format.extract(&headers(lines), &mut context);
    assert_eq!(refused, Err(ExtractError::new(header, reason)), "{lines:?}");
    assert_eq!(context, filled(), "{lines:?}");
}

/// What is sent for a span, in a carrier that has these headers already.
fn injected_over(
    format: &dyn Propagator,
    stale: &[(&str, &str)],
    span: SpanContext,
) -> Vec<(String, String)> {
    let mut context = Context::default();
    context.span = Some(span);
    let mut carrier = headers(stale);
    format.inject(&context, &mut carrier);
    carrier.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect()
}

fn injected(format: &dyn Propagator, span: SpanContext) -> Vec<(String, String)> {
    injected_over(format, &[], span)
}

fn pairs(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
