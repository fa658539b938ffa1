//! What becomes of a batch, by the server's answer.

use super::server::{Act, Answer, Server, framed};
use crate::{
    answers::{PARTIALS, partial},
    server::{RETRY, decision, export, numbered},
};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use prost::Message;
use std::{io::Write, time::Duration};
use throughline::export::Decision;

const PERMANENT: Option<Decision> = Some(Decision::Permanent);
const AGAIN: Option<Decision> = Some(RETRY);

/// [OTLP 1.9, OTLP/gRPC, failures]
#[test]
fn the_state_decides() {
    const TABLE: [(&str, Option<Decision>); 20] = [
        ("0", None),
        ("1", AGAIN),
        ("2", PERMANENT),
        ("3", PERMANENT),
        ("4", AGAIN),
        ("5", PERMANENT),
        ("6", PERMANENT),
        ("7", PERMANENT),
        ("8", PERMANENT),
        ("9", PERMANENT),
        ("10", AGAIN),
        ("11", AGAIN),
        ("12", PERMANENT),
        ("13", PERMANENT),
        ("14", AGAIN),
        ("15", AGAIN),
        ("16", PERMANENT),
        ("17", PERMANENT),
        ("-1", PERMANENT),
        ("canary", PERMANENT),
    ];
    for in_head in [true, false] {
        let server = Server::start(move |number, _| {
            Act::Answer(Answer::state(TABLE[number % TABLE.len()].0, &[], in_head))
        });
        let mut exporter = server.otlp().build().unwrap();
        for (state, expected) in TABLE {
            let (result, _) = export(&mut exporter, &numbered(2));
            let text = result.as_ref().err().map_or("", |(_, text)| text);
            assert!(!text.contains("canary"), "{text}");
            assert_eq!(result.err().map(|(decision, _)| decision), expected, "{state}");
        }
        assert_eq!(server.seen.connections(), 1, "a call that fails leaves the connection as it is");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    for (state, hint) in [
        ("14", "UNAVAILABLE"),
        ("16", "credentials"),
        ("7", "credentials"),
        ("12", "endpoint"),
        ("8", "max_request_bytes"),
        ("3", "INVALID_ARGUMENT"),
    ] {
        let server = Server::answering(Answer::state(state, &[], true));
        let (result, _) = export(&mut server.otlp().build().unwrap(), &numbered(1));
        let (_, text) = result.unwrap_err();
        assert!(text.contains(hint), "{text}");
    }
}

// google.rpc.Status and what is in it, as googleapis' files describe them.

#[derive(Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_any::Any>,
}

mod prost_any {
    #[derive(prost::Message)]
    pub struct Any {
        #[prost(string, tag = "1")]
        pub type_url: String,
        #[prost(message, tag = "2")]
        pub value: Option<RetryInfo>,
    }

    #[derive(prost::Message)]
    pub struct RetryInfo {
        #[prost(message, tag = "1")]
        pub retry_delay: Option<Delay>,
    }

    #[derive(prost::Message)]
    pub struct Delay {
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }
}

fn retry_info(seconds: i64, nanos: i32) -> (&'static str, String) {
    let value = prost_any::RetryInfo { retry_delay: Some(prost_any::Delay { seconds, nanos }) };
    let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
    let status = Status { details: vec![prost_any::Any { type_url, value: Some(value) }] };
    ("grpc-status-details-bin", BASE64_STANDARD_NO_PAD.encode(status.encode_to_vec()))
}

/// [OTLP 1.9, OTLP/gRPC, throttling]
#[test]
fn a_delay_is_obeyed_within_bounds() {
    let after = |millis| Some(Decision::Retry { after: Some(Duration::from_millis(millis)) });
    for (state, details, expected) in [
        ("14", retry_info(3, 0), after(3_000)),
        ("14", retry_info(0, 250_000_000), after(250)),
        ("8", retry_info(3, 0), after(3_000)),
        ("8", retry_info(i64::MAX, 7), after(3_600_000)),
        ("8", retry_info(0, 0), AGAIN),
        ("14", retry_info(-1, 0), AGAIN),
        ("14", ("grpc-status-details-bin", "canary?".to_owned()), AGAIN),
        ("8", ("grpc-status-details-bin", "canary?".to_owned()), PERMANENT),
        ("3", retry_info(3, 0), PERMANENT),
    ] {
        for in_head in [true, false] {
            let server = Server::answering(Answer::state(state, std::slice::from_ref(&details), in_head));
            let decision = decision(&mut server.otlp().build().unwrap(), &numbered(1));
            assert_eq!(decision, expected, "{state} with {details:?}");
        }
    }
}

