//! What the layers allocate for hostile headers, and that nothing in them grows with what is asked.

use crate::{HELD, MEBIBYTE, PARENT, allocated_by};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Empty;
use std::{
    convert::Infallible,
    env,
    future::Future,
    net::SocketAddr,
    pin::pin,
    process::Command,
    sync::atomic::Ordering,
    task::{Context, Poll, Waker},
    time::Duration,
};
use throughline::{
    Tracer,
    middleware::{
        ClientLayer, Forwarded, ServerLayer,
        trust::{Condition, EdgeHeader, FirstMatch, PathPrefix, PrivatePeer, Trust},
    },
    propagation::{Composite, Propagator, forwarded},
};
use tower::{Layer, Service, service_fn};

type Body = Empty<bytes::Bytes>;

fn header_map(lines: impl IntoIterator<Item = (String, Vec<u8>)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::try_from(name).unwrap();
        let _full =
            headers.try_append(name, HeaderValue::from_maybe_shared(bytes::Bytes::from(value)).unwrap());
    }
    headers
}

/// Header sets of up to 1 MiB that are good for nothing, some of them of so many lines.
fn hostile(lines: usize) -> Vec<HeaderMap> {
    let names =
        ["traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "forwarded", "x-forwarded-for"];
    let patterns = ["a", ",", "a=b,", "%FF", "k=v;p,", "for=\"", "for=_a,", "1.2.3.4,", "00-", "\\\""];
    let mut sets = Vec::new();
    for pattern in patterns {
        let part = MEBIBYTE / names.len();
        let long = names.map(|name| (name.to_owned(), pattern.repeat(part / pattern.len()).into_bytes()));
        let capped = names.map(|name| (name.to_owned(), pattern.repeat(8_000 / pattern.len()).into_bytes()));
        let many = (0..lines).map(|number| (names[number % names.len()].to_owned(), pattern.into()));
        sets.extend([header_map(long), header_map(capped), header_map(many)]);
    }
    sets.push(header_map((0..30_000).map(|number| (format!("uberctx-k{number}"), b"v".to_vec()))));
    sets
}

#[test]
fn a_header_map_is_read_with_as_little() {
    let good = header_map([("traceparent".to_owned(), PARENT.as_bytes().to_vec())]);
    let mut context = throughline::Context::default();
    assert_eq!(
        allocated_by(|| Composite::default().extract(&good, &mut context).unwrap()).0,
        4,
        "its two formats"
    );
    let default = Composite::default();
    assert_eq!(allocated_by(|| default.extract(&good, &mut context).unwrap()), (0, 0));

    let all = Composite::from_names("tracecontext,baggage,b3,jaeger").unwrap();
    for headers in hostile(20_000) {
        let (allocations, bytes) = allocated_by(|| all.extract(&headers, &mut context));
        assert!(allocations <= 8 && bytes <= 2 * 8_192, "{allocations} allocations, {bytes} bytes");
    }
}

#[test]
fn what_proxies_say_is_read_without_allocating() {
    let lines = ["for=192.0.2.1;host=shop.example;proto=https, for=\"[2001:db8::1]:80\""; 8];
    assert_eq!(allocated_by(|| forwarded::parse(lines, 1).unwrap()), (0, 0));
    assert_eq!(allocated_by(|| forwarded::parse_for(["192.0.2.1, 192.0.2.2"], 1).unwrap()), (0, 0));
    assert_eq!(allocated_by(|| forwarded::parse(["for"], 1)), (0, 0));
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here has to be waited for"),
    }
}

/// Both layers with all that can be switched on, around a service that is always ready.
fn layered(
    tracer: &Tracer,
) -> impl Service<Request<Body>, Response = Response<impl Sized + use<>>, Error = Infallible> + use<> {
    let edge = EdgeHeader::new(HeaderName::from_static("x-edge-key"), "secret");
    let policy = FirstMatch::new()
        .when(PathPrefix::new("/hooks"), Trust::Ignore)
        .when(PrivatePeer.and(edge.clone()), Trust::Continue)
        .when(PrivatePeer, Trust::Restart);
    let formats = || Composite::from_names("tracecontext,baggage,b3,jaeger").unwrap();
    let client = ClientLayer::new(tracer).propagator(formats()).record_baggage(["tenant"]);
    let server = ServerLayer::new(tracer)
        .propagator(formats())
        .trust(policy)
        .forwarded(Forwarded::by_standard(PrivatePeer))
        .record_baggage(["tenant"]);
    server.layer(
        client.layer(service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(Body::default()))
        })),
    )
}

