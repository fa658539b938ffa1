//! What an answer's headers tell of itself (floor 5): found in one walk, as a request's are.

use super::{carriers::FEW, found::Found};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_LENGTH};

/// What was asked for, as far as the answer's body depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedFor {
    Head,
    Connect,
    Other,
}

impl AskedFor {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }

    /// Has the answer no body, whatever its headers say [RFC 9110, 6.4.1]?
    pub(super) fn has_no_body(self, status: StatusCode) -> bool {
        self == Self::Head
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
            || self == Self::Connect && status.is_success()
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Answer<'a> {
    pub(super) content_length: Option<u64>,
    /// Of the callee.
    pub(super) service_name: Found<'a>,
}

impl<'a> Answer<'a> {
    /// `service_name` is the header that names the callee, if that is to be found.
    pub(super) fn of(headers: &'a HeaderMap, service_name: Option<&'a HeaderName>) -> Self {
        let mut answer = Self::default();
        if headers.len() > FEW {
            answer.content_length = headers.get(CONTENT_LENGTH).and_then(number);
            answer.service_name = service_name.map_or(Found::None, |name| Found::look_up(headers, name));
            return answer;
        }
        for (name, value) in headers {
            if *name == CONTENT_LENGTH {
                answer.content_length = answer.content_length.or_else(|| number(value));
            } else if Some(name) == service_name {
                answer.service_name.add(headers, name, value);
            }
        }
        answer
    }
}

/// Digits only [RFC 9110, 8.6].
fn number(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