/// Of gateways, which speak HTTP only [gRPC, HTTP to gRPC status code mapping].
#[test]
fn a_status_of_http_decides_where_there_is_no_state() {
    for (status, expected) in [
        (200, PERMANENT),
        (301, PERMANENT),
        (400, PERMANENT),
        (401, PERMANENT),
        (404, PERMANENT),
        (429, AGAIN),
        (500, PERMANENT),
        (502, AGAIN),
        (503, AGAIN),
        (504, AGAIN),
    ] {
        let server = Server::answering(Answer::http(status, &[("content-type", "text/html")]));
        let (result, _) = export(&mut server.otlp().build().unwrap(), &numbered(1));
        let (decision, text) = result.unwrap_err();
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(Some(decision), expected, "{status}");
    }
    let server = Server::answering(Answer::http(503, &[("retry-after", "7")]));
    let after = Some(Duration::from_secs(7));
    assert_eq!(decision(&mut server.otlp().build().unwrap(), &numbered(1)), Some(Decision::Retry { after }));
}

#[test]
fn a_partial_success_is_counted_and_not_tried_again() {
    for (rejected, expected) in PARTIALS {
        let server = Server::answering(Answer::ok(&partial(rejected).encode_to_vec()));
        let (result, _) = export(&mut server.otlp().build().unwrap(), &numbered(3));
        let texts = result.as_ref().err().map_or("", |(_, text)| text);
        assert!(!texts.contains("canary"), "{texts}");
        assert_eq!(result.err().map(|(decision, _)| decision), expected, "{rejected}");
        assert_eq!(server.seen.calls().len(), 1);
    }
}

#[test]
fn a_packed_answer_is_understood() {
    let mut answer =
        Answer::of("application/grpc+proto", framed(1, &gzip(&partial(2).encode_to_vec())), Some("0"));
    answer.head.push(("grpc-encoding", "gzip".to_owned()));
    let server = Server::answering(answer);
    let expected = Some(Decision::Partial { rejected: 2 });
    assert_eq!(decision(&mut server.otlp().build().unwrap(), &numbered(3)), expected);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn only_an_answer_of_an_otlp_server_is_a_delivery() {
    let grpc = "application/grpc";
    for (content_type, body, state, expected) in [
        (grpc, Vec::new(), Some("0"), None),
        (grpc, framed(0, b""), Some("0"), None),
        (grpc, framed(0, b"\x0a\x00"), Some("0"), None),
        (grpc, framed(0, b"<html>"), Some("0"), PERMANENT),
        (grpc, framed(0, b"\x0a\x00"), None, PERMANENT),
        (grpc, b"<ht".to_vec(), Some("0"), PERMANENT),
        (grpc, framed(0, b"\x0a\x00")[..6].to_vec(), Some("0"), PERMANENT),
        (grpc, [framed(0, b""), framed(0, b"")].concat(), Some("0"), PERMANENT),
        // A server that ends in the middle of its message has not taken the spans.
        (grpc, framed(0, b"\x0a\x00")[..6].to_vec(), Some("14"), AGAIN),
        (grpc, framed(1, b""), Some("14"), AGAIN),
        (grpc, framed(1, b""), Some("0"), PERMANENT),
        (grpc, framed(2, b""), Some("0"), PERMANENT),
        ("application/grpc-web", framed(0, b""), Some("0"), PERMANENT),
        ("text/html", b"<html>".to_vec(), None, PERMANENT),
        ("application/json", b"{}".to_vec(), None, PERMANENT),
    ] {
        let shown = format!("{content_type}, {body:?}, {state:?}");
        let server = Server::answering(Answer::of(content_type, body, state));
        assert_eq!(decision(&mut server.otlp().build().unwrap(), &numbered(1)), expected, "{shown}");
    }
}

#[test]
fn an_answer_that_is_too_long_is_refused() {
    let too_long = framed(0, &vec![0; (4 << 20) + 1]);
    let mut bomb = Answer::of("application/grpc", framed(1, &gzip(&vec![0; 100 << 20])), Some("0"));
    bomb.head.push(("grpc-encoding", "gzip".to_owned()));
    for answer in [Answer::of("application/grpc", too_long, Some("0")), bomb] {
        let server = Server::answering(answer);
        let (result, _) = export(&mut server.otlp().build().unwrap(), &numbered(1));
        let (decision, text) = result.unwrap_err();
        assert_eq!(decision, Decision::Permanent);
        assert!(text.contains("longer than any"), "{text}");
    }
    let long = framed(0, &[&[0x7a, 0xf9, 0xff, 0xff, 1][..], &vec![0; (4 << 20) - 7]].concat());
    let server = Server::answering(Answer::of("application/grpc", long, Some("0")));
    assert_eq!(decision(&mut server.otlp().build().unwrap(), &numbered(1)), None, "as long as may be");
}

#[test]
fn headers_that_are_too_long_end_the_call() {
    let head = (0..40).map(|_| ("x-long", "x".repeat(4_000))).collect();
    let answer = Answer { status: 200, head, body: Vec::new(), trailers: None };
    let server = Server::answering(answer);
    assert!(decision(&mut server.otlp().build().unwrap(), &numbered(1)).is_some());
}

#[test]
fn nothing_is_sent_for_an_empty_batch() {
    let server = Server::ok();
    assert_eq!(decision(&mut server.otlp().build().unwrap(), &numbered(0)), None);
    assert_eq!(server.seen.connections(), 0);
}
