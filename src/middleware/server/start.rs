//! The start of a server span (floor 5): how far the caller is believed, and all that the request's head
//! tells, so that a sampler sees it.

use super::{
    config::Config,
    headers::Brought,
    trust::{Arrival, Trust},
};
use crate::{
    diagnostics::Diagnostic,
    middleware::{authority, future::protocol_version, grpc, recorded, settings::Settings},
    propagation::forwarded::{Hop, Node},
    record::SpanKind,
    semconv,
    trace::{Span, SpanBuilder},
};
use http::{header, request, uri::Authority};

pub(super) fn start(config: &Config, head: &request::Parts, call: Option<&grpc::Call>) -> Span {
    let Settings { tracer, headers, recorded, .. } = &*config.common;
    let arrival = Arrival::new(head, (config.peer)(head));
    let trust = config.trust.trust(&arrival);
    let origin = Origin::of(config, &arrival);
    let keeps_id = trust == Trust::Continue || !config.replaces_untrusted_ids;
    let Brought { context, link } = headers.extract(&head.headers, trust, keeps_id, tracer);
    let (mut builder, prefix) = match call {
        Some(call) => (call.span_builder(tracer), semconv::RPC_REQUEST_METADATA),
        None => (describe_http(config, head, origin.scheme), semconv::HTTP_REQUEST_HEADER),
    };
    describe_connection(&arrival, &origin, &mut builder);
    if trust == Trust::Continue
        && let Some(caller) = headers.peer(&head.headers, tracer)
    {
        builder.set_attribute(semconv::SERVICE_PEER_NAME, caller);
    }
    recorded.describe_baggage(&context.baggage, |key, value| builder.set_attribute(key, value));
    recorded::describe(&recorded.request, &head.headers, prefix, |key, value| {
        builder.set_attribute(key, value)
    });
    let builder = match &link {
        Some(caller) => builder.link(caller, &[]),
        None => builder,
    };
    builder.kind(SpanKind::Server).remote(context).start()
}

/// How the client asked, as the proxies tell that are believed, else as the request itself does.
struct Origin<'a> {
    scheme: &'a str,
    authority: Option<Authority>,
    /// `None` where no proxy tells: the client is the peer then.
    client: Option<Node>,
}

impl<'a> Origin<'a> {
    fn of(config: &Config, arrival: &Arrival<'a>) -> Self {
        let head = arrival.head();
        let hop = config.forwarded.as_ref().map_or(Ok(Hop::default()), |forwarded| forwarded.read(arrival));
        let hop = hop.unwrap_or_else(|_malformed| {
            config.common.tracer.note(Diagnostic::RejectedHeader);
            Hop::default()
        });
        let authority = hop.host.and_then(|host| Authority::try_from(host).ok());
        Self {
            scheme: hop.scheme.or(head.uri.scheme_str()).unwrap_or(config.default_scheme),
            authority: authority.or_else(|| authority::of(head)),
            client: hop.client,
        }
    }
}

fn describe_http(config: &Config, head: &request::Parts, scheme: &str) -> SpanBuilder {
    let method = config.common.methods.record(&head.method);
    let route = (config.route)(head);
    let mut builder = config.common.tracer.span_builder(method.span_name(route.as_deref()));
    method.describe(&head.method, |key, value| builder.set_attribute(key, value));
    builder.set_attribute(semconv::URL_PATH, head.uri.path());
    builder.set_attribute(semconv::URL_SCHEME, scheme);
    if let Some(route) = route {
        builder.set_attribute(semconv::HTTP_ROUTE, route);
    }
    if let Some(query) = head.uri.query() {
        builder.set_attribute(semconv::URL_QUERY, query);
    }
    if let Some(agent) = header_text(head, &header::USER_AGENT) {
        builder.set_attribute(semconv::USER_AGENT_ORIGINAL, agent);
    }
    builder
}

/// What HTTP and gRPC spans have in common.
fn describe_connection(arrival: &Arrival<'_>, origin: &Origin<'_>, builder: &mut SpanBuilder) {
    if let Some(version) = protocol_version(arrival.head().version) {
        builder.set_attribute(semconv::NETWORK_PROTOCOL_VERSION, version);
    }
    if let Some(authority) = &origin.authority {
        builder.set_attribute(semconv::SERVER_ADDRESS, authority::host(authority));
        // Only where it is not what the scheme says [semantic conventions, HTTP server spans].
        let default = authority::default_port(origin.scheme);
        if let Some(port) = authority.port_u16().filter(|port| *port != default) {
            builder.set_attribute(semconv::SERVER_PORT, port);
        }
    }
    let peer = arrival.peer().map(|peer| (peer.ip().to_string(), peer.port()));
    match (origin.client, &peer) {
        (Some(Node::Address(client)), _) => {
            builder.set_attribute(semconv::CLIENT_ADDRESS, client.to_string());
        }
        // The peer is a proxy, and does not say whose.
        (Some(Node::Hidden), _) | (None, None) => {}
        (None, Some((address, _))) => builder.set_attribute(semconv::CLIENT_ADDRESS, address),
    }
    if let Some((address, port)) = &peer {
        builder.set_attribute(semconv::NETWORK_PEER_ADDRESS, address);
        builder.set_attribute(semconv::NETWORK_PEER_PORT, *port);
    }
}

fn header_text<'a>(head: &'a request::Parts, name: &header::HeaderName) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}
