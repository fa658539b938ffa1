//! What a server that takes a byte a second costs those whose spans it is sent: nothing.
//!
//! The same operations are timed in front of such a server and of one that answers at once, in turns, so that what
//! else the machine does strikes both.

use crate::server::{answering, ok, otlp, serve};
use std::{
    hint::black_box,
    io::Read,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};
use throughline::{Span, SpanKind, Tracer, export::DropReason};

const ROUNDS: usize = 9;
const REQUESTS: usize = 500;
const THREADS: usize = 2;

/// What a queue of a thousand spans takes beside a server that takes nothing.
fn tracer(address: SocketAddr) -> Tracer {
    Tracer::builder("orders")
        .environment(|_| None)
        .diagnostics(|_| ())
        .drop_within(Duration::ZERO)
        .max_queued(1_000, usize::MAX)
        .max_batch_spans(100)
        .batch_delay(Duration::ZERO)
        .exporter(otlp(address).build().unwrap())
        .build()
        .unwrap()
}

/// A request as a service has it: a span, some work, some children.
fn serve_a_request(tracer: &Tracer, number: usize) {
    let request = tracer.span_builder("GET /orders/{id}").kind(SpanKind::Server).start().entered();
    request.set_attribute("http.request.method", "GET").set_attribute("number", number as i64);
    for _ in 0..3 {
        let _query = Span::new("query").entered();
        black_box((0..100).fold(number, |sum, term| black_box(sum ^ term)));
    }
}

/// The 99th of a hundred requests, on threads that serve them one after the other.
fn p99(tracer: &Tracer) -> Duration {
    let serve_all = || {
        let time = |number| {
            // A machine that has nothing else to do, or threads wait for one another's turn.
            thread::sleep(Duration::from_micros(100));
            let started = Instant::now();
            serve_a_request(tracer, number);
            started.elapsed()
        };
        (0..REQUESTS).map(time).collect::<Vec<_>>()
    };
    let mut took: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(serve_all)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn median(mut of: Vec<Duration>) -> Duration {
    of.sort_unstable();
    of[of.len() / 2]
}

#[test]
fn a_slow_server_slows_no_request() {
    let (quick, _) = answering(|_, _| ok());
    // It takes a byte a second for as long as it is asked, and then says nothing.
    let (slow, seen) = serve(|mut stream, _| {
        while matches!(stream.read(&mut [0]), Ok(1)) {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let (without, with) = (tracer(quick), tracer(slow));
    let (mut quick_ones, mut slow_ones) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        quick_ones.push(p99(&without));
        slow_ones.push(p99(&with));
    }
    assert_eq!(seen.connections(), 1, "it is in the middle of a request");
    let (quick, slow) = (median(quick_ones), median(slow_ones));
    println!(
        "99 in 100 requests take less than {quick:?} with a server that answers, {slow:?} with one that does not"
    );
    // Whoever waited for the server, or for its exporter's thread, would do so for milliseconds at least.
    assert!(slow < quick * 2 + Duration::from_micros(200), "{slow:?} instead of {quick:?}");

    // Nobody waited, so most was dropped, and that is said.
    let report = with.shutdown(Duration::from_millis(100));
    let ended = (ROUNDS * REQUESTS * THREADS * 4) as u64;
    let books = &report.stats.exporters[0];
    assert_eq!((report.stats.ended, books.exported, books.pending), (ended, 0, 0), "{report:#?}");
    let dropped = report.stats.dropped.total() + books.dropped.total();
    assert_eq!(dropped, ended, "{report:#?}");
    assert!(books.dropped.get(DropReason::ShutdownDeadline) <= 1_000, "{report:#?}");
}
