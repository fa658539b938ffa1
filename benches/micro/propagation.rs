//! Headers: read and written.

use divan::{Bencher, black_box};
use throughline::propagation::{request_id, trace_context, traceparent};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

#[divan::bench]
fn traceparent_parsed(bencher: Bencher) {
    bencher.bench_local(|| traceparent::parse(black_box(PARENT.as_bytes())));
}

#[divan::bench]
fn traceparent_formatted(bencher: Bencher) {
    let context = traceparent::parse(PARENT.as_bytes()).expect("a parent");
    bencher.bench_local(|| traceparent::format(black_box(&context)));
}

#[divan::bench]
fn trace_context_extracted(bencher: Bencher) {
    bencher.bench_local(|| trace_context::extract(black_box([PARENT]), black_box([STATE])));
}

#[divan::bench]
fn tracestate_formatted(bencher: Bencher) {
    let extracted = trace_context::extract([PARENT], [STATE]).expect("a context");
    bencher.bench_local(|| black_box(&extracted).span.trace_state().to_header().len());
}

#[divan::bench]
fn request_id_parsed(bencher: Bencher) {
    bencher.bench_local(|| request_id::parse(black_box(["0197a6a0-5324-775a-8754-a93247016faa"])));
}
