//! The exporters' contract, with a server at the far end.

use crate::{
    parts,
    server::{Request, Seen, answer, answering, ok, otlp},
};
use throughline::{
    SpanId,
    exporters::{OtlpEncoding, Zipkin},
    testing::ExporterContract,
};

/// What has arrived at a server, read anew each time.
fn arrived(seen: &Seen, ids: impl Fn(&Request) -> Vec<u64>) -> Vec<SpanId> {
    seen.requests().iter().flat_map(ids).map(|id| SpanId::from_u64(id).unwrap()).collect()
}

#[test]
fn otlp_keeps_the_contract() {
    for (encoding, gzip, most_bytes) in [
        (OtlpEncoding::Protobuf, false, 4 << 20),
        (OtlpEncoding::Protobuf, true, 10_000),
        (OtlpEncoding::Json, false, 10_000),
    ] {
        ExporterContract::new(move || {
            let (address, seen) = answering(|_, _| ok());
            let builder = otlp(address).encoding(encoding).gzip(gzip).max_request_bytes(most_bytes);
            (builder.build().unwrap(), move || arrived(&seen, readable_ids))
        })
        .failing(move || {
            // Every third request.
            let is_away = |number: usize| number % 3 == 1;
            let (address, seen) =
                answering(move |number, _| if is_away(number) { answer(503, &[], b"") } else { ok() });
            let builder = otlp(address).encoding(encoding).gzip(gzip).max_request_bytes(3_000);
            let taken = move || {
                let requests = seen.requests();
                let taken = requests.iter().enumerate().filter(|(number, _)| !is_away(*number));
                let ids = taken.flat_map(|(_, request)| parts::ids(request));
                ids.map(|id| SpanId::from_u64(id).unwrap()).collect()
            };
            (builder.build().unwrap(), taken)
        })
        .check();
    }
}

/// `opentelemetry-proto` reads no `NaN` in JSON, which the specification has.
fn readable_ids(request: &Request) -> Vec<u64> {
    let mut request = request.clone();
    if request.header("content-type") == Some("application/json") {
        let mut text = String::from_utf8(request.body).unwrap();
        for name in ["NaN", "Infinity", "-Infinity"] {
            text = text.replace(&format!(r#""doubleValue":"{name}""#), r#""doubleValue":0.5"#);
        }
        request.body = text.into_bytes();
    }
    parts::ids(&request)
}

#[test]
fn zipkin_keeps_the_contract() {
    ExporterContract::new(|| {
        let (address, seen) = answering(|_, _| answer(202, &[], b""));
        let endpoint = format!("http://{address}/api/v2/spans");
        let zipkin = Zipkin::builder().environment(|_| None).endpoint(endpoint).max_request_bytes(100_000);
        (zipkin.build().unwrap(), move || arrived(&seen, zipkin_ids))
    })
    .check();
}

fn zipkin_ids(request: &Request) -> Vec<u64> {
    let spans: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
    spans.iter().map(|span| u64::from_str_radix(span["id"].as_str().unwrap(), 16).unwrap()).collect()
}
