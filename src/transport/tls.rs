//! Certificates (floor 3): whom to trust, and who one is.

use super::error::SetupError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::sync::Arc;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// The texts of PEM files.
#[derive(Clone, Default)]
pub(super) struct Credentials {
    /// Whom to trust instead of the system's roots.
    pub(super) roots: Option<Vec<u8>>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
}

impl Credentials {
    /// All that could fail here fails here, not at the first handshake.
    pub(super) fn resolve(&self) -> Result<TlsConfig, SetupError> {
        let provider = Arc::new(ring::default_provider());
        let roots = self.roots()?;
        let identity = self.identity(&provider)?;
        Ok(TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .client_cert(identity)
            .unversioned_rustls_crypto_provider(provider)
            .build())
    }

    fn roots(&self) -> Result<Vec<Certificate<'static>>, SetupError> {
        let (certificates, none) = match &self.roots {
            Some(pem) => {
                (read_certificates(pem).ok_or(SetupError::RootCertificates)?, SetupError::RootCertificates)
            }
            None => (rustls_native_certs::load_native_certs().certs, SetupError::NoRootCertificates),
        };
        let (usable, _) = RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
        if usable == 0 {
            return Err(none);
        }
        Ok(certificates.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
    }

    fn identity(&self, provider: &Arc<CryptoProvider>) -> Result<Option<ClientCert>, SetupError> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => return Err(SetupError::HalfClientCertificate),
        };
        let chain = read_certificates(certificate).ok_or(SetupError::ClientCertificate)?;
        let der = PrivateKeyDer::from_pem_slice(key).map_err(|_| SetupError::ClientCertificate)?;
        // The client would only find out in the handshake that they do not belong together, and panic.
        ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|_| SetupError::ClientCertificate)?
            .with_root_certificates(RootCertStore::empty())
            .with_client_auth_cert(chain.clone(), der)
            .map_err(|_| SetupError::ClientCertificate)?;
        let chain: Vec<_> = chain.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
        let key = PrivateKey::from_pem(key).map_err(|_| SetupError::ClientCertificate)?;
        Ok(Some(ClientCert::new_with_certs(&chain, key)))
    }
}

/// At least one, or `None`.
fn read_certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}
