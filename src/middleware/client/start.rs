//! The start of a client span (floor 5), with all that the request's head tells, so that a sampler sees it.

use super::{config::Config, target::Target};
use crate::{
    context,
    middleware::{authority, grpc, recorded, settings::Settings},
    record::SpanKind,
    semconv,
    trace::{Span, SpanBuilder, SpanHandle},
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
    target: &Target,
    call: Option<&grpc::Call>,
    parent: Option<&SpanHandle>,
) -> Span {
    let Settings { tracer, headers, recorded, .. } = &*config.common;
    let (mut builder, prefix) = match call {
        Some(call) => (call.span_builder(tracer), semconv::RPC_REQUEST_METADATA),
        None => (describe_http(config, head, target), semconv::HTTP_REQUEST_HEADER),
    };
    if let Some(authority) = target.authority() {
        builder.set_attribute(semconv::SERVER_ADDRESS, authority::host(authority));
        builder.set_attribute(semconv::SERVER_PORT, target.port(authority));
    }
    recorded::describe(&recorded.request, &head.headers, prefix, |key, value| {
        builder.set_attribute(key, value)
    });
    // A call outside of any request may have been given an id by its caller; within one, the request's
    // own counts.
    let given = headers.request_id(&head.headers, tracer);
    let builder = match parent {
        Some(parent) => builder.parent(parent),
        None => builder.or_remote(context::Context { request_id: given, ..Default::default() }),
    };
    let span = builder.kind(SpanKind::Client).start();
    if let Some(baggage) = span.baggage() {
        recorded.describe_baggage(baggage, |key, value| {
            span.set_attribute(key, value);
        });
    }
    span
}

fn describe_http(config: &Config, head: &request::Parts, target: &Target) -> SpanBuilder {
    let method = config.common.methods.record(&head.method);
    let template = (config.url_template)(head);
    let mut builder = config.common.tracer.span_builder(method.span_name(template.as_deref()));
    method.describe(&head.method, |key, value| builder.set_attribute(key, value));
    if let Some(template) = template {
        builder.set_attribute(semconv::URL_TEMPLATE, template);
    }
    let url = target.full_url(&head.uri);
    builder.set_attribute(semconv::URL_FULL, url);
    if let Some(ResendCount(count @ 1..)) = head.extensions.get() {
        builder.set_attribute(semconv::HTTP_REQUEST_RESEND_COUNT, *count);
    }
    builder
}
