//! Headers that are recorded because they were named.

use crate::support::{BoxError, Traced};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::Empty;
use throughline::{SpanRecord, Value};
use tower::{Layer, ServiceExt, service_fn};

fn lines(span: &SpanRecord, key: &str) -> Option<Vec<String>> {
    match span.attribute(key)? {
        Value::Strs(lines) => Some(lines.iter().map(|line| line.to_string()).collect()),
        other => panic!("{key} is {other}"),
    }
}

fn of(lines: &[&str]) -> Option<Vec<String>> {
    Some(lines.iter().map(|line| (*line).to_owned()).collect())
}

/// The server's and the client's span of an exchange through both layers, which record these headers.
async fn exchange(
    names: &[HeaderName],
    request: http::request::Builder,
    response: fn() -> http::response::Builder,
) -> [SpanRecord; 2] {
    let traced = Traced::new();
    let names = || names.iter().cloned();
    let client = traced.client().record_request_headers(names()).record_response_headers(names());
    let server = traced.server().record_request_headers(names()).record_response_headers(names());
    let service = service_fn(move |_: Request<()>| async move {
        Ok::<_, BoxError>(response().body(Empty::<Bytes>::new())?)
    });
    server.layer(client.layer(service)).oneshot(request.body(()).unwrap()).await.unwrap();
    traced.spans(2).await.try_into().unwrap()
}

#[tokio::test]
async fn only_what_is_named_is_recorded_line_by_line() {
    let names = [header::ACCEPT, header::VARY, HeaderName::from_static("x-tenant")];
    let request = Request::get("/a")
        .header("accept", "text/html")
        .header("accept", "text/plain")
        .header("x-tenant", HeaderValue::from_bytes(b"b\xfcro").unwrap())
        .header("x-other", "1");
    let spans =
        exchange(&names, request, || Response::builder().header("vary", "accept").header("x-other", "1"));
    for span in spans.await {
        assert_eq!(lines(&span, "http.request.header.accept"), of(&["text/html", "text/plain"]));
        assert_eq!(lines(&span, "http.request.header.x-tenant"), of(&["b\u{fffd}ro"]));
        assert_eq!(lines(&span, "http.response.header.vary"), of(&["accept"]));
        let recorded = span.attributes().filter(|attribute| attribute.key.contains(".header."));
        assert_eq!(recorded.count(), 3, "{span:?}");
    }
}

#[tokio::test]
async fn secrets_are_never_in_clear() {
    let secret = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"];
    let names = secret.map(HeaderName::from_static);
    let request = secret.iter().fold(Request::get("/a"), |request, name| request.header(*name, "s3cret"));
    let response = || Response::builder().header("set-cookie", "a=s3cret").header("set-cookie", "b=s3cret");
    for span in exchange(&names, request, response).await {
        for name in secret {
            assert_eq!(lines(&span, &format!("http.request.header.{name}")), of(&["REDACTED"]));
        }
        assert_eq!(lines(&span, "http.response.header.set-cookie"), of(&["REDACTED", "REDACTED"]));
        assert!(!format!("{span:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn sensitive_values_and_secrets_in_urls_are_not_either() {
    let mut sensitive = HeaderValue::from_static("s3cret");
    sensitive.set_sensitive(true);
    let names = [HeaderName::from_static("x-pin"), header::REFERER, header::LOCATION];
    let request = Request::get("/a")
        .header("x-pin", sensitive)
        .header("referer", "https://ada:s3cret@shop.example/?token=s3cret&page=2");
    let response = || Response::builder().header("location", "/callback?code=s3cret&state=7");
    for span in exchange(&names, request, response).await {
        assert_eq!(lines(&span, "http.request.header.x-pin"), of(&["REDACTED"]));
        assert_eq!(
            lines(&span, "http.request.header.referer"),
            of(&["https://REDACTED:REDACTED@shop.example/?token=REDACTED&page=2"])
        );
        assert_eq!(lines(&span, "http.response.header.location"), of(&["/callback?code=REDACTED&state=7"]));
    }
}

#[tokio::test]
async fn grpc_calls_them_metadata() {
    let names = [HeaderName::from_static("x-tenant")];
    let request = Request::post("/shop.Stock/Take").version(http::Version::HTTP_2);
    let request = request.header("content-type", "application/grpc").header("x-tenant", "7");
    let response = || Response::builder().header("x-tenant", "8").header("grpc-status", "0");
    for span in exchange(&names, request, response).await {
        assert_eq!(lines(&span, "rpc.request.metadata.x-tenant"), of(&["7"]));
        assert_eq!(lines(&span, "rpc.response.metadata.x-tenant"), of(&["8"]));
    }
}

#[tokio::test]
async fn nothing_is_recorded_unless_named() {
    let request = Request::get("/a").header("accept", "text/html");
    for span in exchange(&[], request, || Response::builder().header("vary", "accept")).await {
        assert!(!span.attributes().any(|attribute| attribute.key.contains(".header.")), "{span:?}");
    }
}
