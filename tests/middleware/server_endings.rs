//! When a server span ends, and as what.

use crate::support::{
    BoxError, Traced,
    body::Script,
    is_pending, named, number,
    peers::{current, exchange, get, hyper_client, read_until, serve, url},
    text,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use std::{convert::Infallible, error::Error, fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use throughline::{Outcome, Span, SpanRecord, Status};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Notify};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

/// A server that answers every request with such a body.
async fn serve_body(traced: &Traced, body: impl Fn() -> Script + Clone + Send + 'static) -> SocketAddr {
    let service = service_fn(move |_: Request<Incoming>| {
        let body = body();
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    serve(traced.server().layer(service)).await
}

fn assert_failed(span: &SpanRecord, error_type: &str) {
    assert!(span.status().is_error(), "{span:?}");
    assert_eq!(span.outcome(), Outcome::Completed);
    assert_eq!(text(span, "error.type").as_deref(), Some(error_type));
    let exception = span.events().find(|event| event.name == "exception").expect("an exception event");
    assert_eq!(exception.attribute("exception.type").unwrap().as_str(), Some(error_type));
}

fn assert_cancelled(span: &SpanRecord) {
    assert_eq!((span.outcome(), span.status()), (Outcome::Cancelled, &Status::Unset), "{span:?}");
    assert_eq!(text(span, "error.type"), None);
}

#[tokio::test]
async fn a_streaming_answer_is_measured_to_its_last_frame() {
    let traced = Traced::new();
    let pause = Duration::from_millis(50);
    let body = move || (0..4).fold(Script::new(), |script, _| script.data("tick").wait(pause));
    let address = serve_body(&traced, body).await;
    exchange(address, &get("/")).await;
    let span = traced.span().await;
    assert!(span.duration() >= 4 * pause, "{:?}", span.duration());
    assert_eq!(span.outcome(), Outcome::Completed);
}

#[tokio::test]
async fn a_context_kept_by_a_task_does_not_lengthen_the_span() {
    let traced = Traced::new();
    let done = Arc::new(Notify::new());
    let wait = done.clone();
    let service = service_fn(move |_: Request<Incoming>| {
        let handle = current().expect("a current span");
        let done = wait.clone();
        let task = tokio::spawn(async move {
            done.notified().await;
            let late = handle.child("late");
            assert!(late.is_recording());
        });
        async move {
            drop(task);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let address = serve(traced.server().layer(service)).await;
    exchange(address, &get("/")).await;
    // The handle is still held; the span is there all the same.
    let span = traced.span().await;
    assert_eq!(span.outcome(), Outcome::Completed);
    done.notify_one();
    let spans = traced.spans(2).await;
    let late = named(&spans, "late");
    assert_eq!(late.parent_span_id(), Some(span.span_id()));
    assert!(late.start_unix_nanos() >= span.end_unix_nanos());
}

#[tokio::test]
async fn a_body_that_fails_after_a_200_is_an_error() {
    let traced = Traced::new();
    // The pause lets the server send what it has.
    let body = || {
        let pause = Duration::from_millis(1);
        Script::new().data("half").wait(pause).fail(io::ErrorKind::ConnectionReset)
    };
    let address = serve_body(&traced, body).await;
    let answer = exchange(address, &get("/")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let span = traced.span().await;
    assert_failed(&span, "connection_reset");
    assert_eq!(number(&span, "http.response.status_code"), Some(200));
}

#[tokio::test]
async fn an_answer_that_has_no_body_ends_with_its_head() {
    // Whatever body the service made: no server asks for it [RFC 9110, 6.4.1].
    for (method, code) in [("HEAD", 200), ("GET", 101), ("GET", 204), ("GET", 304), ("CONNECT", 200)] {
        let traced = Traced::new();
        let service = service_fn(move |_: Request<()>| async move {
            Response::builder().status(code).body(Script::chunks(&["never sent"]))
        });
        let request = Request::builder().method(method).uri("shop.example:443").body(()).unwrap();
        let _unread = traced.server().layer(service).oneshot(request).await.unwrap();
        assert_eq!(traced.span().await.outcome(), Outcome::Completed, "{method} {code}");
    }
    for (method, code) in [("GET", 200), ("CONNECT", 407)] {
        let traced = Traced::new();
        let service = service_fn(move |_: Request<()>| async move {
            Response::builder().status(code).body(Script::chunks(&["not sent"]))
        });
        let request = Request::builder().method(method).uri("shop.example:443").body(()).unwrap();
        drop(traced.server().layer(service).oneshot(request).await.unwrap());
        assert_eq!(traced.span().await.outcome(), Outcome::Cancelled, "{method} {code}");
    }
}

#[derive(Debug)]
struct OrderError(io::Error);

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order was not placed at http://stock.example/?token=s3cret")
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// The span of a call that the service answers with this error.
async fn span_of_error<E>(error: impl FnOnce() -> E) -> SpanRecord
where
    E: fmt::Display + fmt::Debug + 'static,
{
    let traced = Traced::new();
    let mut error = Some(error());
    let service = service_fn(move |_: Request<()>| {
        let error = error.take().unwrap();
        async { Err::<Response<Full<Bytes>>, _>(error) }
    });
    let answer = traced.server().layer(service).oneshot(Request::new(())).await;
    assert!(answer.is_err());
    traced.span().await
}

#[tokio::test]
async fn a_service_error_is_an_error_of_low_cardinality() {
    use io::ErrorKind::{BrokenPipe, ConnectionRefused, InvalidData, TimedOut, UnexpectedEof};
    for (kind, error_type) in [
        (TimedOut, "timeout"),
        (ConnectionRefused, "connection_refused"),
        (BrokenPipe, "broken_pipe"),
        (UnexpectedEof, "unexpected_eof"),
        (InvalidData, "io"),
    ] {
        assert_failed(&span_of_error(|| io::Error::from(kind)).await, error_type);
        assert_failed(&span_of_error(|| BoxError::from(io::Error::from(kind))).await, error_type);
        let caused = || BoxError::from(OrderError(io::Error::from(kind)));
        assert_failed(&span_of_error(caused).await, error_type);
    }
    assert_failed(&span_of_error(|| BoxError::from("out of stock")).await, "_OTHER");
    let bare = span_of_error(|| OrderError(io::ErrorKind::TimedOut.into())).await;
    assert_failed(&bare, std::any::type_name::<OrderError>());
    let event = bare.events().next().unwrap();
    let message = event.attribute("exception.message").unwrap();
    assert!(message.as_str().unwrap().contains("http://stock.example/?token=REDACTED"), "{message}");
}

/// Prints its cause itself, as many errors do.
#[derive(Debug)]
struct Chatty(io::Error);

impl fmt::Display for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not placed: {}", self.0)
    }
}

impl Error for Chatty {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn every_cause_is_told_once() {
    let no_room = || io::Error::other("no room");
    for error in [BoxError::from(Chatty(no_room())), BoxError::from(OrderError(no_room()))] {
        let span = span_of_error(|| error).await;
        let event = span.events().next().unwrap();
        let message = event.attribute("exception.message").unwrap();
        assert_eq!(message.to_string().matches("no room").count(), 1, "{message}");
        assert_eq!(message.to_string().matches("not placed").count(), 1, "{message}");
    }
}

#[tokio::test]
async fn a_timeout_of_towers_is_called_one() {
    let traced = Traced::new();
    let service = ServiceBuilder::new()
        .layer(traced.server())
        .timeout(Duration::from_millis(1))
        .service_fn(|_: Request<()>| std::future::pending::<Result<Response<Empty<Bytes>>, BoxError>>());
    assert!(service.oneshot(Request::new(())).await.is_err());
    assert_failed(&traced.span().await, "timeout");
}

#[tokio::test]
async fn a_handler_that_panics_ends_the_span_at_once() {
    let traced = Traced::new();
    let service = service_fn(|request: Request<Incoming>| {
        assert!(request.uri().path() != "/call", "in call");
        async move {
            assert!(request.uri().path() != "/future", "in the future");
            Ok::<_, Infallible>(Response::new(Script::new().data("half").run(|| panic!("in the body"))))
        }
    });
    let address = serve(traced.server().layer(service)).await;
    for path in ["/call", "/future", "/body"] {
        exchange(address, &get(path)).await;
    }
    for span in traced.spans(3).await {
        assert_eq!(span.outcome(), Outcome::Panicked);
        assert!(span.status().is_error());
        assert_eq!(text(&span, "error.type").as_deref(), Some("panic"));
    }
    assert!(current().is_none());
}

#[tokio::test]
async fn a_panic_ends_the_span_before_its_future_is_dropped() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        panic!("in the future");
        #[expect(unreachable_code, reason = "gives the future its type")]
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let mut future = Box::pin(traced.server().layer(service).oneshot(Request::new(())));
    let panic = std::panic::AssertUnwindSafe(&mut future);
    let caught = futures_util::future::FutureExt::catch_unwind(panic).await;
    assert!(caught.is_err());
    assert_eq!(traced.span().await.outcome(), Outcome::Panicked);
    drop(future);
    traced.spans(1).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_head_cancels() {
    let traced = Traced::new();
    let called = Arc::new(Notify::new());
    let notify = called.clone();
    let service = service_fn(move |_: Request<Incoming>| {
        notify.notify_one();
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    let address = serve(traced.server().layer(service)).await;

    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(get("/").as_bytes()).await.unwrap();
    called.notified().await;
    drop(stream);
    let span = traced.span().await;
    assert_cancelled(&span);
    assert_eq!(number(&span, "http.response.status_code"), None);
}

#[tokio::test]
async fn a_client_that_hangs_up_amid_the_body_cancels() {
    // A body that waits, and one that has ever more to say.
    let endless = || (0..100_000).fold(Script::new(), |script, _| script.data("more and more\n"));
    for body in [|| Script::new().data("half\n").stay(), endless] {
        let traced = Traced::new();
        let address = serve_body(&traced, body).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(get("/").as_bytes()).await.unwrap();
        read_until(&mut stream, "\n\r\n").await;
        drop(stream);
        let span = traced.span().await;
        assert_cancelled(&span);
        assert_eq!(number(&span, "http.response.status_code"), Some(200));
    }
}

#[tokio::test]
async fn a_hyper_client_dropped_amid_the_body_cancels() {
    let traced = Traced::new();
    let address = serve_body(&traced, || Script::new().data("half").stay()).await;
    let client = hyper_client::<Empty<Bytes>>();
    let request = Request::get(url(address, "/")).body(Empty::new()).unwrap();
    let mut response = client.request(request).await.unwrap();
    let frame = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "half");
    drop((response, client));
    assert_cancelled(&traced.span().await);
}

#[tokio::test]
async fn a_hangup_after_a_500_stays_an_error() {
    let traced = Traced::new();
    let service = service_fn(|_: Request<Incoming>| async {
        let mut response = Response::new(Script::new().data("half\n").stay());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok::<_, Infallible>(response)
    });
    let address = serve(traced.server().layer(service)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(get("/").as_bytes()).await.unwrap();
    read_until(&mut stream, "\n\r\n").await;
    drop(stream);
    let span = traced.span().await;
    assert_eq!(span.outcome(), Outcome::Cancelled);
    assert_eq!((span.status(), text(&span, "error.type").as_deref()), (&Status::error(""), Some("500")));
}

#[tokio::test]
async fn what_a_dropped_future_or_body_held_is_dropped_within_the_span() {
    struct Witness;
    impl Drop for Witness {
        fn drop(&mut self) {
            Span::new("in drop").end();
        }
    }

    let traced = Traced::new();
    let service = service_fn(|_: Request<()>| async {
        let _held = Witness;
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut future = Box::pin(traced.server().layer(service).oneshot(Request::new(())));
    assert!(is_pending(&mut future).await);
    drop(future);

    let service = service_fn(|_: Request<()>| async {
        let held = Witness;
        Ok::<_, Infallible>(Response::new(Script::new().data("half").stay().run(move || drop(held))))
    });
    drop(traced.server().layer(service).oneshot(Request::new(())).await);

    let spans = traced.spans(4).await;
    let (parents, children): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.name() == "GET");
    assert_eq!((parents.len(), children.len()), (2, 2));
    for (parent, child) in parents.iter().zip(children) {
        assert_eq!(child.parent_span_id(), Some(parent.span_id()));
        assert_cancelled(parent);
    }
}
