//! The start of a server span (floor 5): how far the caller is believed, and all that the request's head
//! tells, so that a sampler sees it.

use super::{
    config::Config,
    forwarded::Told,
    headers::Brought,
    recent::Recent,
    trust::{Arrival, Trust},
};
use crate::{
    diagnostics::Diagnostic,
    middleware::{
        asked::Asked,
        authority::{self, Addressed},
        exchange::Started,
        line::AddressLine,
        recorded,
        seen::Seen,
        settings::Settings,
        version::protocol_version,
    },
    propagation::forwarded::Node,
    semconv,
    trace::Attributes,
};
use http::{Version, request};

pub(super) fn start(config: &Config, head: &request::Parts) -> Started {
    let Settings { tracer, headers, methods, recorded, .. } = &*config.common;
    let mut seen = Seen::default();
    seen.see(&head.headers, headers);
    let arrival = Arrival::new(head, (config.peer)(head));
    let trust = config.trust.trust(&arrival);
    let mut recent = Recent::take();
    recent.see_authority(&head.uri, seen.host.first());
    let believes_caller = trust == Trust::Continue;
    if believes_caller {
        recent.see_caller(&seen.service_name, tracer);
    }
    let origin = Origin::of(config, &arrival, &seen, &recent);
    let keeps_id = believes_caller || !config.replaces_untrusted_ids;
    let Brought { context, link } = &mut headers.extract(&seen, &head.headers, trust, keeps_id, tracer);
    // gRPC needs HTTP/2. Else what the caller says of the content tells nothing.
    let content_type = seen.content_type.first().filter(|_| head.version >= Version::HTTP_2);
    let asked = Asked::of(&head.method, &head.uri, content_type, methods, || (config.route)(head));
    let baggage = (!recorded.baggage.is_empty()).then(|| context.baggage.clone());
    let span = tracer.start_server(asked.span_name(), context, link.as_ref(), |attributes| {
        describe(&asked, head, &seen, origin.scheme, attributes);
        describe_connection(&arrival, &origin, attributes);
        if let Some(caller) = recent.caller().filter(|_| believes_caller) {
            attributes.text(semconv::SERVICE_PEER_NAME, caller);
        }
        if let Some(baggage) = &baggage {
            recorded.describe_baggage(baggage, attributes);
        }
        recorded::describe(&recorded.request, &head.headers, asked.prefix(), attributes);
    });
    recent.keep();
    Started { span, grpc: asked.into_grpc() }
}

fn describe(
    asked: &Asked,
    head: &request::Parts,
    seen: &Seen<'_>,
    scheme: &str,
    attributes: &mut Attributes<'_>,
) {
    let (method, route) = match asked {
        Asked::Http(method, route) => (method, route),
        Asked::Grpc(call) => return call.describe(attributes),
    };
    method.describe(&head.method, attributes);
    attributes.text(semconv::URL_PATH, head.uri.path());
    attributes.text(semconv::URL_SCHEME, scheme);
    if let Some(route) = route {
        attributes.text(semconv::HTTP_ROUTE, route);
    }
    if let Some(query) = head.uri.query() {
        attributes.text(semconv::URL_QUERY, query);
    }
    if let Some(agent) = seen.user_agent.first().and_then(|agent| agent.to_str().ok()) {
        attributes.text(semconv::USER_AGENT_ORIGINAL, agent);
    }
}

/// How the client asked, as the proxies tell that are believed, else as the request itself does.
struct Origin<'a> {
    scheme: &'a str,
    addressed: Option<Addressed<'a>>,
    /// `None` where no proxy tells: the client is the peer then.
    client: Option<Node>,
}

impl<'a> Origin<'a> {
    fn of(config: &Config, arrival: &Arrival<'a>, seen: &Seen<'a>, recent: &'a Recent) -> Self {
        let head = arrival.head();
        let told = config.forwarded.as_ref().map(|forwarded| forwarded.read(arrival));
        let Told { hop, refused } = told.unwrap_or_default();
        (0..refused).for_each(|_| config.common.tracer.note(Diagnostic::RejectedHeader));
        let addressed = hop.host.and_then(|host| Addressed::parse(host.as_bytes()));
        Self {
            scheme: hop.scheme.or(head.uri.scheme_str()).unwrap_or(config.default_scheme),
            addressed: addressed
                .or_else(|| recent.addressed())
                .or_else(|| Addressed::of(&head.uri, seen.host.first())),
            client: hop.client,
        }
    }
}

/// What HTTP and gRPC spans have in common.
fn describe_connection(arrival: &Arrival<'_>, origin: &Origin<'_>, attributes: &mut Attributes<'_>) {
    if let Some(version) = protocol_version(arrival.head().version) {
        attributes.text(semconv::NETWORK_PROTOCOL_VERSION, version);
    }
    if let Some(Addressed { host, port, .. }) = &origin.addressed {
        attributes.text(semconv::SERVER_ADDRESS, host);
        // Only where it is not what the scheme says [semantic conventions, HTTP server spans].
        let default = authority::default_port(origin.scheme);
        if let Some(port) = port.filter(|port| *port != default) {
            attributes.number(semconv::SERVER_PORT, port);
        }
    }
    let (mut line, mut client_line) = (AddressLine::new(), AddressLine::new());
    if let Some(peer) = arrival.peer() {
        line.push_address(peer.ip());
    }
    let peer = arrival.peer().map(|_| line.as_str());
    match (origin.client, peer) {
        (Some(Node::Address(client)), _) => {
            client_line.push_address(client);
            attributes.known(semconv::CLIENT_ADDRESS, client_line.as_str());
        }
        // The peer is a proxy, and does not say whose.
        (Some(Node::Hidden), _) | (None, None) => {}
        (None, Some(address)) => attributes.known(semconv::CLIENT_ADDRESS, address),
    }
    if let (Some(address), Some(peer)) = (peer, arrival.peer()) {
        attributes.known(semconv::NETWORK_PEER_ADDRESS, address);
        attributes.number(semconv::NETWORK_PEER_PORT, peer.port());
    }
}
