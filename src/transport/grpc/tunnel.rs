//! A proxy that is asked to connect (floor 3) [RFC 9110, 9.3.6].

use crate::transport::client::Failure;
use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ureq::Proxy;

/// The head of an answer that makes sense is not longer.
const MOST_BYTES: usize = 16 << 10;

/// The request for a way to this host and port; the user info of the proxy's URL goes with it.
pub(super) fn request(proxy: &Proxy, target: &str) -> String {
    let mut text = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if proxy.username().is_some() || proxy.password().is_some() {
        let (user, password) = (proxy.username().unwrap_or_default(), proxy.password().unwrap_or_default());
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        text = text + "Proxy-Authorization: Basic " + &credentials + "\r\n";
    }
    text + "\r\n"
}

/// Makes what comes and goes from here on the server's.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
) -> Result<(), Failure> {
    stream.write_all(request.as_bytes()).await.map_err(|_| Failure::Proxy)?;
    stream.flush().await.map_err(|_| Failure::Proxy)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: the next ones may be the server's already.
        let byte = stream.read_u8().await.map_err(|_| Failure::Proxy)?;
        head.push(byte);
        if head.len() > MOST_BYTES {
            return Err(Failure::Proxy);
        }
    }
    let mut words = head.split(|byte| *byte == b' ');
    let is_http = words.next().is_some_and(|word| word.starts_with(b"HTTP/1."));
    let is_success = words.next().is_some_and(|status| matches!(status, [b'2', _, _]));
    (is_http && is_success).then_some(()).ok_or(Failure::Proxy)
}
