//! TLS: who is trusted, who is not, and that nothing is sent to those who are not.

use crate::{
    environment::TestFile,
    server::{RETRY, Seen, answer_all, decision, export, numbered, ok, otlp_at, serve, wait_for_end},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{ffi::OsString, net::SocketAddr, sync::Arc, time::Duration};
use throughline::exporters::{Otlp, OtlpBuilder, SetupError};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, in PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

pub fn identity(authority: &Authority, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// Of a server that shows this certificate and, where an authority is given, wants one signed by it.
pub fn config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

fn server(identity: &Identity, clients: Option<&Authority>) -> (SocketAddr, Seen) {
    let config = Arc::new(config(identity, clients));
    serve(move |stream, seen| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        answer_all(&mut StreamOwned::new(connection, stream), seen, &|_: usize, _: &_| ok());
    })
}

fn trusting(authority: &Authority, address: SocketAddr) -> OtlpBuilder {
    otlp_at(&format!("https://localhost:{}", address.port())).root_certificates(authority.pem())
}

/// Expects a retry at once, a reason, and that no request has been made.
#[track_caller]
fn expect_refused(builder: OtlpBuilder, seen: &Seen, reason: &str) {
    let (result, took) = export(&mut builder.build().unwrap(), &numbered(1));
    let (decision, text) = result.unwrap_err();
    assert_eq!(decision, RETRY, "{text}");
    assert!(text.contains(reason), "{text}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(seen.requests().is_empty());
}

#[test]
fn an_authority_of_ones_own_is_trusted() {
    let ours = authority("ours");
    let (address, seen) = server(&identity(&ours, "localhost", |_| {}), None);
    let mut exporter = trusting(&ours, address).build().unwrap();
    for _ in 0..3 {
        assert_eq!(decision(&mut exporter, &numbered(2)), None);
    }
    assert_eq!((seen.requests().len(), seen.connections()), (3, 1));
}

#[test]
fn an_address_may_be_certified_as_well() {
    let ours = authority("ours");
    let (address, _) = server(&identity(&ours, "127.0.0.1", |_| {}), None);
    let mut exporter = otlp_at(&format!("https://{address}")).root_certificates(ours.pem()).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
}

#[test]
fn nobody_elses_authority_is_trusted() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let (address, seen) = server(&identity(&theirs, "localhost", |_| {}), None);
    expect_refused(trusting(&ours, address), &seen, "not signed by anyone");
}

#[test]
fn the_systems_authorities_do_not_know_ours() {
    let ours = authority("ours");
    let (address, seen) = server(&identity(&ours, "localhost", |_| {}), None);
    match otlp_at(&format!("https://localhost:{}", address.port())).build() {
        // A machine without any.
        Err(error) => assert!(matches!(error, SetupError::NoRootCertificates)),
        Ok(_) => expect_refused(
            otlp_at(&format!("https://localhost:{}", address.port())),
            &seen,
            "not signed by anyone",
        ),
    }
}

#[test]
fn a_certificate_that_has_expired_is_refused() {
    let ours = authority("ours");
    let expired = identity(&ours, "localhost", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let (address, seen) = server(&expired, None);
    expect_refused(trusting(&ours, address), &seen, "not valid now");
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_refused() {
    let ours = authority("ours");
    let early = identity(&ours, "localhost", |params| params.not_before = date_time_ymd(4000, 1, 1));
    let (address, seen) = server(&early, None);
    expect_refused(trusting(&ours, address), &seen, "not valid now");
}

#[test]
fn a_certificate_of_another_host_is_refused() {
    let ours = authority("ours");
    let (address, seen) = server(&identity(&ours, "collector.example", |_| {}), None);
    expect_refused(trusting(&ours, address), &seen, "another host");
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    const TIMEOUT: Duration = Duration::from_millis(400);
    let ours = authority("ours");
    for connect in [true, false] {
        let (address, _) = serve(|mut stream, _| wait_for_end(&mut stream));
        let builder = trusting(&ours, address);
        let builder = if connect { builder.connect_timeout(TIMEOUT) } else { builder.timeout(TIMEOUT) };
        let (result, took) = export(&mut builder.build().unwrap(), &numbered(1));
        let (decision, text) = result.unwrap_err();
        assert_eq!(decision, RETRY, "{text}");
        assert!(text.contains("in time"), "{text}");
        assert!(took >= TIMEOUT / 2 && took < Duration::from_secs(4), "{took:?}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_refused() {
    let ours = authority("ours");
    let (address, seen) = crate::server::serve(|mut stream, _| {
        use std::io::Write;
        let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        wait_for_end(&mut stream);
    });
    expect_refused(trusting(&ours, address), &seen, "handshake");
}

#[test]
fn a_client_shows_its_certificate() {
    let (ours, clients) = (authority("ours"), authority("clients"));
    let (address, seen) = server(&identity(&ours, "localhost", |_| {}), Some(&clients));
    let own = identity(&clients, "orders", |_| {});
    let mut exporter = trusting(&ours, address)
        .client_certificate(own.certificate.clone(), own.key.clone())
        .build()
        .unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
    assert_eq!(seen.requests().len(), 1);

    let strange = identity(&ours, "orders", |_| {});
    for builder in [
        trusting(&ours, address),
        trusting(&ours, address).client_certificate(strange.certificate, strange.key),
    ] {
        let (result, _) = export(&mut builder.build().unwrap(), &numbered(1));
        assert_eq!(result.unwrap_err().0, RETRY);
    }
    assert_eq!(seen.requests().len(), 1);
}

#[test]
fn certificates_come_from_files_that_variables_name() {
    let (ours, clients) = (authority("ours"), authority("clients"));
    let (address, _) = server(&identity(&ours, "localhost", |_| {}), Some(&clients));
    let own = identity(&clients, "orders", |_| {});
    let roots = TestFile::new("roots.pem", &ours.pem());
    let certificate = TestFile::new("certificate.pem", &own.certificate);
    let key = TestFile::new("key.pem", &own.key);
    let pairs = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://localhost:{}", address.port())),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", roots.path()),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.path()),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", key.path()),
    ];
    let lookup = move |name: &str| {
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    let mut exporter = Otlp::builder().environment(lookup).build().unwrap();
    assert_eq!(decision(&mut exporter, &numbered(1)), None);
}

#[test]
fn certificates_that_cannot_work_are_refused_at_once() {
    let ours = authority("ours");
    let (one, other) = (identity(&ours, "one", |_| {}), identity(&ours, "other", |_| {}));
    let build = |change: &dyn Fn(OtlpBuilder) -> OtlpBuilder| {
        let error = change(otlp_at("https://localhost:1").root_certificates(ours.pem())).build().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        error
    };
    for pem in ["", "canary", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n", &one.key]
    {
        let error = build(&|builder| builder.root_certificates(pem));
        assert!(matches!(error, SetupError::RootCertificates), "{error}");
    }
    for (certificate, key) in [
        (one.certificate.as_str(), other.key.as_str()),
        ("canary", &one.key),
        (&one.certificate, "canary"),
        (&one.key, &one.certificate),
    ] {
        let error = build(&|builder| builder.client_certificate(certificate, key));
        assert!(matches!(error, SetupError::ClientCertificate), "{error}");
    }
    let file = TestFile::new("half.pem", &one.certificate);
    let path = OsString::from(file.path());
    let half = Otlp::builder()
        .environment(move |name| (name == "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE").then(|| path.clone()))
        .endpoint("https://localhost:1")
        .root_certificates(ours.pem())
        .build();
    assert!(matches!(half.unwrap_err(), SetupError::HalfClientCertificate));
}
