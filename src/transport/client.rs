//! A request and what became of it (floor 3).

use super::{
    answer::{Answer, Unreadable},
    endpoint::Endpoint,
};
use crate::panics::caught;
use flate2::{Compression, write::GzEncoder};
use std::{
    fmt,
    io::{self, Write},
};
use ureq::{
    Agent,
    http::{
        HeaderName, HeaderValue,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};

/// Memory kept for the next body; one huge batch must not stay forever.
const KEPT_BYTES: usize = 1 << 20;

/// Why there is no answer. Constant texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the server could not be reached")]
    Unreachable,
    #[error("the server's name is not known")]
    UnknownHost,
    #[error("the system has no thread left to look the server's name up on")]
    NoThread,
    #[error("the server did not answer in time")]
    TimedOut,
    #[error("the proxy would not connect to the server")]
    Proxy,
    #[error("the TLS handshake failed")]
    Handshake,
    #[error("the server's certificate is not valid now")]
    CertificateNotValidNow,
    #[error("the server's certificate is for another host")]
    CertificateOfAnotherHost,
    #[error("the server's certificate is not signed by anyone who is trusted")]
    CertificateNotTrusted,
    #[error("the connection broke before the whole answer was there")]
    Broken,
    #[error("the answer is not HTTP")]
    NotHttp,
    #[error("the answer is longer than any that makes sense")]
    AnswerTooLarge,
    #[error("the answer is not packed as it says")]
    AnswerGarbled,
}

impl Failure {
    /// May the same request succeed later? An answer that is too long or garbled came after a success.
    pub(crate) const fn may_pass(self) -> bool {
        !matches!(self, Self::AnswerTooLarge | Self::AnswerGarbled)
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::TooLarge => Self::AnswerTooLarge,
            Unreadable::Garbled => Self::AnswerGarbled,
            Unreadable::Io(error) => broken_answer(error),
        }
    }
}

/// Sends bodies to one address and keeps the connection open in between.
pub(crate) struct Client {
    agent: Agent,
    endpoint: Endpoint,
    headers: Vec<(HeaderName, HeaderValue)>,
    is_packed: bool,
    packed: Vec<u8>,
}

impl Client {
    pub(super) const fn new(
        agent: Agent,
        endpoint: Endpoint,
        headers: Vec<(HeaderName, HeaderValue)>,
        is_packed: bool,
    ) -> Self {
        Self { agent, endpoint, headers, is_packed, packed: Vec::new() }
    }

    /// Closes the connection for good, from any thread: a request under way fails at once, or once it is
    /// connected, and so does any other.
    pub(crate) fn closer(&self) -> impl Fn() + Send + Sync + use<> {
        let agent = self.agent.clone();
        move || agent.clone().shutdown()
    }

    /// Sends a body and waits for the answer, no longer than the timeout.
    pub(crate) fn post(&mut self, content_type: &'static str, body: &[u8]) -> Result<Answer, Failure> {
        let mut request = self.agent.post(self.endpoint.uri()).header(CONTENT_TYPE, content_type);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        self.packed.clear();
        let response = if self.is_packed {
            pack(body, &mut self.packed).map_err(|_| Failure::Broken)?;
            let request = request.header(CONTENT_ENCODING, "gzip");
            unless_it_panics(|| request.send(self.packed.as_slice()))
        } else {
            unless_it_panics(|| request.send(body))
        };
        self.packed.clear();
        self.packed.shrink_to(KEPT_BYTES);
        let response = response.ok_or(Failure::NoThread)?.map_err(|error| failure(&error))?;
        Ok(Answer::read(response)?)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .field("gzip", &self.is_packed)
            .finish_non_exhaustive()
    }
}

/// Runs a part of a library that panics when the system starts no thread for the look-up of a name. That may pass,
/// and must not cost the batch.
pub(super) fn unless_it_panics<T>(call: impl FnOnce() -> T) -> Option<T> {
    caught(call)
}

/// Appends the body, gzipped at the fastest level: the processor is the host's.
pub(super) fn pack(body: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(packed, Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(drop)
}

fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(_) => Failure::TimedOut,
        ureq::Error::HostNotFound => Failure::UnknownHost,
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => Failure::Proxy,
        ureq::Error::Rustls(error) => handshake(error),
        ureq::Error::Tls(_) | ureq::Error::TlsRequired | ureq::Error::Pem(_) => Failure::Handshake,
        ureq::Error::Io(error) => io_failure(error),
        ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) | ureq::Error::Http(_) => {
            Failure::NotHttp
        }
        _ => Failure::Unreachable,
    }
}

pub(super) fn io_failure(error: &io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match (tls, error.kind()) {
        (Some(error), _) => handshake(error),
        (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => Failure::TimedOut,
        (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            Failure::Broken
        }
        _ => Failure::Unreachable,
    }
}

fn handshake(error: &rustls::Error) -> Failure {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
    };
    match error {
        rustls::Error::InvalidCertificate(error) => match error {
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
                Failure::CertificateNotValidNow
            }
            NotValidForName | NotValidForNameContext { .. } => Failure::CertificateOfAnotherHost,
            _ => Failure::CertificateNotTrusted,
        },
        _ => Failure::Handshake,
    }
}

fn broken_answer(error: io::Error) -> Failure {
    match ureq::Error::from(error) {
        ureq::Error::Timeout(_) => Failure::TimedOut,
        ureq::Error::Protocol(_) => Failure::NotHttp,
        _ => Failure::Broken,
    }
}
