//! The way to the server (floor 3): its name, a socket, a proxy, TLS.

use super::{failure::CallFailure, tunnel};
use crate::transport::{
    client::{Failure, io_failure},
    endpoint::Endpoint,
    error::SetupError,
};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use ureq::Proxy;

/// Bytes there and back.
pub(super) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin {}

impl<P: AsyncRead + AsyncWrite + Send + Unpin> Pipe for P {}

/// HTTP/2 as TLS calls it [RFC 9113, 3.2].
const H2: &[u8] = b"h2";

pub(super) struct Route {
    host: String,
    port: u16,
    tls: Option<Secure>,
    proxy: Option<Tunnel>,
    timeout: Duration,
}

struct Secure {
    connector: TlsConnector,
    server: ServerName<'static>,
}

struct Tunnel {
    host: String,
    port: u16,
    tls: Option<Secure>,
    request: String,
}

impl Route {
    /// `tls` is needed if the endpoint or the proxy is `https`.
    pub(super) fn new(
        endpoint: &Endpoint,
        proxy: Option<Proxy>,
        tls: Option<ClientConfig>,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let (host, port) = (endpoint.host().to_owned(), endpoint.port());
        let proxy = match proxy {
            Some(proxy) => Some(Tunnel::new(&proxy, &host, port, tls.as_ref())?),
            None => None,
        };
        let tls = match tls.filter(|_| endpoint.is_secure()) {
            Some(mut config) => {
                config.alpn_protocols = vec![H2.to_vec()];
                Some(Secure::new(config, &host).ok_or(SetupError::Endpoint)?)
            }
            None => None,
        };
        Ok(Self { host, port, tls, proxy, timeout })
    }

    /// Connects anew.
    pub(super) async fn connect(&self) -> Result<Box<dyn Pipe>, CallFailure> {
        timeout(self.timeout, self.walk()).await.unwrap_or(Err(Failure::TimedOut.into()))
    }

    async fn walk(&self) -> Result<Box<dyn Pipe>, CallFailure> {
        let pipe: Box<dyn Pipe> = match &self.proxy {
            None => Box::new(reach(&self.host, self.port, self.timeout).await?),
            Some(proxy) => proxy.open(self.timeout).await?,
        };
        let Some(tls) = &self.tls else {
            return Ok(pipe);
        };
        let stream = tls.handshake(pipe).await?;
        if stream.get_ref().1.alpn_protocol() != Some(H2) {
            return Err(CallFailure::NotHttp2);
        }
        Ok(Box::new(stream))
    }
}

impl Secure {
    /// `None`, if this can be no server's name.
    fn new(config: ClientConfig, host: &str) -> Option<Self> {
        let server = ServerName::try_from(host.to_owned()).ok()?;
        Some(Self { connector: TlsConnector::from(Arc::new(config)), server })
    }

    async fn handshake(
        &self,
        pipe: Box<dyn Pipe>,
    ) -> Result<tokio_rustls::client::TlsStream<Box<dyn Pipe>>, Failure> {
        let handshake = self.connector.connect(self.server.clone(), pipe).await;
        handshake.map_err(|error| match io_failure(&error) {
            Failure::Unreachable | Failure::Broken => Failure::Handshake,
            failure => failure,
        })
    }
}

impl Tunnel {
    fn new(proxy: &Proxy, host: &str, port: u16, tls: Option<&ClientConfig>) -> Result<Self, SetupError> {
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let proxy_host = proxy.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match tls.filter(|_| proxy.uri().scheme_str() == Some("https")) {
            Some(config) => Some(Secure::new(config.clone(), &proxy_host).ok_or(SetupError::Proxy)?),
            None => None,
        };
        Ok(Self { host: proxy_host, port: proxy.port(), tls, request: tunnel::request(proxy, &target) })
    }

    async fn open(&self, within: Duration) -> Result<Box<dyn Pipe>, Failure> {
        let stream = reach(&self.host, self.port, within).await.map_err(|_| Failure::Proxy)?;
        let mut pipe: Box<dyn Pipe> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.handshake(Box::new(stream)).await?),
        };
        tunnel::open(&mut pipe, &self.request).await?;
        Ok(pipe)
    }
}

/// The first of a host's addresses that accepts. Each gets its share of the time, so that one that is silent
/// does not take all of it.
async fn reach(host: &str, port: u16, within: Duration) -> Result<TcpStream, Failure> {
    let addresses: Vec<_> = lookup_host((host, port)).await.map_err(|_| Failure::UnknownHost)?.collect();
    let share = within / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failure = Failure::UnknownHost;
    for address in addresses {
        failure = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // What cannot be set only makes it slower.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(_)) => Failure::Unreachable,
            Err(_) => Failure::TimedOut,
        };
    }
    Err(failure)
}
