//! One call on a connection (floor 3) [gRPC over HTTP/2].

use super::{
    failure::CallFailure,
    state::{Code, Reply},
};
use crate::transport::{
    answer::{MOST_BYTES, unpack},
    client::Failure,
};
use bytes::Bytes;
use h2::{RecvStream, SendStream, client::SendRequest};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};
use ureq::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
};

/// The length of a message's prefix: a flag, and how long the message is.
pub(super) const PREFIX: usize = 5;

/// What is the same in every call.
pub(super) struct Head {
    pub(super) uri: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) is_packed: bool,
}

/// Why a call on a connection came to nothing.
pub(super) enum Lost {
    /// The connection, and not the server's answer, was at fault: another one may do.
    Connection(CallFailure),
    Answer(CallFailure),
}

impl From<h2::Error> for Lost {
    fn from(error: h2::Error) -> Self {
        let was_not_looked_at = error.reason() == Some(h2::Reason::REFUSED_STREAM);
        let is_answer = error.is_reset() && error.is_remote() && !was_not_looked_at;
        if is_answer { Self::Answer(error.into()) } else { Self::Connection(error.into()) }
    }
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self::Answer(failure.into())
    }
}

impl Head {
    /// The server is told how long its answer is waited for.
    fn request(&self, timeout: Duration) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        if self.is_packed {
            headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
        }
        if let Ok(timeout) = HeaderValue::try_from(timeout_text(timeout)) {
            headers.insert("grpc-timeout", timeout);
        }
        request
    }
}

/// At most eight digits, and a unit.
fn timeout_text(timeout: Duration) -> String {
    const MOST: u128 = 99_999_999;
    match timeout.as_millis().max(1) {
        milliseconds @ ..=MOST => format!("{milliseconds}m"),
        milliseconds => format!("{}S", (milliseconds / 1_000).min(MOST)),
    }
}

/// Sends a message, its prefix included, and reads the answer.
pub(super) async fn call(
    sender: SendRequest<Bytes>,
    head: &Head,
    message: Bytes,
    timeout: Duration,
) -> Result<Reply, Lost> {
    let mut sender = sender.ready().await?;
    let (response, stream) = sender.send_request(head.request(timeout), false)?;
    // A server may answer before it has read all; then the rest is not waited for.
    alongside(send(stream, message), async { read(response.await?).await }).await
}

/// Runs the second to its end, and the first for as long as that takes.
pub(super) async fn alongside<T>(first: impl Future<Output = ()>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let mut is_first_done = false;
    poll_fn(|context| {
        is_first_done = is_first_done || first.as_mut().poll(context).is_ready();
        second.as_mut().poll(context)
    })
    .await
}

/// As much at a time as the server has room for. That it takes no more is seen from its answer.
async fn send(mut stream: SendStream<Bytes>, mut message: Bytes) {
    while !message.is_empty() {
        stream.reserve_capacity(message.len());
        let Some(Ok(room)) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return;
        };
        let part = message.split_to(room.min(message.len()));
        if stream.send_data(part, message.is_empty()).is_err() {
            return;
        }
    }
}

async fn read(response: Response<RecvStream>) -> Result<Reply, Lost> {
    let (head, body) = response.into_parts();
    if let Some(reply) = Reply::ending(&head.headers) {
        return Ok(reply);
    }
    if head.status != StatusCode::OK {
        return Ok(Reply::of_http(head.status, &head.headers));
    }
    if !is_grpc(&head.headers) {
        return Err(Lost::Answer(CallFailure::NotGrpc));
    }
    let (framed, trailers) = read_body(body).await?;
    let trailers = trailers.ok_or(Lost::Answer(CallFailure::NotGrpc))?;
    let mut reply = Reply::ending(&trailers).ok_or(Lost::Answer(CallFailure::NotGrpc))?;
    // A call that has failed has no message; what came of one, torn maybe, says nothing.
    if reply.code == Code::Ok {
        reply.message = unframe(&framed, &head.headers)?;
    }
    Ok(reply)
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    // Not `application/grpc-web`.
    matches!(value.strip_prefix(b"application/grpc"), Some([] | [b'+' | b';' | b' ', ..]))
}

async fn read_body(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), Lost> {
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        if (bytes.len() + part.len()) as u64 > MOST_BYTES + PREFIX as u64 {
            return Err(Failure::AnswerTooLarge.into());
        }
        bytes.extend_from_slice(&part);
        body.flow_control().release_capacity(part.len())?;
    }
    Ok((bytes, body.trailers().await?))
}

/// The one message; a server that has nothing to say may leave it out.
fn unframe(framed: &[u8], headers: &HeaderMap) -> Result<Vec<u8>, Failure> {
    if framed.is_empty() {
        return Ok(Vec::new());
    }
    let ([flag, len @ ..], message) = framed.split_first_chunk::<PREFIX>().ok_or(Failure::AnswerGarbled)?;
    if u32::from_be_bytes(*len) as usize != message.len() {
        return Err(Failure::AnswerGarbled);
    }
    let is_gzip = headers.get("grpc-encoding").is_some_and(|value| value.as_bytes() == b"gzip");
    match (flag, is_gzip) {
        (0, _) => Ok(message.to_vec()),
        (1, true) => Ok(unpack(message)?),
        _ => Err(Failure::AnswerGarbled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_eight_digits_at_most() {
        for (timeout, expected) in [
            (Duration::from_nanos(1), "1m"),
            (Duration::from_secs(10), "10000m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::MAX, "99999999S"),
        ] {
            assert_eq!(timeout_text(timeout), expected);
        }
    }
}
