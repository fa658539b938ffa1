//! The workload `http`, all but the layers: a request, the handler that answers it, and the backend that
//! the handler calls. All in this process and always ready, so that what is measured is the layers.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use std::{
    convert::Infallible,
    future::Future,
    hint::black_box,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker},
};
use tower::{Service, service_fn};

pub const ROUTE: &str = "/orders/{id}";

/// What the handler answers.
pub const ANSWER: &str = "{\"order\":1234567,\"lines\":3}";

pub type Incoming = Request<Empty<Bytes>>;
pub type Outgoing = Request<Full<Bytes>>;
pub type Answer = Response<Full<Bytes>>;

/// A request as a gateway passes it on, with all that the layers look for.
pub fn request() -> Incoming {
    numbered(0)
}

/// Requests of which no two that follow one another are the same: neither who sends them, nor what for, nor
/// their ids.
#[derive(Clone)]
pub struct Requests {
    all: Vec<Incoming>,
    next: usize,
}

impl Requests {
    pub fn new() -> Self {
        Self { all: (0..64).map(numbered).collect(), next: 0 }
    }

    pub fn next(&mut self) -> Incoming {
        self.next = (self.next + 1) % self.all.len();
        self.all[self.next].clone()
    }
}

fn numbered(number: u16) -> Incoming {
    let mixed = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut request = Request::get(format!("/orders/{}?expand=lines", 1_234_567 + u32::from(number)))
        .header(header::HOST, "orders.example.com:8080")
        .header(header::USER_AGENT, format!("gateway/2.{}", number % 4))
        .header(header::ACCEPT, "application/json")
        .header("traceparent", format!("00-0af7651916cd43dd{mixed:016x}-{:016x}-01", mixed.rotate_left(32)))
        .header("tracestate", format!("vendor={mixed:016x}"))
        .header("x-request-id", format!("0197a6a0-5324-775a-8754-a932{:08x}", mixed >> 32))
        .header("x-service-name", "gateway")
        .body(Empty::new())
        .expect("a request");
    request.extensions_mut().insert(SocketAddr::from(([192, 0, 2, 7 + number as u8 % 8], 43_210 + number)));
    request
}

/// What the handler asks the backend for.
fn call() -> Outgoing {
    Request::get("http://stock.example.com:8080/items/7?warehouse=eu-1")
        .header(header::ACCEPT, "application/json")
        .body(Full::default())
        .expect("a request")
}

/// The service behind the client's layer.
pub async fn backend(request: Outgoing) -> Result<Answer, Infallible> {
    black_box(request);
    Ok(answer("{\"item\":7,\"stock\":12}"))
}

/// The service behind the server's layer.
pub async fn handle<R, C, B>(request: Request<R>, mut client: C) -> Result<Answer, Infallible>
where
    C: Service<Outgoing, Response = Response<B>, Error: std::fmt::Debug>,
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    black_box(request);
    let response = client.call(call()).await.expect("an answer");
    let stock = response.into_body().collect().await.expect("a body").to_bytes();
    black_box(stock);
    Ok(answer(ANSWER))
}

fn answer(text: &'static str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

/// The handler and its backend, without layers.
pub fn bare() -> impl Service<Incoming, Response = Answer, Error = Infallible, Future: Send> + Clone + use<> {
    service_fn(|request| handle(request, service_fn(backend)))
}

/// Sends a request through a service and reads the answer to its end, as a server does.
pub fn exchange<S, B>(service: &mut S, request: Incoming)
where
    S: Service<Incoming, Response = Response<B>, Error: std::fmt::Debug>,
    B: Body<Data = Bytes, Error: std::fmt::Debug>,
{
    now(async {
        let response = service.call(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let mut body = pin!(body);
        while let Some(frame) = body.frame().await {
            black_box(frame.expect("a frame"));
        }
        black_box(head);
    });
}

/// Runs a future in which nothing has to be waited for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here has to be waited for"),
    }
}
