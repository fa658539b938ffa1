//! Who took part in a span (floor 4) [OpenTelemetry, transformation to Zipkin, remote endpoint].

use crate::{
    record::{SpanKind, SpanRecord},
    semconv,
    value::Value,
};
use serde::Serialize;
use std::net::IpAddr;

/// A service, by its name, its address, or both.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Endpoint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl<'a> Endpoint<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        Self { service_name: Some(name.into()), ipv4: None, ipv6: None, port: None }
    }
}

/// The other side of an exchange, as far as it is known: the callee of a client or a producer, the caller
/// of a server or a consumer. Without it Zipkin draws no dependency on what reports no spans itself.
pub(super) fn remote_endpoint(span: &SpanRecord) -> Option<Endpoint<'_>> {
    let names: &[&str] = match span.kind() {
        SpanKind::Internal => return None,
        SpanKind::Client | SpanKind::Producer => {
            &[semconv::SERVICE_PEER_NAME, semconv::PEER_SERVICE, semconv::SERVER_ADDRESS]
        }
        SpanKind::Server | SpanKind::Consumer => &[semconv::SERVICE_PEER_NAME, semconv::PEER_SERVICE],
    };
    let text =
        |key: &str| span.attribute(key).filter(|value| value.as_str().is_some_and(|text| !text.is_empty()));
    let service_name = names.iter().find_map(|key| text(key));
    let address =
        text(semconv::NETWORK_PEER_ADDRESS).and_then(|address| address.as_str()?.parse::<IpAddr>().ok());
    if service_name.is_none() && address.is_none() {
        return None;
    }
    let port = span.attribute(semconv::NETWORK_PEER_PORT).and_then(|port| port.as_i64());
    Some(Endpoint {
        service_name,
        ipv4: address.filter(IpAddr::is_ipv4),
        ipv6: address.filter(IpAddr::is_ipv6),
        port: port.filter(|_| address.is_some()).and_then(|port| u16::try_from(port).ok()),
    })
}
