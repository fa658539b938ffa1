//! What becomes of a batch, by the server's answer.

use crate::server::{RETRY, answer, answering, decision, export, numbered, ok, otlp};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use std::time::{Duration, SystemTime};
use throughline::{
    export::Decision,
    exporters::{OtlpEncoding, Zipkin},
};

/// [OTLP 1.9, failures]
#[test]
fn the_status_decides() {
    const PERMANENT: Option<Decision> = Some(Decision::Permanent);
    const TABLE: [(u16, Option<Decision>); 24] = [
        (200, None),
        (202, None),
        (204, None),
        (299, None),
        (300, PERMANENT),
        (301, PERMANENT),
        (304, PERMANENT),
        (307, PERMANENT),
        (400, PERMANENT),
        (401, PERMANENT),
        (403, PERMANENT),
        (404, PERMANENT),
        (405, PERMANENT),
        (408, PERMANENT),
        (413, PERMANENT),
        (429, Some(RETRY)),
        (499, PERMANENT),
        (500, PERMANENT),
        (501, PERMANENT),
        (502, Some(RETRY)),
        (503, Some(RETRY)),
        (504, Some(RETRY)),
        (505, PERMANENT),
        (599, PERMANENT),
    ];
    let respond = |number: usize, _: &_| answer(TABLE[number % TABLE.len()].0, &[], b"");
    let (address, _) = answering(respond);
    let mut otlp = otlp(address).build().unwrap();
    for (status, expected) in TABLE {
        assert_eq!(decision(&mut otlp, &numbered(2)), expected, "{status}");
    }
    let mut zipkin = Zipkin::builder()
        .environment(|_| None)
        .endpoint(format!("http://{address}/api/v2/spans"))
        .build()
        .unwrap();
    for (status, expected) in TABLE {
        assert_eq!(decision(&mut zipkin, &numbered(2)), expected, "{status}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    for (status, hint) in [
        (301, "redirect"),
        (401, "credentials"),
        (404, "endpoint"),
        (413, "max_request_bytes"),
        (429, "busy"),
        (504, "gateway"),
        (500, "refused"),
    ] {
        let (address, _) = answering(move |_, _| answer(status, &[], b""));
        let (result, _) = export(&mut otlp(address).build().unwrap(), &numbered(1));
        let (_, text) = result.unwrap_err();
        assert!(text.contains(hint) && text.contains(&status.to_string()), "{text}");
    }
}

#[test]
fn retry_after_is_obeyed_within_bounds() {
    let in_100_seconds = httpdate_of(SystemTime::now() + Duration::from_secs(100));
    let table = [
        ("3".to_owned(), Some(3..=3)),
        ("120".to_owned(), Some(120..=120)),
        ("1000000000".to_owned(), Some(3_600..=3_600)),
        (in_100_seconds, Some(60..=100)),
        ("Fri, 31 Dec 9999 23:59:59 GMT".to_owned(), Some(3_600..=3_600)),
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), None),
        ("0".to_owned(), None),
        ("-3".to_owned(), None),
        ("soon".to_owned(), None),
        (String::new(), None),
    ];
    for status in [429, 502, 503, 504] {
        for (value, expected) in &table {
            let header = format!("Retry-After: {value}");
            let (address, _) = answering(move |_, _| answer(status, &[&header], b""));
            let decision = decision(&mut otlp(address).build().unwrap(), &numbered(1));
            let Some(Decision::Retry { after }) = decision else {
                panic!("{status} with {value:?} is {decision:?}");
            };
            let is_expected = match (expected, after) {
                (None, after) => after.is_none(),
                (Some(seconds), after) => after.is_some_and(|after| seconds.contains(&after.as_secs())),
            };
            assert!(is_expected, "{status} with {value:?} is {after:?}");
        }
    }
}

/// A clock that is a day off on either side makes neither a storm nor a day's silence.
#[test]
fn a_date_is_compared_with_the_server_s_own_clock() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    for server_s in [now - DAY, now + DAY, SystemTime::UNIX_EPOCH + DAY] {
        let date = format!("Date: {}", httpdate_of(server_s));
        let retry_after = format!("Retry-After: {}", httpdate_of(server_s + Duration::from_secs(90)));
        let (address, _) = answering(move |_, _| answer(503, &[&date, &retry_after], b""));
        let expected = Decision::Retry { after: Some(Duration::from_secs(90)) };
        let decision = decision(&mut otlp(address).build().unwrap(), &numbered(1));
        assert_eq!(decision, Some(expected));
    }
}

