//! The request id's header (floor 2): X-Request-ID, which no RFC defines, and its aliases.
//!
//! Takes an id as it is or not at all. Mints none: who gets an error here does.

use super::{
    propagator::{ExtractError, Getter, Header, Propagator, Setter},
    single_line::{LineError, single_line},
};
use crate::{
    context::{Context, Lines},
    ids::{InvalidRequestId, RequestId},
};
use std::borrow::Cow;

/// The header, unless another is named.
pub const X_REQUEST_ID: &str = "x-request-id";

/// Reads all lines of the header, of which there must be one.
///
/// # Errors
///
/// Why there is no id, which is then replaced by a new one. Nothing is trimmed: a trimmed id would
/// match nothing upstream.
///
/// ```
/// use throughline::propagation::{LineError, request_id};
///
/// assert_eq!(request_id::parse(["order-7/eu"])?.to_string(), "order-7/eu");
/// assert_eq!(request_id::parse(["a", "a"]), Err(LineError::Repeated));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse<'a>(lines: impl Lines<'a>) -> Result<RequestId, LineError<InvalidRequestId>> {
    RequestId::from_bytes(single_line(lines)?).map_err(LineError::Malformed)
}

/// The [`Propagator`] of request ids.
///
/// A refused one is an error of `x-request-id`, whichever name it came under: errors hold constant words.
///
/// ```
/// use throughline::propagation::RequestIdHeader;
///
/// let header = RequestIdHeader::default().or("X-Correlation-ID");
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdHeader {
    /// In lowercase, never none; the first is the one that is sent.
    names: Vec<Cow<'static, str>>,
}

impl RequestIdHeader {
    /// Reads and sends this header.
    pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Self { names: vec![lowercase(name.into())] }
    }

    /// Reads this header too, where those named before it are missing. One that is there but refused
    /// is not made up for by another.
    #[must_use]
    pub fn or(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.names.push(lowercase(name.into()));
        self
    }
}

impl Default for RequestIdHeader {
    fn default() -> Self {
        Self::named(X_REQUEST_ID)
    }
}

impl Propagator for RequestIdHeader {
    fn extract(&self, carrier: &dyn Getter, context: &mut Context) -> Result<(), ExtractError> {
        for name in &self.names {
            match parse(Header::new(carrier, name)) {
                Ok(id) => {
                    context.request_id = Some(id);
                    return Ok(());
                }
                Err(error) => {
                    if let Some(reason) = error.reason() {
                        return Err(ExtractError::new(X_REQUEST_ID, reason));
                    }
                }
            }
        }
        Ok(())
    }

    fn inject(&self, context: &Context, carrier: &mut dyn Setter) {
        if let (Some(id), Some(name)) = (&context.request_id, self.names.first()) {
            carrier.set(name, id.encode_bytes(&mut [0; 36]));
        }
    }

    fn fields(&self) -> Vec<&str> {
        self.names.first().map(|name| &**name).into_iter().collect()
    }
}

fn lowercase(name: Cow<'static, str>) -> Cow<'static, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}
