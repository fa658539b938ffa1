//! Requests as a service has them, so many a second.

use std::{
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};
use throughline::{SpanKind, Tracer, semconv};

const THREADS: u64 = 4;
const SPANS_A_REQUEST: u64 = 5;

pub struct Load(Vec<JoinHandle<u64>>);

impl Load {
    /// Starts threads that together make so many spans a second, for so long.
    pub fn start(tracer: &Tracer, spans_a_second: u64, within: Duration) -> Self {
        let requests_a_second = spans_a_second / SPANS_A_REQUEST / THREADS;
        let run = |tracer: Tracer| move || run(&tracer, requests_a_second, within);
        let thread =
            |_| thread::Builder::new().name("requests".to_owned()).spawn(run(tracer.clone())).unwrap();
        Self((0..THREADS).map(thread).collect())
    }

    pub fn is_over(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }

    /// How many spans it was.
    pub fn join(self) -> u64 {
        self.0.into_iter().map(|thread| thread.join().unwrap()).sum()
    }
}

/// Makes the requests that are due, about each millisecond: late ones at once, as those of a service come that was
/// held up.
fn run(tracer: &Tracer, requests_a_second: u64, within: Duration) -> u64 {
    let all = requests_a_second * within.as_secs();
    let begin = Instant::now();
    let mut made = 0;
    while made < all {
        let due = begin.elapsed().as_micros() as u64 * requests_a_second / 1_000_000;
        while made < due.min(all) {
            request(tracer, made);
            made += 1;
        }
        sleep(Duration::from_millis(1));
    }
    made * SPANS_A_REQUEST
}

fn request(tracer: &Tracer, number: u64) {
    let server = tracer
        .span_builder("POST /orders/{id}")
        .kind(SpanKind::Server)
        .attribute(semconv::HTTP_REQUEST_METHOD, "POST")
        .attribute(semconv::HTTP_ROUTE, "/orders/{id}")
        .attribute(semconv::URL_PATH, "/orders/4711")
        .attribute(semconv::URL_SCHEME, "https")
        .attribute(semconv::SERVER_ADDRESS, "shop.example")
        .attribute(semconv::USER_AGENT_ORIGINAL, "Mozilla/5.0 (X11; Linux x86_64)")
        .start()
        .entered();
    server.set_attribute("order.number", number);
    tracer.span("check").in_scope(|| {
        tracer.span("look up").add_event("cache miss", &[("key", "orders/4711".into())]);
    });
    let call = tracer.span_builder("POST /charges").kind(SpanKind::Client);
    let call = call.attribute(semconv::URL_FULL, "https://payment.example/charges").start();
    call.set_attribute(semconv::SERVICE_PEER_NAME, "payment")
        .set_attribute(semconv::HTTP_RESPONSE_STATUS_CODE, 200);
    call.end();
    tracer.span("answer").set_attribute("answer.bytes", 512);
    server.set_attribute(semconv::HTTP_RESPONSE_STATUS_CODE, 201);
}
