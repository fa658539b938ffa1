//! Headers: read and written.

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue};
use throughline::{
    Context,
    propagation::{Composite, Propagator, TraceContext, request_id, trace_context, traceparent},
};

/// As many at least within one reading of the clock: the first, which meets cold caches, is no measure.
const SAMPLE: u32 = 256;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

#[divan::bench(sample_size = SAMPLE)]
fn traceparent_parsed(bencher: Bencher) {
    bencher.bench_local(|| traceparent::parse(black_box(PARENT.as_bytes())));
}

#[divan::bench(sample_size = SAMPLE)]
fn traceparent_formatted(bencher: Bencher) {
    let context = traceparent::parse(PARENT.as_bytes()).expect("a parent");
    bencher.bench_local(|| traceparent::format(black_box(&context)));
}

/// As the layers do it, once they have found the header.
#[divan::bench(sample_size = SAMPLE)]
fn traceparent_alone_extracted(bencher: Bencher) {
    let none: [&str; 0] = [];
    bencher.bench_local(|| trace_context::extract(black_box([PARENT]), black_box(none)).is_ok());
}

#[divan::bench(sample_size = SAMPLE)]
fn trace_context_extracted(bencher: Bencher) {
    bencher.bench_local(|| trace_context::extract(black_box([PARENT]), black_box([STATE])).is_ok());
}

#[divan::bench(sample_size = SAMPLE)]
fn tracestate_formatted(bencher: Bencher) {
    let extracted = trace_context::extract([PARENT], [STATE]).expect("a context");
    bencher.bench_local(|| black_box(&extracted).span.trace_state().to_header().len());
}

#[divan::bench(sample_size = SAMPLE)]
fn request_id_parsed(bencher: Bencher) {
    bencher.bench_local(|| request_id::parse(black_box(["0197a6a0-5324-775a-8754-a93247016faa"])));
}

fn only_a_traceparent() -> HeaderMap {
    let name = HeaderName::from_static(trace_context::TRACEPARENT);
    HeaderMap::from_iter([(name, HeaderValue::from_static(PARENT))])
}

/// W3C Trace Context, as any propagator is asked, of a request that has a traceparent and nothing else.
#[divan::bench(sample_size = SAMPLE)]
fn valid_traceparent_extracted(bencher: Bencher) {
    let headers = only_a_traceparent();
    let format = TraceContext::default();
    bencher.bench_local(|| extract(&format, black_box(&headers)));
}

/// The same request, by the default formats: baggage is looked for, too.
#[divan::bench(sample_size = SAMPLE)]
fn default_formats_extracted(bencher: Bencher) {
    let headers = only_a_traceparent();
    let formats = Composite::default();
    bencher.bench_local(|| extract(&formats, black_box(&headers)));
}

/// The default formats, of a request with all that a gateway sends along.
#[divan::bench(sample_size = SAMPLE)]
fn request_extracted(bencher: Bencher) {
    let headers = crate::workloads::http::request().headers().clone();
    let formats = Composite::default();
    bencher.bench_local(|| extract(&formats, black_box(&headers)));
}

/// The default formats, of 1 MiB of headers: a tracestate and a baggage of very many lines.
#[divan::bench(sample_size = SAMPLE)]
fn hostile_mebibyte_extracted(bencher: Bencher) {
    let mut headers = HeaderMap::new();
    headers.insert(trace_context::TRACEPARENT, HeaderValue::from_static(PARENT));
    let line = HeaderValue::try_from(format!("{}=1", "a,".repeat(250))).expect("a value");
    for name in [trace_context::TRACESTATE, "baggage"] {
        for _ in 0..1_048_576 / 2 / line.len() {
            headers.append(name, line.clone());
        }
    }
    let formats = Composite::default();
    bencher.bench_local(|| extract(&formats, black_box(&headers)));
}

/// Returns nothing that would have to be dropped: the bench then repeats it within one reading of the clock.
fn extract(formats: &impl Propagator, headers: &HeaderMap) -> bool {
    let mut context = Context::default();
    let _refused = formats.extract(headers, &mut context);
    black_box(&context).span.is_some()
}
