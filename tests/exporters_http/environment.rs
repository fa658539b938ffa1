//! Settings from `OTEL_EXPORTER_*` variables, and what is wrong with them.

use crate::server::{Seen, answering, decision, numbered, ok};
use std::{ffi::OsString, fs, path::PathBuf, time::Duration};
use throughline::{
    export::Exporter,
    exporters::{Otlp, OtlpBuilder, OtlpEncoding, SetupError, Zipkin, ZipkinBuilder},
};

pub type Pairs = Vec<(&'static str, String)>;

pub fn lookup(pairs: Pairs) -> impl Fn(&str) -> Option<OsString> + Send + 'static {
    move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
}

fn otlp(pairs: Pairs) -> OtlpBuilder {
    Otlp::builder().environment(lookup(pairs))
}

fn zipkin(pairs: Pairs) -> ZipkinBuilder {
    Zipkin::builder().environment(lookup(pairs))
}

/// A server, and its URL.
fn server() -> (String, Seen) {
    let (address, seen) = answering(|_, _| ok());
    (format!("http://{address}"), seen)
}

fn send(exporter: &mut dyn Exporter) {
    assert_eq!(decision(exporter, &numbered(1)), None);
}

/// What the OTLP exporter of these variables sends: the request's line and headers.
fn sent(seen: &Seen, builder: OtlpBuilder) -> crate::server::Request {
    send(&mut builder.build().unwrap());
    seen.requests().pop().unwrap()
}

#[test]
fn the_endpoint_gets_a_path_and_that_for_traces_is_taken_as_it_is() {
    let (url, seen) = server();
    let line = |pairs: Pairs| sent(&seen, otlp(pairs)).line;
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    assert_eq!(line(vec![(ALL, url.clone())]), "POST /v1/traces HTTP/1.1");
    assert_eq!(line(vec![(ALL, format!("{url}/otlp//"))]), "POST /otlp/v1/traces HTTP/1.1");
    assert_eq!(line(vec![(ALL, format!(" {url}/?x=1"))]), "POST /v1/traces?x=1 HTTP/1.1");
    assert_eq!(line(vec![(TRACES, url.clone())]), "POST / HTTP/1.1");
    assert_eq!(
        line(vec![(TRACES, format!("{url}/in?x=1")), (ALL, "http://127.0.0.1:1".to_owned())]),
        "POST /in?x=1 HTTP/1.1"
    );
    let by_code = otlp(vec![(TRACES, "http://127.0.0.1:1".to_owned())]).endpoint(url);
    assert_eq!(sent(&seen, by_code).line, "POST /v1/traces HTTP/1.1");
}

#[test]
fn headers_are_decoded_and_replaced_by_name_from_code() {
    let (url, seen) = server();
    const ALL: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    let pairs =
        |name, value: &str| vec![("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()), (name, value.to_owned())];
    let request = sent(&seen, otlp(pairs(ALL, " x-key = a%2Cb%3D=c ,, Authorization=Bearer%20t")));
    assert_eq!(request.header("x-key"), Some("a,b==c"));
    assert_eq!(request.header("authorization"), Some("Bearer t"));

    let request = sent(&seen, otlp(pairs(ALL, "x-key=1,x-other=2")).header("X-Key", "3"));
    assert_eq!((request.header("x-key"), request.header("x-other")), (Some("3"), Some("2")));

    let mut both = pairs(ALL, "x-key=1");
    both.push(("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-other=2".to_owned()));
    let request = sent(&seen, otlp(both));
    assert_eq!((request.header("x-key"), request.header("x-other")), (None, Some("2")));
}

#[test]
fn protocol_and_compression_have_variants_for_traces_and_give_way_to_code() {
    let (url, seen) = server();
    let pairs = |more: &[(&'static str, &str)]| {
        let mut pairs = vec![("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone())];
        pairs.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        pairs
    };
    let form = |builder| {
        let request = sent(&seen, builder);
        let header = |name| request.header(name).map(str::to_owned);
        (header("content-type").unwrap(), header("content-encoding"))
    };
    let (protobuf, json) = ("application/x-protobuf".to_owned(), "application/json".to_owned());
    let gzip = Some("gzip".to_owned());
    const PROTOCOL: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    const PACKED: (&str, &str) = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    assert_eq!(form(otlp(pairs(&[]))), (protobuf.clone(), None));
    assert_eq!(form(otlp(pairs(&[PROTOCOL, PACKED]))), (json, gzip.clone()));
    let for_traces = [
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
    ];
    let all = [&[PROTOCOL, PACKED], &for_traces[..]].concat();
    assert_eq!(form(otlp(pairs(&all))), (protobuf.clone(), None));
    let by_code = otlp(pairs(&[PROTOCOL])).encoding(OtlpEncoding::Protobuf).gzip(true);
    assert_eq!(form(by_code), (protobuf, gzip));
}

#[test]
fn timeouts_are_milliseconds() {
    let (address, _) = crate::server::serve(|mut stream, _| crate::server::wait_for_end(&mut stream));
    let url = format!("http://{address}");
    let took = |exporter: &mut dyn Exporter| {
        let (result, took) = crate::server::export(exporter, &numbered(1));
        assert_eq!(result.unwrap_err().0, crate::server::RETRY);
        assert!(took < Duration::from_secs(4), "{took:?}");
        took
    };
    let pairs = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.clone()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000".to_owned()),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "150".to_owned()),
    ];
    assert!(took(&mut otlp(pairs).build().unwrap()) >= Duration::from_millis(100));
    let pairs =
        vec![("OTEL_EXPORTER_ZIPKIN_ENDPOINT", url), ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "150".to_owned())];
    assert!(took(&mut zipkin(pairs).build().unwrap()) >= Duration::from_millis(100));
}

#[test]
fn zipkin_has_its_own_endpoint() {
    let (url, seen) = server();
    let pairs = vec![("OTEL_EXPORTER_ZIPKIN_ENDPOINT", format!("{url}/api/v2/spans"))];
    send(&mut zipkin(pairs).build().unwrap());
    assert_eq!(seen.requests()[0].line, "POST /api/v2/spans HTTP/1.1");
}

#[test]
fn a_variable_that_says_nothing_sensible_is_named_and_not_quoted() {
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:canary@a.example"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://canary"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=%zzcanary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=%0d%0acanary"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a canary=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "content-length=7,x=canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "canary"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/canary"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/nowhere/canary"),
        ("http_proxy", "socks5://canary"),
    ] {
        let mut builder = otlp(vec![(variable, value.to_owned())]);
        if variable == "http_proxy" {
            // For this machine there is none.
            builder = builder.traces_endpoint("http://a.example");
        }
        let error = builder.build().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            error.to_string().contains(variable) && !shown.contains("canary"),
            "{variable}={value}: {shown}"
        );
    }
    for variable in ["OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT"] {
        let error = zipkin(vec![(variable, "canary".to_owned())]).build().unwrap_err();
        assert!(error.to_string().contains(variable) && !format!("{error} {error:?}").contains("canary"));
    }
}

