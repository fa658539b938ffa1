//! Servers that are broken, slow, or mean harm: each export ends in its time, with the right decision.

use crate::server::{
    RETRY, Request, answer, answering, decision, export, numbered, ok, otlp, otlp_at, refusing, serve,
    wait_for_end, write_counted,
};
use flate2::{Compression, write::GzEncoder};
use std::{
    io::Write,
    net::{Shutdown, TcpListener},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};
use throughline::{Batch, Tracer, export::Decision, exporters::Otlp};

const TIMEOUT: Duration = Duration::from_millis(400);
/// What a busy machine may add.
const MARGIN: Duration = Duration::from_secs(4);

/// Exports with a short timeout and expects a retry once it is over, no sooner and not much later.
#[track_caller]
fn expect_timeout(exporter: &mut Otlp, batch: &Batch) {
    let (result, took) = export(exporter, batch);
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, RETRY, "{text}");
    assert!(text.contains("in time"), "{text}");
    assert!(took >= TIMEOUT / 2 && took < TIMEOUT + MARGIN, "{took:?}");
}

/// Expects this decision at once.
#[track_caller]
fn expect_soon(exporter: &mut Otlp, expected: Decision) {
    let (result, took) = export(exporter, &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, expected, "{text}");
    assert!(took < MARGIN, "{took:?}");
}

#[test]
fn nobody_listens() {
    let (_bound, address) = refusing();
    expect_soon(&mut otlp(address).build().unwrap(), RETRY);
}

#[test]
fn nobody_accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut exporter = otlp(listener.local_addr().unwrap()).timeout(TIMEOUT).build().unwrap();
    expect_timeout(&mut exporter, &numbered(1));
}

#[test]
fn nobody_answers() {
    let (address, _) = serve(|mut stream, _| wait_for_end(&mut stream));
    expect_timeout(&mut otlp(address).timeout(TIMEOUT).build().unwrap(), &numbered(1));
}

#[test]
fn nobody_reads() {
    let (address, _) = serve(|stream, _| {
        stream.set_nonblocking(false).unwrap();
        thread::park_timeout(TIMEOUT + MARGIN);
        drop(stream);
    });
    // More than the buffers of both sockets take.
    let mut exporter = otlp(address).timeout(TIMEOUT).max_request_bytes(64 << 20).build().unwrap();
    expect_timeout(&mut exporter, &large(24 << 20));
}

fn large(bytes: usize) -> Batch {
    let text = "x".repeat(1 << 20);
    let span = numbered(1).spans().next().unwrap().clone();
    let spans = (0..bytes >> 20).map(|_| span.clone().with_attribute("text", &text)).collect();
    Batch::new(numbered(1).resource().clone(), spans)
}

#[test]
fn an_answer_comes_byte_by_byte() {
    for drip in [ok(), [answer(200, &[], &[0; 100]), Vec::new()].concat()] {
        let (address, _) = serve(move |mut stream, seen| {
            let _request = Request::read(&mut stream);
            for byte in &drip {
                if write_counted(&mut stream, &[*byte], seen).is_err() {
                    return;
                }
                // One byte in a tenth of the timeout: each arrives in time, all of them do not.
                thread::sleep(TIMEOUT / 10);
            }
        });
        expect_timeout(&mut otlp(address).timeout(TIMEOUT).build().unwrap(), &numbered(1));
    }
}

#[test]
fn the_connection_ends_at_any_point_of_the_answer() {
    let whole = answer(200, &["Content-Type: application/x-protobuf"], &[0x0a, 0x00]);
    for len in 0..whole.len() {
        let part = whole[..len].to_vec();
        let (address, _) = serve(move |mut stream, _| {
            let _request = Request::read(&mut stream);
            stream.write_all(&part).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            wait_for_end(&mut stream);
        });
        expect_soon(&mut otlp(address).timeout(MARGIN).build().unwrap(), RETRY);
    }
}

#[test]
fn the_answer_is_not_http() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "\0\0\u{6}\u{4}\0\0\0\0\0".to_owned(),
        "HTTP/1.1 abc\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20)),
        "X".repeat(1 << 20),
    ] {
        let (address, _) = serve(move |mut stream, _| {
            let _request = Request::read(&mut stream);
            let _cut_off = stream.write_all(garbage.as_bytes());
            let _gone = stream.shutdown(Shutdown::Write);
            wait_for_end(&mut stream);
        });
        expect_soon(&mut otlp(address).timeout(MARGIN).build().unwrap(), RETRY);
    }
}

