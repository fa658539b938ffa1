//! Connections: kept, lost, hung, refused; and threads that have a runtime already.

use super::server::{Act, Answer, Server};
use crate::server::{
    RETRY, answer, answering, decision, export, numbered, ok, otlp, refusing, serve, wait_for_end,
};
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};
use throughline::{Tracer, export::Decision};

const TIMEOUT: Duration = Duration::from_millis(400);

#[test]
fn a_connection_is_kept_for_the_next_batch() {
    let server = Server::ok();
    let mut exporter = server.otlp().build().unwrap();
    for _ in 0..10 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None);
    }
    assert_eq!((server.seen.connections(), server.seen.calls().len()), (1, 10));
}

#[test]
fn a_server_that_was_started_again_is_found_again() {
    let mut server = Server::ok();
    let mut exporter = server.otlp().build().unwrap();
    for round in 1..=5 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None, "{round}");
        assert_eq!((server.seen.connections(), server.seen.calls().len()), (round, round));
        server.restart();
    }
    server.stop();
    let (result, _) = export(&mut exporter, &numbered(2));
    let (decision_when_gone, text) = result.unwrap_err();
    assert_eq!(decision_when_gone, RETRY);
    assert!(text.contains("could not be reached"), "{text}");
    server.restart();
    assert_eq!(decision(&mut exporter, &numbered(2)), None);
}

/// As servers do that let no connection grow old.
#[test]
fn a_server_that_says_it_goes_is_called_on_a_new_connection() {
    let server = Server::start(|_, _| Act::GoAndAnswer(Answer::ok(b"")));
    let mut exporter = server.otlp().build().unwrap();
    for round in 1..=5 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None, "{round}");
    }
    assert_eq!((server.seen.connections(), server.seen.calls().len()), (5, 5));
}

#[test]
fn what_a_kept_connection_loses_is_sent_once_more() {
    // The second call is lost with its connection.
    let server = Server::start(|number, _| match number {
        1 => Act::Close,
        _ => Act::Answer(Answer::ok(b"")),
    });
    let mut exporter = server.otlp().build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    assert_eq!((server.seen.connections(), server.seen.calls().len()), (2, 3));

    // On a new connection it is for the pipeline to try again.
    let server = Server::start(|_, _| Act::Close);
    let mut exporter = server.otlp().build().unwrap();
    for calls in 1..=3 {
        assert_eq!(decision(&mut exporter, &numbered(1)), Some(RETRY));
        assert_eq!(server.seen.calls().len(), calls);
    }
}

#[test]
fn a_call_that_was_not_looked_at_is_sent_once_more_and_a_broken_one_is_not() {
    for (reason, calls) in [(h2::Reason::REFUSED_STREAM, 3), (h2::Reason::INTERNAL_ERROR, 2)] {
        let server = Server::start(move |number, _| match number {
            1 => Act::Reset(reason),
            _ => Act::Answer(Answer::ok(b"")),
        });
        let mut exporter = server.otlp().build().unwrap();
        assert_eq!(decision(&mut exporter, &numbered(1)), None);
        let second = decision(&mut exporter, &numbered(1));
        assert_eq!(second, (calls == 2).then_some(RETRY), "{reason}");
        assert_eq!(server.seen.calls().len(), calls, "{reason}");
    }
}

#[test]
fn a_server_that_hangs_is_given_up_and_called_anew() {
    let server = Server::start(|number, _| match number {
        1 => Act::Hang,
        _ => Act::Answer(Answer::ok(b"")),
    });
    let mut exporter = server.otlp().timeout(TIMEOUT).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    let (result, took) = export(&mut exporter, &numbered(1));
    let (decision_when_hung, text) = result.unwrap_err();
    assert_eq!(decision_when_hung, RETRY);
    assert!(text.contains("in time"), "{text}");
    assert!(took >= TIMEOUT / 2 && took < Duration::from_secs(4), "{took:?}");
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    assert_eq!(server.seen.connections(), 2);
}

#[test]
fn one_that_never_speaks_or_never_accepts_is_given_up() {
    let (silent, _) = serve(|mut stream, _| wait_for_end(&mut stream));
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [silent, deaf.local_addr().unwrap()] {
        let (result, took) =
            export(&mut otlp(address).grpc().timeout(TIMEOUT).build().unwrap(), &numbered(1));
        assert_eq!(result.unwrap_err().0, RETRY);
        assert!(took >= TIMEOUT / 2 && took < Duration::from_secs(4), "{took:?}");
    }
}

#[test]
fn nobody_there_is_tried_again() {
    let (_bound, address) = refusing();
    let (result, took) = export(&mut otlp(address).grpc().build().unwrap(), &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, RETRY);
    assert!(text.contains("could not be reached"), "{text}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn the_port_of_http_is_said_to_be_the_wrong_one() {
    let (address, _) = answering(|_, _| ok());
    let (talkative, _) = serve(|mut stream, _| {
        use std::io::Write;
        let _gone = stream.write_all(&answer(400, &["Content-Type: text/plain"], b"canary"));
        wait_for_end(&mut stream);
    });
    for (address, timeout) in [(talkative, Duration::from_secs(10)), (address, TIMEOUT)] {
        let (result, _) = export(&mut otlp(address).grpc().timeout(timeout).build().unwrap(), &numbered(1));
        let (decision, text) = result.unwrap_err();
        assert_eq!(decision, RETRY);
        assert!(!text.contains("canary"), "{text}");
        assert!(address != talkative || text.contains("HTTP/2"), "{text}");
    }
}

/// A body for which the server has made no room.
#[test]
fn an_answer_is_taken_before_all_has_been_sent() {
    let server = Server::start(|_, _| Act::AnswerUnread(Answer::state("8", &[], true)));
    let (result, took) = export(&mut server.otlp().build().unwrap(), &numbered(20_000));
    assert_eq!(result.unwrap_err().0, Decision::Permanent);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_thread_with_a_runtime_of_its_own_may_export_and_drop() {
    for mut builder in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let server = Server::ok();
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let mut exporter = server.otlp().build().unwrap();
            assert_eq!(decision(&mut exporter, &numbered(2)), None);
            assert_eq!(decision(&mut exporter, &numbered(2)), None);
        });
        assert_eq!((server.seen.connections(), server.seen.calls().len()), (1, 2));
    }
}

#[test]
fn the_pipeline_delivers_and_ends_in_time_when_nobody_answers() {
    let server =
        Server::start(|number, _| if number == 0 { Act::Answer(Answer::ok(b"")) } else { Act::Hang });
    let exporter = server.otlp().build().unwrap();
    let tracer = Tracer::builder("orders").environment(|_| None).exporter(exporter).build().unwrap();
    tracer.span("one").end();
    assert!(tracer.flush(Duration::from_secs(20)).is_complete());
    assert_eq!(server.seen.calls().len(), 1);
    tracer.span("two").end();
    let started = Instant::now();
    let report = tracer.shutdown(TIMEOUT);
    assert!(!report.is_complete());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}