#[test]
fn a_final_answer_asks_for_no_delay() {
    let (address, _) = answering(|_, _| answer(400, &["Retry-After: 3"], b""));
    assert_eq!(decision(&mut otlp(address).build().unwrap(), &numbered(1)), Some(Decision::Permanent));
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn httpdate_of(time: SystemTime) -> String {
    use time::{OffsetDateTime, format_description::well_known::Rfc2822};
    OffsetDateTime::from(time).format(&Rfc2822).unwrap().replace("+0000", "GMT")
}

/// So many of three spans a server says it has refused, and what that means.
pub const PARTIALS: [(i64, Option<Decision>); 5] = [
    (0, None),
    (1, Some(Decision::Partial { rejected: 1 })),
    (3, Some(Decision::Partial { rejected: 3 })),
    // More than it was given, or less than nothing.
    (i64::MAX, Some(Decision::Partial { rejected: 3 })),
    (-1, None),
];

/// What an OTLP server says that has refused so many spans.
pub fn partial(rejected: i64) -> ExportTraceServiceResponse {
    let partial_success =
        ExportTracePartialSuccess { rejected_spans: rejected, error_message: "canary".to_owned() };
    ExportTraceServiceResponse { partial_success: Some(partial_success) }
}

#[test]
fn a_partial_success_is_counted_and_not_tried_again() {
    for (rejected, expected) in PARTIALS {
        for encoding in [OtlpEncoding::Protobuf, OtlpEncoding::Json] {
            let (address, _) = answering(move |_, _| match encoding {
                OtlpEncoding::Json => {
                    let body = serde_json::to_vec(&partial(rejected)).unwrap();
                    answer(200, &["Content-Type: application/json; charset=utf-8"], &body)
                }
                _ => {
                    answer(200, &["Content-Type: application/x-protobuf"], &partial(rejected).encode_to_vec())
                }
            });
            let mut otlp = otlp(address).encoding(encoding).build().unwrap();
            let (result, _) = export(&mut otlp, &numbered(3));
            let texts = result.as_ref().err().map_or("", |(_, text)| text);
            assert!(!texts.contains("canary"), "a server's message is not passed on: {texts}");
            assert_eq!(result.err().map(|(decision, _)| decision), expected, "{rejected}");
        }
    }
}

#[test]
fn only_an_answer_of_an_otlp_server_is_a_delivery() {
    const PERMANENT: Option<Decision> = Some(Decision::Permanent);
    for (header, body, expected) in [
        ("X-Nothing: 1", "", None),
        ("Content-Type: text/html", "", None),
        ("Content-Type: application/json", "{}", None),
        ("Content-Type: application/json", r#"{"partialSuccess":{}}"#, None),
        ("Content-Type: application/x-protobuf", "\x0a\x00", None),
        ("X-Nothing: 1", "\x0a\x00", None),
        ("Content-Type: text/html", "<html>Sign in</html>", PERMANENT),
        ("Content-Type: text/plain", "ok", PERMANENT),
        ("Content-Type: application/json", "<html>", PERMANENT),
        ("Content-Type: application/json", "[]", PERMANENT),
        ("Content-Type: application/x-protobuf", "<html>", PERMANENT),
        ("Content-Type: application/x-protobuf", "\x0a\x05\x08", PERMANENT),
        ("X-Nothing: 1", "<html>", PERMANENT),
    ] {
        let (address, _) = answering(move |_, _| answer(200, &[header], body.as_bytes()));
        assert_eq!(
            decision(&mut otlp(address).build().unwrap(), &numbered(1)),
            expected,
            "{header}: {body:?}"
        );
    }
}

#[test]
fn a_page_is_no_answer_of_zipkin() {
    let (address, _) = answering(|number, _| match number {
        0 => answer(202, &["Content-Type: text/plain"], b"accepted"),
        _ => answer(200, &["Content-Type: text/html"], b"<html>"),
    });
    let mut zipkin =
        Zipkin::builder().environment(|_| None).endpoint(format!("http://{address}/")).build().unwrap();
    assert_eq!(decision(&mut zipkin, &numbered(1)), None);
    assert_eq!(decision(&mut zipkin, &numbered(1)), Some(Decision::Permanent));
}

#[test]
fn nothing_is_sent_for_an_empty_batch() {
    let (address, seen) = answering(|_, _| ok());
    assert_eq!(decision(&mut otlp(address).build().unwrap(), &numbered(0)), None);
    assert_eq!(seen.connections(), 0);
}