fn tracer() -> Tracer {
    Tracer::builder("orders").environment(|_| None).diagnostics(|_| ()).build().unwrap()
}

fn request(headers: HeaderMap) -> Request<Body> {
    let mut request = Request::get("http://stock/items").body(Body::default()).unwrap();
    *request.headers_mut() = headers;
    request.extensions_mut().insert(SocketAddr::from(([10, 0, 0, 9], 4711)));
    request
}

#[test]
fn hostile_headers_cost_the_layers_little_more_than_none() {
    let tracer = tracer();
    let mut service = layered(&tracer);
    let mut exchange = |headers: HeaderMap| {
        let request = request(headers);
        allocated_by(|| drop(now(service.call(request))))
    };
    for _ in 0..20 {
        exchange(HeaderMap::new());
    }
    let (allocations, bytes) = exchange(HeaderMap::new());
    // To take a line away costs the map more in a debug build the more there are.
    for headers in hostile(1_000) {
        let keys = headers.keys_len();
        let (more, larger) = exchange(headers);
        assert!(more <= allocations + 24, "{more} allocations, {allocations} for no headers");
        // What is written may make the map grow, which is the map's own.
        let growth = if keys > 1_000 { 8 * MEBIBYTE } else { 16_384 };
        assert!(larger <= bytes + growth, "{larger} bytes, {bytes} for no headers, {keys} names");
    }
    assert!(tracer.shutdown(Duration::from_secs(30)).is_complete());
}

/// Asks for as many paths, methods, hosts, ids, callers and tenants as there are requests.
fn ask_for_ever_more(requests: std::ops::Range<usize>, tracer: &Tracer) {
    let mut service = layered(tracer);
    for number in requests {
        let mut request = request(header_map([
            ("host".to_owned(), format!("h{number}.example").into_bytes()),
            ("x-request-id".to_owned(), format!("id-{number}").into_bytes()),
            ("x-service-name".to_owned(), format!("caller-{number}").into_bytes()),
            ("x-edge-key".to_owned(), b"secret".to_vec()),
            ("baggage".to_owned(), format!("tenant=t{number}").into_bytes()),
            ("tracestate".to_owned(), format!("v{number}=1").into_bytes()),
            ("traceparent".to_owned(), format!("00-{:032x}-{:016x}-01", number + 1, number + 1).into_bytes()),
            ("forwarded".to_owned(), format!("host=f{number}.example").into_bytes()),
        ]));
        *request.uri_mut() = format!("http://stock/{number}/items?page={number}").parse().unwrap();
        *request.method_mut() = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        drop(now(service.call(request)));
        // Often, so that what waits is little even where the collector is held up.
        if number % 100 == 0 {
            assert!(tracer.flush(Duration::from_secs(30)).is_complete());
        }
    }
    assert!(tracer.flush(Duration::from_secs(30)).is_complete());
}

/// In a process of its own, where no other test holds memory, with 25,000 requests.
#[test]
fn nothing_grows_with_what_is_asked_for() {
    let alone = ["--exact", "layers::nothing_grows_with_a_million_paths_and_methods", "--ignored"];
    let ran = Command::new(env::current_exe().unwrap()).args(alone).env(REQUESTS, "25000").output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

const REQUESTS: &str = "REQUESTS";

/// `cargo test --release --test propagation_alloc -- --ignored a_million`.
#[test]
#[ignore = "long, and to be run alone"]
fn nothing_grows_with_a_million_paths_and_methods() {
    let requests = env::var(REQUESTS).map_or(1_000_000, |requests| requests.parse().unwrap());
    let tracer = tracer();
    ask_for_ever_more(0..5_000, &tracer);
    let before = HELD.load(Ordering::Relaxed);
    ask_for_ever_more(5_000..requests, &tracer);
    let grown = HELD.load(Ordering::Relaxed) - before;
    // Spare buffers come and go; a path kept for each request would be more by far.
    assert!(grown < 512 * 1024, "{grown} bytes more after {requests} requests");
    println!("{grown} bytes more after {requests} requests");
    assert!(tracer.shutdown(Duration::from_secs(30)).is_complete());
}
