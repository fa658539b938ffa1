//! What can be wrong with the settings of an exporter that sends by HTTP or gRPC (floor 3).

use crate::variables::InvalidVariable;
use std::io;

/// Why an exporter that sends by HTTP or gRPC could not be set up.
///
/// No text has a value in it: not of a variable, a header, or a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A variable of the environment does not say what it should.
    #[error(transparent)]
    Environment(#[from] InvalidVariable),
    /// The endpoint is no `http` or `https` URL with a host.
    #[error("the endpoint has to be an http or https URL with a host, such as http://localhost:4318")]
    Endpoint,
    /// The endpoint has user info, which would end up in logs along the way.
    #[error("the endpoint has a user in it: put the credentials into an authorization header")]
    EndpointCredentials,
    /// A header has a name or a value that HTTP does not allow.
    #[error("a header has a name or a value that HTTP does not allow")]
    Header,
    /// A header says what only the exporter can say, such as the body's length or, by gRPC, the connection's state.
    #[error(
        "the headers that describe the body, the connection or a gRPC call are the exporter's own to set"
    )]
    ReservedHeader,
    /// A timeout is zero.
    #[error("a timeout has to be longer than no time")]
    Timeout,
    /// The proxy is no `http` or `https` URL with a host.
    #[error("the proxy has to be an http or https URL with a host")]
    Proxy,
    /// The file that a variable names cannot be read.
    #[error("the file that the environment variable {variable} names cannot be read")]
    File {
        /// The variable.
        variable: &'static str,
        /// Why.
        source: io::Error,
    },
    /// There is no usable certificate in what was given as those to trust.
    #[error("the certificates to trust have to be PEM, at least one of them usable")]
    RootCertificates,
    /// The system has no certificates to trust.
    #[error("the system has no root certificates to trust: install them, or name your own")]
    NoRootCertificates,
    /// A client certificate without its key, or a key without its certificate.
    #[error("a client certificate needs its key, and the key its certificate")]
    HalfClientCertificate,
    /// The client certificate and its key are no PEM, or do not belong together.
    #[error("the client certificate and its key have to be PEM and belong together")]
    ClientCertificate,
}
