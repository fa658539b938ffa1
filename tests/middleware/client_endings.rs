//! When a client span ends, and as what.

use crate::support::{
    BoxError, Traced,
    body::Script,
    is_pending, number,
    peers::{answer_with, hyper_client, read, url},
    text,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use std::{convert::Infallible, io, net::SocketAddr, time::Duration};
use throughline::{Outcome, Span, SpanRecord, Status, middleware::ClientLayer};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

fn get(address: SocketAddr) -> Request<Empty<Bytes>> {
    Request::get(url(address, "/")).body(Empty::new()).unwrap()
}

fn assert_completed(span: &SpanRecord) {
    assert_eq!((span.outcome(), span.status()), (Outcome::Completed, &Status::Unset), "{span:?}");
}

fn assert_cancelled(span: &SpanRecord) {
    assert_eq!((span.outcome(), span.status()), (Outcome::Cancelled, &Status::Unset), "{span:?}");
    assert_eq!(text(span, "error.type"), None);
}

/// The message of the only exception.
fn exception(span: &SpanRecord) -> String {
    assert_eq!(span.events().len(), 1);
    let event = span.events().next().unwrap();
    event.attribute("exception.message").unwrap().as_str().unwrap().to_owned()
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf.";
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nten bytes.";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n";

#[tokio::test]
async fn a_body_read_to_its_end_completes() {
    for answer in [WHOLE, CHUNKED, "HTTP/1.1 200 OK\r\n\r\nuntil the end"] {
        let traced = Traced::new();
        let (address, server) = answer_with(vec![answer]).await;
        let client = traced.client().layer(hyper_client());
        let response = client.oneshot(get(address)).await.unwrap();
        traced.spans(0).await;
        // One that ends with the connection.
        server.await.unwrap();
        read(response.into_body()).await.unwrap();
        assert_completed(&traced.span().await);
    }
}

#[tokio::test]
async fn an_answer_without_a_body_completes_with_its_head() {
    for (method, answer) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    ] {
        let traced = Traced::new();
        let (address, _server) = answer_with(vec![answer]).await;
        let mut request = get(address);
        *request.method_mut() = method.parse().unwrap();
        let response = traced.client().layer(hyper_client()).oneshot(request).await.unwrap();
        assert_completed(&traced.span().await);
        drop(response);
        traced.spans(1).await;
    }
}

#[tokio::test]
async fn a_body_that_nobody_looks_at_completes() {
    let traced = Traced::new();
    let (address, _server) = answer_with(vec![WHOLE]).await;
    drop(traced.client().layer(hyper_client()).oneshot(get(address)).await.unwrap());
    assert_completed(&traced.span().await);
}

#[tokio::test]
async fn a_body_read_to_its_promised_length_completes() {
    let traced = Traced::new();
    let client = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(
            Response::builder().header("content-length", 3).body(Script::new().data("one").stay()).unwrap(),
        )
    });
    let mut response = traced.client().layer(client).oneshot(Request::new(())).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_completed(&traced.span().await);
}

#[tokio::test]
async fn a_body_given_up_half_read_is_cancelled() {
    let traced = Traced::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = traced.client().layer(hyper_client());
    let call = tokio::spawn(client.oneshot(get(address)));
    let (mut stream, _) = listener.accept().await.unwrap();
    crate::support::peers::read_until(&mut stream, "\r\n\r\n").await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, HALF.as_bytes()).await.unwrap();
    let mut response = call.await.unwrap().unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    let span = traced.span().await;
    assert_cancelled(&span);
    assert_eq!(number(&span, "http.response.status_code"), Some(200));
}

