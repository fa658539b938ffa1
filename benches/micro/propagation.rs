//! Headers: read and written.

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue};
use throughline::{
    Context,
    propagation::{
        Composite, MAX_HEADER_BYTES, Propagator, RequestIdHeader, TraceContext, baggage, forwarded,
        request_id, trace_context, traceparent,
    },
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

/// One way of filling a header.
type Shape = fn() -> Vec<String>;

/// What costs most to read within the cap, or to find over it.
const SHAPES: [(&str, Shape); 6] = [
    ("8,192 empty lines", || vec![String::new(); MAX_HEADER_BYTES]),
    ("4,096 lines of a comma and a space", || vec![", ".to_owned(); MAX_HEADER_BYTES / 2]),
    ("8 KiB of commas", || vec![",".repeat(MAX_HEADER_BYTES)]),
    ("8 KiB of spaces", || vec![" ".repeat(MAX_HEADER_BYTES)]),
    ("8 KiB of bytes that are no UTF-8", || vec![format!("k={}", "%FF".repeat(MAX_HEADER_BYTES / 3 - 1))]),
    ("8 KiB of small members", || vec!["a=1,".repeat(MAX_HEADER_BYTES / 4)]),
];

/// Beside a good traceparent, headers of that name are filled in this way.
fn filled(names: &[&'static str], shape: Shape) -> HeaderMap {
    let mut headers = only_a_traceparent();
    for name in names {
        for line in shape() {
            let line = HeaderValue::try_from(line).expect("a value");
            headers.try_append(*name, line).expect("room for it");
        }
    }
    headers
}

fn shape(what: &str) -> Shape {
    SHAPES.iter().find(|(name, _)| *name == what).expect("one of them").1
}

fn shapes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|(name, _)| *name)
}

/// The default formats, with both lists filled in the worst ways.
#[divan::bench(sample_size = 16, args = shapes())]
fn hostile_lists_extracted(bencher: Bencher, what: &str) {
    let headers = filled(&[trace_context::TRACESTATE, baggage::BAGGAGE], shape(what));
    let formats = Composite::default();
    bencher.bench_local(|| extract(&formats, black_box(&headers)));
}

/// All formats at once, with every one of their headers filled in the worst ways.
#[divan::bench(sample_size = 16, args = shapes())]
fn hostile_headers_of_all_formats_extracted(bencher: Bencher, what: &str) {
    let names = [
        "tracestate",
        "baggage",
        "b3",
        "x-b3-traceid",
        "x-b3-spanid",
        "x-b3-parentspanid",
        "x-b3-sampled",
        "x-b3-flags",
        "uber-trace-id",
        "uberctx-k",
        "x-amzn-trace-id",
        "ot-tracer-traceid",
        "ot-tracer-spanid",
        "ot-tracer-sampled",
        "ot-baggage-k",
        "x-datadog-trace-id",
        "x-datadog-parent-id",
        "x-datadog-sampling-priority",
        "x-datadog-tags",
        "x-cloud-trace-context",
        "x-request-id",
    ];
    // A map has room for some 24,000 lines; the first names are the lists.
    let names = if shape(what)().len() > 1 { &names[..3] } else { &names[..] };
    let headers = filled(names, shape(what));
    let all = "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace,datadog,gcp";
    let formats = Composite::from_names(all).expect("names").with(RequestIdHeader::default());
    bencher.bench_local(|| extract(&formats, black_box(&headers)));
}

/// What proxies say, in one line of 8 KiB and in very many lines.
const SAID: [(&str, &str); 10] = [
    ("for", "for=192.0.2.60,"),
    ("for, obfuscated", "for=_a,"),
    ("short pairs", "a=b;"),
    ("a quoted text", "a=\"\\\\\","),
    ("addresses", "192.0.2.60, "),
    ("addresses of IPv6", "2001:db8::17,"),
    ("hosts", "shop.example,"),
    ("short hosts", "a,"),
    ("schemes", "https,"),
    ("commas", ","),
];

fn said() -> impl Iterator<Item = &'static str> {
    SAID.iter().map(|(what, _)| *what)
}

fn line_of(what: &str) -> String {
    let pattern = SAID.iter().find(|(name, _)| *name == what).expect("one of them").1;
    pattern.repeat(MAX_HEADER_BYTES / pattern.len())
}

#[divan::bench(sample_size = 16, args = said())]
fn hostile_forwarded_parsed(bencher: Bencher, what: &str) {
    let line = line_of(what);
    bencher.bench_local(|| forwarded::parse(black_box([&line]), 2).is_ok());
}

#[divan::bench(sample_size = 16, args = said())]
fn hostile_x_forwarded_for_parsed(bencher: Bencher, what: &str) {
    let line = line_of(what);
    bencher.bench_local(|| forwarded::parse_for(black_box([&line]), 2).is_ok());
}

#[divan::bench(sample_size = 16, args = said())]
fn hostile_x_forwarded_host_parsed(bencher: Bencher, what: &str) {
    let line = line_of(what);
    bencher.bench_local(|| forwarded::parse_host(black_box([&line]), 2).is_ok());
}

#[divan::bench(sample_size = 16)]
fn hostile_x_forwarded_host_of_8000_lines_parsed(bencher: Bencher) {
    let lines = vec!["a"; 8_000];
    bencher.bench_local(|| forwarded::parse_host(black_box(&lines), 2).is_ok());
}

/// What a balancer usually says.
#[divan::bench(sample_size = SAMPLE)]
fn forwarded_parsed(bencher: Bencher) {
    let line = "for=203.0.113.7, for=192.0.2.60;host=shop.example;proto=https";
    bencher.bench_local(|| forwarded::parse(black_box([line]), 1).is_ok());
}

#[divan::bench(sample_size = SAMPLE)]
fn x_forwarded_parsed(bencher: Bencher) {
    bencher.bench_local(|| {
        let client = forwarded::parse_for(black_box(["203.0.113.7, 192.0.2.60"]), 1);
        let host = forwarded::parse_host(black_box(["shop.example"]), 1);
        let scheme = forwarded::parse_proto(black_box(["https"]), 1);
        client.is_ok() && host.is_ok() && scheme.is_ok()
    });
}

/// Returns nothing that would have to be dropped: the bench then repeats it within one reading of the clock.
fn extract(formats: &impl Propagator, headers: &HeaderMap) -> bool {
    let mut context = Context::default();
    let _refused = formats.extract(headers, &mut context);
    black_box(&context).span.is_some()
}
