//! All header formats against any bytes.
//!
//! The first byte chooses the format. What follows are lines, separated by line feeds: the first byte of
//! each chooses one of the format's headers, and the rest is its value. A choice past the format's headers
//! is a header whose name is in the line too, before the first `:`.
//!
//! `fuzz/run 60 headers`
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::str;
use throughline::{
    Context,
    context::{Baggage, TraceState},
    propagation::{
        B3, Composite, Datadog, GoogleCloud, Jaeger, OtTrace, Propagator, RequestIdHeader, TraceContext,
        W3cBaggage, XRay, b3, baggage, forwarded, google_cloud, jaeger, request_id, service_name,
        traceparent, xray,
    },
};

type Headers = Vec<(String, Vec<u8>)>;
type Format = (fn() -> Box<dyn Propagator>, &'static [&'static str]);

const FORMATS: [Format; 11] = [
    (|| Box::new(TraceContext::default()), &["traceparent", "tracestate"]),
    (|| Box::new(W3cBaggage), &["baggage"]),
    (|| Box::new(B3::single()), B3_HEADERS),
    (|| Box::new(B3::multi()), B3_HEADERS),
    (|| Box::new(Jaeger), &["uber-trace-id", "uberctx-k", "uberctx-l"]),
    (|| Box::new(XRay), &["x-amzn-trace-id"]),
    (|| Box::new(Datadog), DATADOG_HEADERS),
    (|| Box::new(GoogleCloud), &["x-cloud-trace-context"]),
    (|| Box::new(OtTrace), OT_HEADERS),
    (|| Box::new(RequestIdHeader::default().or("x-correlation-id")), &["x-request-id", "x-correlation-id"]),
    (everything, EVERY_HEADER),
];

const B3_HEADERS: &[&str] =
    &["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"];
const DATADOG_HEADERS: &[&str] =
    &["x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-sampling-priority", "x-datadog-tags"];
const OT_HEADERS: &[&str] = &["ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled", "ot-baggage-k"];
const EVERY_HEADER: &[&str] =
    &["traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "uberctx-k", "ot-baggage-k"];

fn everything() -> Box<dyn Propagator> {
    let names = "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace,datadog,gcp";
    Box::new(Composite::from_names(names).unwrap())
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    let (format, names) = FORMATS[usize::from(*choice) % FORMATS.len()];
    let carrier: Headers = rest.split(|byte| *byte == b'\n').filter_map(|line| header(names, line)).collect();
    through_the_seam(&*format(), &carrier, names == EVERY_HEADER);
    as_values(rest);
});

fn header(names: &[&str], line: &[u8]) -> Option<(String, Vec<u8>)> {
    let (choice, rest) = line.split_first()?;
    if let Some(name) = names.get(usize::from(*choice) % (names.len() + 1)) {
        return Some(((*name).to_owned(), rest.to_vec()));
    }
    let colon = rest.iter().position(|byte| *byte == b':')?;
    Some((str::from_utf8(&rest[..colon]).ok()?.to_owned(), rest[colon + 1..].to_vec()))
}

fn through_the_seam(format: &dyn Propagator, carrier: &Headers, is_several: bool) {
    // Each part is as it was or was read.
    let mut read = Context::default();
    let outcome = format.extract(carrier, &mut read);
    let mut context = before();
    assert_eq!(format.extract(carrier, &mut context), outcome);
    assert_eq!(context.span, read.span.clone().or(before().span));
    assert_eq!(context.request_id, read.request_id.clone().or(before().request_id));
    let baggage = if read.baggage.is_empty() { before().baggage } else { read.baggage.clone() };
    assert_eq!(context.baggage, baggage);
    assert!(read.baggage.len() <= Baggage::MAX_ENTRIES);

    // What was read can be sent, and what that says is read the same from then on. Of several formats one
    // may not be able to say what the first one's winner said, so once is not enough; and of baggage they
    // have different limits and spellings of keys, which add up.
    let mut once = received(format, &sent(format, &read));
    if is_several {
        once.baggage = Baggage::EMPTY;
    }
    let lines = sent(format, &once);
    assert_eq!(sent(format, &received(format, &lines)), lines);
}

fn sent(format: &dyn Propagator, context: &Context) -> Headers {
    let mut lines = Headers::new();
    format.inject(context, &mut lines);
    assert!(lines.iter().all(|(_, line)| !line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))));
    lines
}

fn received(format: &dyn Propagator, lines: &Headers) -> Context {
    let mut context = Context::default();
    assert_eq!(format.extract(lines, &mut context), Ok(()));
    context
}

fn before() -> Context {
    let mut context = Context::default();
    let parent = b"00-11111111111111111111111111111111-2222222222222222-00";
    context.span = traceparent::parse(parent).ok();
    context.request_id = "before".parse().ok();
    context.baggage = Baggage::EMPTY.with("before", "1").unwrap();
    context
}

/// As a single value, which may have line feeds.
fn as_values(value: &[u8]) {
    if let Ok(span) = traceparent::parse(value) {
        assert_eq!(traceparent::parse(&traceparent::format(&span)), Ok(span));
    }
    if let Ok(b3::Received::Span(span)) = b3::parse(value) {
        let sent = b3::format(&span, &mut [0; b3::BYTES]).to_owned();
        assert_eq!(b3::parse(sent.as_bytes()), Ok(b3::Received::Span(span)));
    }
    if let Ok(span) = jaeger::parse(value) {
        let sent = jaeger::format(&span, &mut [0; jaeger::BYTES]).to_owned();
        assert_eq!(jaeger::parse(sent.as_bytes()), Ok(span));
    }
    if let Ok(Some(span)) = xray::parse(value) {
        let sent = xray::format(&span, &mut [0; xray::BYTES]).to_owned();
        assert_eq!(xray::parse(sent.as_bytes()), Ok(Some(span)));
    }
    if let Ok(Some(span)) = google_cloud::parse(value) {
        let sent = google_cloud::format(&span, &mut [0; google_cloud::BYTES]).to_owned();
        assert_eq!(google_cloud::parse(sent.as_bytes()), Ok(Some(span)));
    }
    if let Ok(state) = TraceState::from_lines([value]) {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    if let Ok(read) = baggage::parse([value]) {
        let sent = baggage::encode(&read);
        assert_eq!(baggage::parse([&sent.text]).unwrap().len() + sent.left_out, read.len());
    }
    if let Ok(id) = request_id::parse([value]) {
        assert_eq!(id.to_string().as_bytes(), value);
    }
    if let Ok(name) = service_name::parse([value]) {
        assert_eq!(service_name::check(name.as_bytes()), Ok(name));
    }
    for hops in 1..4 {
        // What is told stands in the header, and a host is told again as it was.
        if let Ok(Some(hop)) = forwarded::parse([value], hops)
            && let Some(host) = hop.host
        {
            assert_eq!(forwarded::parse_host([host], 1), Ok(Some(host)));
        }
        let _ = forwarded::parse_for([value], hops);
        let _ = forwarded::parse_proto([value], hops);
    }
}
