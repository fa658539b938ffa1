//! How a call ended (floor 3) [gRPC, status codes; gRPC over HTTP/2, responses].

use crate::transport::retry_after;
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::time::Duration;
use ureq::http::{HeaderMap, StatusCode};

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: Code,
    /// The message; empty, if the call failed.
    pub(crate) message: Vec<u8>,
    /// A `google.rpc.Status`, if the server has sent one.
    pub(crate) details: Vec<u8>,
    /// What a server that is none of gRPC's said along with its status.
    pub(crate) retry_after: Option<Duration>,
}

/// The code of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

/// In the order of their numbers, from 0.
const CODES: [(Code, &str); 17] = [
    (Code::Ok, "OK"),
    (Code::Cancelled, "CANCELLED"),
    (Code::Unknown, "UNKNOWN"),
    (Code::InvalidArgument, "INVALID_ARGUMENT"),
    (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
    (Code::NotFound, "NOT_FOUND"),
    (Code::AlreadyExists, "ALREADY_EXISTS"),
    (Code::PermissionDenied, "PERMISSION_DENIED"),
    (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (Code::Aborted, "ABORTED"),
    (Code::OutOfRange, "OUT_OF_RANGE"),
    (Code::Unimplemented, "UNIMPLEMENTED"),
    (Code::Internal, "INTERNAL"),
    (Code::Unavailable, "UNAVAILABLE"),
    (Code::DataLoss, "DATA_LOSS"),
    (Code::Unauthenticated, "UNAUTHENTICATED"),
];

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self).map_or("UNKNOWN", |(_, name)| name)
    }

    /// A number that nobody knows is UNKNOWN.
    fn parse(value: &[u8]) -> Self {
        let number = str::from_utf8(value).ok().and_then(|text| text.parse::<usize>().ok());
        number.and_then(|number| CODES.get(number)).map_or(Self::Unknown, |(code, _)| *code)
    }

    /// Of a server or a gateway that does not speak gRPC [gRPC, HTTP to gRPC status code mapping].
    fn of_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl Reply {
    /// By the headers that end a call; `None`, if there is no state among them.
    pub(super) fn ending(headers: &HeaderMap) -> Option<Self> {
        let code = Code::parse(headers.get("grpc-status")?.as_bytes());
        let details = headers.get("grpc-status-details-bin").map(|value| decode(value.as_bytes()));
        Some(Self { code, message: Vec::new(), details: details.unwrap_or_default(), retry_after: None })
    }

    pub(super) fn of_http(status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            code: Code::of_http(status),
            message: Vec::new(),
            details: Vec::new(),
            retry_after: retry_after::asked_for(headers),
        }
    }
}

/// Bytes in a header: with padding or without [gRPC over HTTP/2, custom metadata]. What is none is nothing.
fn decode(value: &[u8]) -> Vec<u8> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const EITHER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
    EITHER.decode(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_number() {
        for (number, (code, name)) in CODES.into_iter().enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(Code::parse(number.to_string().as_bytes()), code);
            assert_eq!(code.as_str(), name);
        }
        for strange in ["17", "-1", "", "OK", "4294967296"] {
            assert_eq!(Code::parse(strange.as_bytes()), Code::Unknown, "{strange}");
        }
    }

    #[test]
    fn bytes_may_be_padded() {
        for (text, bytes) in [("aGk=", "hi"), ("aGk", "hi"), ("", ""), ("a?", "")] {
            assert_eq!(decode(text.as_bytes()), bytes.as_bytes(), "{text}");
        }
    }
}
