//! What a server answers (floor 3), read within bounds.

use super::retry_after;
use flate2::read::MultiGzDecoder;
use std::{
    io::{self, Read},
    time::Duration,
};
use ureq::{
    Body,
    http::{
        HeaderMap, Response,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};

/// No answer that makes sense is longer, as it comes or unpacked.
pub(super) const MOST_BYTES: u64 = 4 << 20;

/// An answer: its head, and its body if it says that the request has succeeded.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content: Content,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Protobuf,
    Json,
    /// A page for a person.
    Html,
    Other,
    /// It does not say.
    Unsaid,
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    TooLarge,
    /// Not what its `Content-Encoding` says.
    Garbled,
    Io(io::Error),
}

impl Answer {
    pub(crate) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Reads the body of a success. That of a failure is left alone: nothing in it is needed, and the
    /// connection is closed instead.
    pub(super) fn read(response: Response<Body>) -> Result<Self, Unreadable> {
        let (head, body) = response.into_parts();
        let mut answer = Self {
            status: head.status.as_u16(),
            content: content(&head.headers),
            retry_after: retry_after::asked_for(&head.headers),
            body: Vec::new(),
        };
        if answer.is_success() {
            answer.body = read_body(body.into_reader(), &head.headers)?;
        }
        Ok(answer)
    }
}

fn content(headers: &HeaderMap) -> Content {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Content::Unsaid;
    };
    let value = value.to_str().unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Content::Protobuf,
        "application/json" => Content::Json,
        "text/html" | "application/xhtml+xml" => Content::Html,
        _ => Content::Other,
    }
}

/// No encoding is asked for; a server that packs its answer all the same is understood.
fn read_body(reader: impl Read, headers: &HeaderMap) -> Result<Vec<u8>, Unreadable> {
    let is_packed =
        headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let packed = read_up_to(reader, Unreadable::Io)?;
    if is_packed && !packed.is_empty() {
        return unpack(&packed);
    }
    Ok(packed)
}

pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    read_up_to(MultiGzDecoder::new(packed), |_| Unreadable::Garbled)
}

fn read_up_to(reader: impl Read, error: impl Fn(io::Error) -> Unreadable) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    reader.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    Ok(bytes)
}