#[test]
fn what_is_replaced_need_not_make_sense() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (pem, key) = (certificate.cert.pem(), certificate.signing_key.serialize_pem());
    let identity = (pem.clone(), key);
    type Change = Box<dyn Fn(OtlpBuilder) -> OtlpBuilder>;
    let changes: Vec<(&'static str, &str, Change)> = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", Box::new(|to| to.endpoint("http://localhost"))),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "?", Box::new(|to| to.traces_endpoint("http://localhost"))),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary", Box::new(|to| to.encoding(OtlpEncoding::Json))),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary", Box::new(OtlpBuilder::grpc)),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", Box::new(|to| to.timeout(Duration::from_secs(1)))),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", Box::new(|to| to.gzip(false))),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere", Box::new(move |to| to.root_certificates(pem.clone()))),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
            "/nowhere",
            Box::new(move |to| to.client_certificate(identity.0.clone(), identity.1.clone())),
        ),
    ];
    for (variable, value, change) in &changes {
        let read = || otlp(vec![(variable, (*value).to_owned())]);
        assert!(change(read()).build().is_ok(), "{variable}={value} has been replaced");
        assert!(read().build().is_err(), "{variable}={value} has not");
        for (other, _, change) in &changes {
            let is_replaced = other.trim_start_matches("OTEL_EXPORTER_OTLP_TRACES_")
                == variable.trim_start_matches("OTEL_EXPORTER_OTLP_TRACES_")
                || other.ends_with("ENDPOINT") && variable.ends_with("ENDPOINT");
            assert_eq!(change(read()).build().is_ok(), is_replaced, "{variable}={value}, and not {other}");
        }
    }
    let zipkin = zipkin(vec![
        ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "canary".to_owned()),
        ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", "canary".to_owned()),
    ]);
    assert!(zipkin.endpoint("http://localhost").timeout(Duration::from_secs(1)).build().is_ok());
}

/// A variable for traces alone wins over what nobody understands.
#[test]
fn a_variable_for_traces_wins_over_any_other() {
    for (all, traces, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://localhost"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"),
    ] {
        let build = |all_says: &str, traces_says: &str| {
            otlp(vec![(all, all_says.to_owned()), (traces, traces_says.to_owned())]).build()
        };
        assert!(build("?", value).is_ok(), "{traces}");
        assert!(build("?", "").is_err() && build(value, "?").is_err(), "{traces}");
    }
}

#[test]
fn empty_variables_are_as_if_not_set() {
    let names = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "http_proxy",
    ];
    let exporter = otlp(names.map(|name| (name, String::new())).to_vec()).build().unwrap();
    let shown = format!("{exporter:?}");
    assert!(shown.contains("http://localhost:4318/v1/traces"), "{shown}");
    let shown = format!("{:?}", zipkin(Vec::new()).build().unwrap());
    assert!(shown.contains("http://localhost:9411/api/v2/spans"), "{shown}");
}

#[test]
fn settings_in_code_are_checked() {
    let error = |builder: OtlpBuilder| builder.environment(|_| None).build().unwrap_err();
    assert!(matches!(error(Otlp::builder().endpoint("canary")), SetupError::Endpoint));
    assert!(matches!(error(Otlp::builder().traces_endpoint("http://")), SetupError::Endpoint));
    assert!(matches!(error(Otlp::builder().endpoint("http://u:p@h")), SetupError::EndpointCredentials));
    assert!(matches!(error(Otlp::builder().header("a b", "1")), SetupError::Header));
    assert!(matches!(error(Otlp::builder().header("a", "1\r\nb: 2")), SetupError::Header));
    assert!(matches!(
        error(Otlp::builder().header("Content-Type", "text/plain")),
        SetupError::ReservedHeader
    ));
    assert!(matches!(error(Otlp::builder().timeout(Duration::ZERO)), SetupError::Timeout));
    assert!(matches!(error(Otlp::builder().connect_timeout(Duration::ZERO)), SetupError::Timeout));
    assert!(matches!(error(Otlp::builder().proxy(Some("socks5://p"))), SetupError::Proxy));
}

/// A file of a test's own, which goes with it.
pub struct TestFile(PathBuf);

impl TestFile {
    pub fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("throughline-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    pub fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}
