//! What is sent, and the settings that say so.

use super::server::{Act, Answer, Server};
use crate::{
    arbitrary::record,
    environment::lookup,
    server::{RETRY, answering, batch_of, decision, numbered, ok, otlp},
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use prost::Message;
use std::{sync::Arc, time::Duration};
use throughline::{
    Batch, Resource, SpanId,
    export::Exporter,
    exporters::{Otlp, OtlpEncoding, SetupError},
    testing::ExporterContract,
};

#[test]
fn what_arrives_is_what_arrives_by_http() {
    let mut runner = TestRunner::deterministic();
    let records = (0..200).map(|_| record().new_tree(&mut runner).unwrap().current()).collect();
    let batch = Batch::new(Arc::new(Resource::new("orders").with_attribute("zone", "żółw")), records);
    let (address, by_http) = answering(|_, _| ok());
    assert_eq!(decision(&mut otlp(address).build().unwrap(), &batch), None);
    let [by_http] = by_http.requests().try_into().unwrap();
    let by_http = ExportTraceServiceRequest::decode(by_http.body.as_slice()).unwrap();
    for gzip in [false, true] {
        let server = Server::ok();
        assert_eq!(decision(&mut server.otlp().gzip(gzip).build().unwrap(), &batch), None);
        let [by_grpc] = server.seen.calls().try_into().unwrap();
        assert!(by_grpc.message == OtlpEncoding::Protobuf.encode(&batch), "passed on as it was written");
        // NaN is not equal to itself.
        assert_eq!(format!("{:?}", by_grpc.request()), format!("{by_http:?}"), "gzip {gzip}");
    }
}

#[test]
fn a_call_looks_as_one_should() {
    let server = Server::ok();
    let mut exporter = server
        .otlp()
        .header("X-Api-Key", "k1")
        .header("trace-bin", "aGk")
        .timeout(Duration::from_millis(7_500))
        .build()
        .unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    let [call] = server.seen.calls().try_into().unwrap();
    assert_eq!(call.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    for (name, value) in
        [("x-api-key", "k1"), ("trace-bin", "aGk"), ("te", "trailers"), ("content-type", "application/grpc")]
    {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    assert_eq!(call.header("grpc-encoding"), None);
    assert!(call.header("user-agent").unwrap().starts_with("throughline/"));
    let timeout = call.header("grpc-timeout").unwrap().strip_suffix('m').unwrap();
    assert!((1..=7_500).contains(&timeout.parse::<u64>().unwrap()), "{timeout}");
    let shown = format!("{exporter:?}");
    assert!(shown.contains("x-api-key") && !shown.contains("k1"), "{shown}");
}

#[test]
fn a_batch_is_split_by_its_size_and_goes_on_where_it_stopped() {
    let server = Server::start(|number, _| {
        Act::Answer(if number == 1 { Answer::state("14", &[], true) } else { Answer::ok(b"") })
    });
    let mut exporter = server.otlp().max_request_bytes(1_000).build().unwrap();
    let error = exporter.export(&numbered(100)).unwrap_err();
    assert_eq!(error.decision(), RETRY);
    let settled = error.settled().delivered as u64;
    assert_eq!(server.seen.calls()[0].ids(), (1..=settled).collect::<Vec<_>>());
    assert_eq!(decision(&mut exporter, &batch_of(settled + 1..=100)), None);
    let mut calls = server.seen.calls();
    assert!(calls.len() > 6 && calls.iter().all(|call| call.message.len() <= 1_000));
    let refused = calls.remove(1);
    assert_eq!(refused.ids(), calls[1].ids());
    let sent: Vec<_> = calls.iter().flat_map(|call| call.ids()).collect();
    assert_eq!(sent, (1..=100).collect::<Vec<_>>());
    assert_eq!(server.seen.connections(), 1);
}

/// More than the windows of connection and stream hold.
#[test]
fn a_large_request_goes_as_one() {
    let server = Server::ok();
    let mut exporter = server.otlp().build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(40_000)), None);
    let calls = server.seen.calls();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].message.len() > 2_000_000);
    assert_eq!(calls[0].ids().len(), 40_000);
}

#[test]
fn by_grpc_it_keeps_the_contract() {
    for (gzip, most_bytes) in [(false, 4 << 20), (true, 10_000)] {
        ExporterContract::new(move || {
            let server = Server::ok();
            let exporter = server.otlp().gzip(gzip).max_request_bytes(most_bytes).build().unwrap();
            let arrived = move || {
                let ids = server.seen.calls().into_iter().flat_map(|call| call.ids());
                ids.map(|id| SpanId::from_u64(id).unwrap()).collect()
            };
            (exporter, arrived)
        })
        .check();
    }
}

#[test]
fn the_environment_may_choose_grpc() {
    let server = Server::ok();
    let url = format!("http://{}", server.address);
    for (protocol, endpoint, url) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.clone()),
        // As is set for HTTP.
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url + "/v1/traces?a=b"),
    ] {
        let pairs = vec![
            (protocol, "grpc".to_owned()),
            (endpoint, url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%2Cb".to_owned()),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000".to_owned()),
        ];
        let mut exporter = Otlp::builder().environment(lookup(pairs)).build().unwrap();
        assert_eq!(decision(&mut exporter, &numbered(1)), None);
        let call = server.seen.calls().pop().unwrap();
        assert_eq!(call.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        assert_eq!((call.header("x-key"), call.header("grpc-encoding")), (Some("a,b"), Some("gzip")));
    }
}

#[test]
fn what_is_chosen_last_counts_and_each_has_its_own_default() {
    let shown = |protocol: &str, change: fn(throughline::exporters::OtlpBuilder) -> _| {
        let pairs = vec![("OTEL_EXPORTER_OTLP_PROTOCOL", protocol.to_owned())];
        let builder: throughline::exporters::OtlpBuilder = change(Otlp::builder().environment(lookup(pairs)));
        format!("{:?}", builder.build().unwrap())
    };
    let (grpc, http) = ("http://localhost:4317/open", "http://localhost:4318/v1/traces");
    assert!(shown("grpc", |builder| builder).contains(grpc));
    assert!(shown("http/json", |builder| builder.grpc()).contains(grpc));
    assert!(shown("grpc", |builder| builder.encoding(OtlpEncoding::Json)).contains(http));
    assert!(shown("", |builder| builder.encoding(OtlpEncoding::Json).grpc()).contains(grpc));
    assert!(shown("", |builder| builder.grpc().encoding(OtlpEncoding::Json)).contains(http));
}

#[test]
fn settings_that_grpc_does_not_allow_are_refused() {
    let builder = || Otlp::builder().environment(|_| None).grpc();
    for name in ["te", "grpc-timeout", "Grpc-Encoding", "connection", "host", "content-type"] {
        let error = builder().header(name, "canary").build().unwrap_err();
        assert!(matches!(error, SetupError::ReservedHeader), "{name}: {error}");
    }
    assert!(matches!(builder().timeout(Duration::ZERO).build(), Err(SetupError::Timeout)));
    assert!(matches!(builder().endpoint("localhost:4317").build(), Err(SetupError::Endpoint)));
    assert!(matches!(builder().proxy(Some("socks5://p")).build(), Err(SetupError::Proxy)));
    assert!(builder().timeout(Duration::MAX).connect_timeout(Duration::MAX).build().is_ok());
}