#[test]
fn an_answer_of_10_gigabytes_is_read_up_to_4_mebibytes() {
    const LEN: usize = 10_000_000_000;
    let chunk = vec![0x0a; 1 << 16];
    let (address, seen) = serve(move |mut stream, seen| {
        let _request = Request::read(&mut stream);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n");
        let mut result = write_counted(&mut stream, head.as_bytes(), seen);
        while result.is_ok() && seen.written.load(Ordering::SeqCst) < LEN {
            result = write_counted(&mut stream, &chunk, seen);
        }
    });
    expect_soon(&mut otlp(address).build().unwrap(), Decision::Permanent);
    // What the sockets' buffers take comes on top.
    let written = seen.written.load(Ordering::SeqCst);
    assert!(written < 64 << 20, "{written}");
}

#[test]
fn a_gzip_bomb_is_unpacked_up_to_4_mebibytes() {
    let mut mebibyte = GzEncoder::new(Vec::new(), Compression::best());
    mebibyte.write_all(&vec![0; 1 << 20]).unwrap();
    // Packed texts one after the other are one packed text.
    let bomb = mebibyte.finish().unwrap().repeat(1_000);
    assert!(bomb.len() < 4 << 20, "it comes in small");
    let (address, _) = answering(move |_, _| answer(200, &["Content-Encoding: gzip"], &bomb));
    let (result, took) = export(&mut otlp(address).build().unwrap(), &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, Decision::Permanent);
    assert!(text.contains("longer than any"), "{text}");
    assert!(took < MARGIN, "{took:?}");
}

#[test]
fn a_packed_answer_is_understood_and_a_garbled_one_refused() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(br#"{"partialSuccess":{"rejectedSpans":"1"}}"#).unwrap();
    let packed = packed.finish().unwrap();
    let (address, seen) = answering(move |number, _| {
        let body = if number == 0 { packed.as_slice() } else { b"not packed" };
        answer(200, &["Content-Type: application/json", "Content-Encoding: gzip"], body)
    });
    let mut exporter = otlp(address).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(2)), Some(Decision::Partial { rejected: 1 }));
    assert_eq!(decision(&mut exporter, &numbered(2)), Some(Decision::Permanent));
    assert_eq!(seen.requests()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn no_redirect_is_followed() {
    let (other, seen) = answering(|_, _| ok());
    for status in [300, 301, 302, 303, 307, 308] {
        let location = format!("Location: http://{other}/v1/traces");
        let (address, _) = answering(move |_, _| answer(status, &[&location], b""));
        let mut exporter = otlp(address).header("authorization", "Bearer canary").build().unwrap();
        expect_soon(&mut exporter, Decision::Permanent);
    }
    assert_eq!(seen.connections(), 0);
}

#[test]
fn secrets_are_in_no_text() {
    let answers = [
        answer(400, &["X-Reason: canary"], b"canary"),
        answer(503, &[], b"canary"),
        answer(307, &["Location: http://canary/"], b""),
        answer(200, &["Content-Type: text/html"], b"canary"),
        b"canary\r\n\r\n".to_vec(),
        Vec::new(),
    ];
    let count = answers.len();
    let (address, _) = serve(move |mut stream, seen| {
        let Some(request) = Request::read(&mut stream) else { return };
        seen.requests.lock().unwrap().push(request);
        let number = seen.requests().len() - 1;
        let _gone = stream.write_all(&answers[number]);
    });
    let builder = Otlp::builder()
        .environment(|_| None)
        .traces_endpoint(format!("http://{address}/v1/traces?token=canary"))
        .header("authorization", "Bearer canary")
        .header("x-key", "canary");
    assert!(!format!("{builder:?}").contains("canary"));
    let mut exporter = builder.build().unwrap();
    let shown = format!("{exporter:?}");
    assert!(!shown.contains("canary") && shown.contains("authorization"), "{shown}");
    for _ in 0..count {
        let (result, _) = export(&mut exporter, &numbered(1));
        let (_, text) = result.unwrap_err();
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn an_unknown_host_may_become_known() {
    let (result, _) = export(&mut otlp_at("http://nowhere.invalid:4318").build().unwrap(), &numbered(1));
    assert_eq!(result.unwrap_err().0, RETRY);
}

/// Whatever the server does, the host gets its answer when it asked for it, and the books balance.
#[test]
fn a_shutdown_waits_for_no_server() {
    const WITHIN: Duration = Duration::from_millis(300);
    let (hangs, _) = serve(|mut stream, _| wait_for_end(&mut stream));
    let (is_busy, _) = answering(|_, _| answer(429, &["Retry-After: 60"], b""));
    let (_bound, is_down) = refusing();
    for address in [hangs, is_busy, is_down] {
        let tracer = Tracer::builder("orders").exporter(otlp(address).build().unwrap()).build().unwrap();
        (0..10).for_each(|_| drop(tracer.span("order")));
        let started = Instant::now();
        let report = tracer.shutdown(WITHIN);
        assert!(started.elapsed() < WITHIN + MARGIN / 4, "{:?}", started.elapsed());
        assert!(!report.is_complete());
        let exporter = &report.stats.exporters[0];
        assert_eq!((exporter.exported, exporter.pending, exporter.dropped.total()), (0, 0, 10));
    }
}
