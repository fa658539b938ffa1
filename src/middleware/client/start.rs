//! The start of a client span (floor 5), with all that the request's head tells, so that a sampler sees it.

use super::{config::Config, target::Target};
use crate::{
    middleware::{asked::Asked, exchange::Started, recorded, seen::Seen, settings::Settings},
    semconv,
    trace::{Attributes, SpanHandle},
};
use http::{Extensions, HeaderMap, Method, Uri};
use std::borrow::Cow;

/// Put into a request's extensions by a retry or a redirect, it says which attempt this is: 1 for the
/// second. Recorded as `http.request.resend_count`; 0, the first attempt, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

/// A call that is to be made.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) extensions: &'a Extensions,
    /// Of its URL.
    pub(super) template: Option<Cow<'static, str>>,
}

pub(super) fn start(
    config: &Config,
    call: Call<'_>,
    seen: &Seen<'_>,
    parent: Option<&SpanHandle>,
) -> Started {
    let Settings { tracer, headers, methods, recorded, .. } = &*config.common;
    let target = Target::of(call.uri, seen.host.first(), config.origin.as_ref());
    let Call { method, template, .. } = call;
    let asked = Asked::of(method, call.uri, seen.content_type.first(), methods, || template);
    // A call outside of any request may have been given an id by its caller; within one, the request's
    // own counts.
    let given = headers.request_id(&seen.request_id, call.headers, tracer);
    let span = tracer.start_client(asked.span_name(), parent, given, |attributes| {
        describe(&asked, method, call.extensions, &target, attributes);
        target.describe_server(attributes);
        recorded::describe(&recorded.request, call.headers, asked.prefix(), attributes);
    });
    if !recorded.baggage.is_empty()
        && let Some(baggage) = span.baggage()
    {
        span.describe(|attributes| recorded.describe_baggage(baggage, attributes));
    }
    Started { span, grpc: asked.into_grpc() }
}

fn describe(
    asked: &Asked,
    sent: &Method,
    extensions: &Extensions,
    target: &Target<'_>,
    attributes: &mut Attributes<'_>,
) {
    let (method, template) = match asked {
        Asked::Http(method, template) => (method, template),
        Asked::Grpc(call) => return call.describe(attributes),
    };
    method.describe(sent, attributes);
    if let Some(template) = template {
        attributes.text(semconv::URL_TEMPLATE, template);
    }
    target.describe_url(attributes);
    if let Some(ResendCount(count @ 1..)) = extensions.get() {
        attributes.number(semconv::HTTP_REQUEST_RESEND_COUNT, *count);
    }
}