#[tokio::test]
async fn a_call_given_up_before_the_head_is_cancelled() {
    let traced = Traced::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = traced.client().layer(hyper_client());
    let mut call = Box::pin(client.oneshot(get(address)));
    let mut stream = tokio::select! {
        _ = &mut call => panic!("nobody has answered"),
        accepted = listener.accept() => accepted.unwrap().0,
    };
    tokio::select! {
        _ = &mut call => panic!("nobody has answered"),
        _ = crate::support::peers::read_until(&mut stream, "\r\n\r\n") => {}
    }
    drop(call);
    assert_cancelled(&traced.span().await);
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_after_the_200() {
    for (answer, error_type) in [
        (HALF, "unexpected_eof"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal", "unexpected_eof"),
    ] {
        let traced = Traced::new();
        let (address, _server) = answer_with(vec![answer]).await;
        let layer = traced.client().known_error::<hyper::Error>();
        let response = layer.layer(hyper_client()).oneshot(get(address)).await.unwrap();
        assert!(read(response.into_body()).await.is_err());
        let span = traced.span().await;
        assert_eq!(span.outcome(), Outcome::Completed);
        assert!(span.status().is_error());
        assert_eq!(number(&span, "http.response.status_code"), Some(200));
        assert_eq!(text(&span, "error.type").as_deref(), Some(error_type));
    }
}

/// A port where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap()
}

/// The span of a call that fails before the head.
async fn span_of_failure(traced: &Traced, layer: ClientLayer, address: SocketAddr) -> SpanRecord {
    assert!(layer.layer(hyper_client()).oneshot(get(address)).await.is_err());
    let span = traced.span().await;
    assert_eq!((span.outcome(), number(&span, "http.response.status_code")), (Outcome::Completed, None));
    assert!(span.status().is_error());
    span
}

#[tokio::test]
async fn a_refused_connection_is_told_from_a_broken_one() {
    let traced = Traced::new();
    let layer = traced.client().known_error::<legacy::Error>();
    let refused = span_of_failure(&traced, layer, nobody().await).await;
    assert_eq!(text(&refused, "error.type").as_deref(), Some("connection_refused"));
    let message = exception(&refused);
    assert!(
        message.starts_with("client error (Connect): tcp connect error: Connection refused"),
        "{message}"
    );

    let traced = Traced::new();
    let (address, _server) = answer_with(vec![""]).await;
    let layer = traced.client().known_error::<legacy::Error>();
    let broken = span_of_failure(&traced, layer, address).await;
    assert_eq!(text(&broken, "error.type").as_deref(), Some(std::any::type_name::<legacy::Error>()));
    assert!(exception(&broken).contains("connection closed before message completed"), "{broken:?}");
}

#[tokio::test]
async fn an_error_of_a_type_not_known_has_its_types_name() {
    let traced = Traced::new();
    let span = span_of_failure(&traced, traced.client(), nobody().await).await;
    assert_eq!(text(&span, "error.type").as_deref(), Some(std::any::type_name::<legacy::Error>()));
    assert_eq!(exception(&span), "client error (Connect)");
}

#[tokio::test]
async fn an_error_within_an_io_error_is_found() {
    let traced = Traced::new();
    let client = service_fn(|_: Request<()>| async {
        let elapsed = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
        Err::<Response<Empty<Bytes>>, _>(BoxError::from(io::Error::other(elapsed)))
    });
    assert!(traced.client().layer(client).oneshot(Request::new(())).await.is_err());
    assert_eq!(text(&traced.span().await, "error.type").as_deref(), Some("timeout"));
}

#[tokio::test]
async fn a_client_that_panics_ends_its_span() {
    let traced = Traced::new();
    let client = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Script::new().run(|| panic!("in the body"))))
    });
    let response = traced.client().layer(client).oneshot(Request::new(())).await.unwrap();
    assert!(tokio::spawn(read(response.into_body())).await.is_err());
    assert_eq!(traced.span().await.outcome(), Outcome::Panicked);
}

#[tokio::test]
async fn the_span_is_current_in_the_client_and_while_its_body_is_read() {
    let traced = Traced::new();
    let client = service_fn(|_: Request<()>| {
        Span::new("in call").end();
        async {
            Span::new("before the await").end();
            tokio::task::yield_now().await;
            Span::new("after the await").end();
            Ok::<_, Infallible>(Response::new(
                Script::new().data("one").run(|| Span::new("in the body").end()),
            ))
        }
    });
    let mut call = Box::pin(traced.client().layer(client).oneshot(Request::new(())));
    assert!(is_pending(&mut call).await);
    assert!(Span::current().is_none());
    let response = call.await.unwrap();
    assert!(Span::current().is_none());
    read(response.into_body()).await.unwrap();
    assert!(Span::current().is_none());

    let spans = traced.spans(5).await;
    let (call, children) = spans.split_first().unwrap();
    assert_eq!(call.name(), "GET");
    for child in children {
        assert_eq!(child.parent_span_id(), Some(call.span_id()), "{child:?}");
    }
}
