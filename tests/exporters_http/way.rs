//! Proxies.

use crate::server::{
    RETRY, Request, Seen, answer, answering, decision, export, numbered, ok, otlp, serve, write_counted,
};
use std::{
    ffi::OsString,
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
};

/// A proxy that connects wherever it is asked to, or answers with this status.
pub fn proxy(status: u16) -> (SocketAddr, Seen) {
    serve(move |mut client, seen| {
        let Some(request) = Request::read(&mut client) else { return };
        let target = request.line.split(' ').nth(1).unwrap().to_owned();
        seen.requests.lock().unwrap().push(request);
        let head = format!("HTTP/1.1 {status} Whatever\r\n\r\n");
        if write_counted(&mut client, head.as_bytes(), seen).is_err() || status != 200 {
            return;
        }
        let mut server = TcpStream::connect(target.replace("collector.example", "127.0.0.1")).unwrap();
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || {
            let _gone = io::copy(&mut from_client, &mut to_server);
            let _gone = to_server.shutdown(Shutdown::Both);
        });
        let _gone = io::copy(&mut server, &mut client);
        let _gone = client.shutdown(Shutdown::Both);
    })
}

#[test]
fn a_named_proxy_is_asked_to_connect() {
    let (server, at_server) = answering(|_, _| ok());
    let (proxy, at_proxy) = proxy(200);
    let url = format!("http://ada:s3cret@{proxy}");
    let mut exporter = otlp(server).header("authorization", "Bearer t").proxy(Some(&url)).build().unwrap();
    for _ in 0..3 {
        assert_eq!(decision(&mut exporter, &numbered(1)), None);
    }
    let [connect] = at_proxy.requests().try_into().unwrap();
    assert_eq!(connect.line, format!("CONNECT {server} HTTP/1.1"));
    assert_eq!(connect.header("proxy-authorization"), Some("Basic YWRhOnMzY3JldA=="));
    assert_eq!(connect.header("authorization"), None, "the server's credentials are not the proxy's");
    assert_eq!(at_server.requests().len(), 3);
    assert!(at_server.requests().iter().all(|request| request.header("proxy-authorization").is_none()));
    assert!(!format!("{exporter:?}").contains("s3cret"));
}

#[test]
fn the_environment_names_a_proxy_and_who_does_without() {
    let (server, _) = answering(|_, _| ok());
    let (proxy, at_proxy) = proxy(200);
    let build = move |no_proxy: &'static str| {
        let lookup = move |name: &str| match name {
            "http_proxy" => Some(OsString::from(format!("http://{proxy}"))),
            "NO_PROXY" => Some(OsString::from(no_proxy)),
            _ => None,
        };
        let url = format!("http://collector.example:{}", server.port());
        throughline::exporters::Otlp::builder().environment(lookup).endpoint(url)
    };
    assert_eq!(decision(&mut build("other.example").build().unwrap(), &numbered(1)), None);
    assert_eq!(at_proxy.requests().len(), 1);

    // Then it is looked for itself, in vain.
    assert_eq!(decision(&mut build("example").build().unwrap(), &numbered(1)), Some(RETRY));
    assert_eq!(decision(&mut build("").proxy(None).build().unwrap(), &numbered(1)), Some(RETRY));
    assert_eq!(at_proxy.requests().len(), 1);
}

#[test]
fn a_proxy_that_will_not_connect_is_tried_again() {
    for status in [403, 407, 502] {
        let (proxy, _) = proxy(status);
        let mut exporter =
            otlp(([127, 0, 0, 1], 9).into()).proxy(Some(&format!("http://{proxy}"))).build().unwrap();
        let (result, _) = export(&mut exporter, &numbered(1));
        let (decision, text) = result.unwrap_err();
        assert_eq!(decision, RETRY);
        assert!(text.contains("proxy"), "{text}");
    }
}

#[test]
fn an_answer_of_the_proxy_is_none_of_the_server() {
    let (proxy, _) = answering(|_, _| answer(407, &["Retry-After: 3"], b"canary"));
    let mut exporter = otlp(([127, 0, 0, 1], 9).into()).proxy(Some(&proxy.to_string())).build().unwrap();
    let (result, _) = export(&mut exporter, &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, RETRY);
    assert!(!text.contains("canary"), "{text}");
}
