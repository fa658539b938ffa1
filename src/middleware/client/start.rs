//! The start of a client span (floor 5), with all that the request's head tells, so that a sampler sees it.

use super::{config::Config, target::Target};
use crate::{
    middleware::{asked::Asked, exchange::Started, recorded, seen::Seen, settings::Settings},
    semconv,
    trace::{Attributes, SpanHandle},
};
use http::request;
use std::borrow::Cow;

/// Put into a request's extensions by a retry or a redirect, it says which attempt this is: 1 for the
/// second. Recorded as `http.request.resend_count`; 0, the first attempt, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResendCount(pub u32);

/// Put into a request's extensions, it tells the template of its URL, such as `/orders/{id}`: the span's
/// name and `url.template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub Cow<'static, str>);

pub(super) fn start(
    config: &Config,
    head: &request::Parts,
    seen: &Seen<'_>,
    parent: Option<&SpanHandle>,
) -> Started {
    let Settings { tracer, headers, methods, recorded, .. } = &*config.common;
    let target = Target::of(&head.uri, seen.host.first(), config.origin.as_ref());
    let asked = Asked::of(head, seen.content_type.first(), methods, || (config.url_template)(head));
    // A call outside of any request may have been given an id by its caller; within one, the request's
    // own counts.
    let given = headers.request_id(&seen.request_id, &head.headers, tracer);
    let span = tracer.start_client(asked.span_name(), parent, given, |attributes| {
        describe(&asked, head, &target, attributes);
        target.describe_server(attributes);
        recorded::describe(&recorded.request, &head.headers, asked.prefix(), attributes);
    });
    if !recorded.baggage.is_empty()
        && let Some(baggage) = span.baggage()
    {
        span.describe(|attributes| recorded.describe_baggage(baggage, attributes));
    }
    Started { span, grpc: asked.into_grpc() }
}

fn describe(asked: &Asked, head: &request::Parts, target: &Target<'_>, attributes: &mut Attributes<'_>) {
    let (method, template) = match asked {
        Asked::Http(method, template) => (method, template),
        Asked::Grpc(call) => return call.describe(attributes),
    };
    method.describe(&head.method, attributes);
    if let Some(template) = template {
        attributes.text(semconv::URL_TEMPLATE, template);
    }
    target.describe_url(attributes);
    if let Some(ResendCount(count @ 1..)) = head.extensions.get() {
        attributes.number(semconv::HTTP_REQUEST_RESEND_COUNT, *count);
    }
}
