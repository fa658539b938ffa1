//! TLS and proxies.

use super::server::{Act, Answer, Server};
use crate::{
    server::{RETRY, answering, decision, export, numbered, ok, otlp_at},
    tls::{self, Authority, Identity, authority, identity},
    way::proxy,
};
use std::time::Duration;
use throughline::exporters::OtlpBuilder;

fn server(identity: &Identity, clients: Option<&Authority>, protocols: &[&str]) -> Server {
    let mut config = tls::config(identity, clients);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Server::start_with(Some(config), |_, _| Act::Answer(Answer::ok(b"")))
}

fn trusting(authority: &Authority, server: &Server) -> OtlpBuilder {
    let url = format!("https://localhost:{}", server.address.port());
    otlp_at(&url).grpc().root_certificates(authority.pem())
}

#[track_caller]
fn expect_refused(builder: OtlpBuilder, server: &Server, reason: &str) {
    let (result, took) = export(&mut builder.build().unwrap(), &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, RETRY, "{text}");
    assert!(text.contains(reason), "{text}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(server.seen.calls().is_empty());
}

#[test]
fn an_authority_of_ones_own_is_trusted_and_no_other() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let server = server(&identity(&ours, "localhost", |_| {}), None, &["h2"]);
    let mut exporter = trusting(&ours, &server).build().unwrap();
    for _ in 0..3 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None);
    }
    assert_eq!((server.seen.calls().len(), server.seen.connections()), (3, 1));
    let (result, _) = export(&mut trusting(&theirs, &server).build().unwrap(), &numbered(1));
    assert!(result.unwrap_err().1.contains("not signed by anyone"));
    assert_eq!(server.seen.calls().len(), 3);
}

#[test]
fn a_certificate_is_for_a_host_and_a_time() {
    let ours = authority("ours");
    let of_another = server(&identity(&ours, "collector.example", |_| {}), None, &["h2"]);
    expect_refused(trusting(&ours, &of_another), &of_another, "another host");
    let old = identity(&ours, "localhost", |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let old = server(&old, None, &["h2"]);
    expect_refused(trusting(&ours, &old), &old, "not valid now");
}

#[test]
fn a_client_shows_its_certificate() {
    let (ours, clients) = (authority("ours"), authority("clients"));
    let server = server(&identity(&ours, "localhost", |_| {}), Some(&clients), &["h2"]);
    let own = identity(&clients, "orders", |_| {});
    let strange = identity(&ours, "orders", |_| {});
    // With TLS 1.3 the server refuses after the handshake, as the client sees it.
    expect_refused(trusting(&ours, &server), &server, "");
    let with_strange = trusting(&ours, &server).client_certificate(strange.certificate, strange.key);
    expect_refused(with_strange, &server, "");
    let mut exporter = trusting(&ours, &server).client_certificate(own.certificate, own.key).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
}

#[test]
fn a_server_that_speaks_no_http2_is_not_spoken_to() {
    let ours = authority("ours");
    let identity = identity(&ours, "localhost", |_| {});
    let without = server(&identity, None, &[]);
    expect_refused(trusting(&ours, &without), &without, "HTTP/2");
    let old = server(&identity, None, &["http/1.1"]);
    expect_refused(trusting(&ours, &old), &old, "");
    let plain = Server::ok();
    expect_refused(trusting(&ours, &plain), &plain, "handshake");
}

#[test]
fn a_named_proxy_is_asked_to_connect() {
    let ours = authority("ours");
    let secure = server(&identity(&ours, "localhost", |_| {}), None, &["h2"]);
    let plain = Server::ok();
    for (server, builder, target) in [
        (&plain, plain.otlp(), plain.address.to_string()),
        (&secure, trusting(&ours, &secure), format!("localhost:{}", secure.address.port())),
    ] {
        let (proxy, at_proxy) = proxy(200);
        let url = format!("http://ada:s3cret@{proxy}");
        let builder = builder.header("authorization", "Bearer t").proxy(Some(&url));
        let mut exporter = builder.build().unwrap();
        for _ in 0..3 {
            assert_eq!(decision(&mut exporter, &numbered(1)), None);
        }
        let [connect] = at_proxy.requests().try_into().unwrap();
        assert_eq!(connect.line, format!("CONNECT {target} HTTP/1.1"));
        assert_eq!(connect.header("proxy-authorization"), Some("Basic YWRhOnMzY3JldA=="));
        assert_eq!(connect.header("authorization"), None);
        let calls = server.seen.calls();
        assert_eq!(calls.len(), 3);
        assert!(calls.iter().all(|call| call.header("proxy-authorization").is_none()));
        assert!(!format!("{exporter:?}").contains("s3cret"));
    }
}

#[test]
fn a_proxy_that_will_not_connect_is_tried_again() {
    let server = Server::ok();
    let (no_proxy, _) = answering(|_, _| ok().repeat(2_000));
    for proxy in [proxy(403).0, proxy(502).0, ([127, 0, 0, 1], 1).into()] {
        expect_refused(server.otlp().proxy(Some(&format!("http://{proxy}"))), &server, "proxy");
    }
    let builder = server.otlp().timeout(Duration::from_secs(2)).proxy(Some(&format!("http://{no_proxy}")));
    expect_refused(builder, &server, "");
}
