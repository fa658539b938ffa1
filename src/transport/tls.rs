//! Certificates (floor 3): whom to trust, and who one is.

use super::error::SetupError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
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
        let (roots, identity) = (self.roots()?, self.identity()?);
        let own = match (&identity, &self.key) {
            (Some((chain, _)), Some(key)) => {
                let key = PrivateKey::from_pem(key).map_err(|_| SetupError::ClientCertificate)?;
                Some(ClientCert::new_with_certs(&certificates(chain), key))
            }
            _ => None,
        };
        let trusted = RootCerts::new_with_certs(&certificates(&roots));
        // The client would only find out in the handshake that a certificate and a key do not belong together,
        // and panic.
        configure(roots, identity)?;
        Ok(TlsConfig::builder()
            .root_certs(trusted)
            .client_cert(own)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build())
    }

    /// Whom to trust: at least one that can be used.
    pub(super) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, SetupError> {
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
        Ok(certificates)
    }

    pub(super) fn identity(&self) -> Result<Option<Identity>, SetupError> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => return Err(SetupError::HalfClientCertificate),
        };
        let chain = read_certificates(certificate).ok_or(SetupError::ClientCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| SetupError::ClientCertificate)?;
        Ok(Some((chain, key)))
    }
}

/// A certificate with those up to its authority, and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Whom to trust, and who one is, for a handshake. Certificates among the roots that cannot be used are left out.
pub(super) fn configure(
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
) -> Result<ClientConfig, SetupError> {
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(roots);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| SetupError::RootCertificates)?
        .with_root_certificates(trusted);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|_| SetupError::ClientCertificate)
        }
    }
}

fn certificates(list: &[CertificateDer<'static>]) -> Vec<Certificate<'static>> {
    list.iter().map(|one| Certificate::from_der(one).to_owned()).collect()
}

/// At least one, or `None`.
fn read_certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    Some(certificates).filter(|certificates| !certificates.is_empty())
}
