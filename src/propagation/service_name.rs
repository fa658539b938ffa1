//! The X-Service-Name header (floor 2): who calls, and who answers.
//!
//! Checks a name; what it is put on is not known here.

use super::single_line::{LineError, single_line};
use crate::context::{Lines, all_bytes, ascii, trim};

/// The header.
pub const X_SERVICE_NAME: &str = "x-service-name";

/// The most bytes of a name.
const MAX_BYTES: usize = 255;

/// Why a text is no service name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a service name is 1 to 255 printable ASCII characters but ',', neither the first nor the last a space"
)]
pub struct InvalidServiceName;

/// Reads all lines of the header, of which there must be one. Spaces and tabs around the name do not
/// count.
///
/// # Errors
///
/// Why there is no name. The peer is then not named; the request goes on.
///
/// ```
/// use throughline::propagation::service_name;
///
/// assert_eq!(service_name::parse(["orders"])?, "orders");
/// assert!(service_name::parse(["orders", "payment"]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse<'a>(lines: impl Lines<'a>) -> Result<&'a str, LineError<InvalidServiceName>> {
    let line = single_line(lines)?;
    // Before trimming, so that a line of spaces costs no more than a name.
    if line.len() > MAX_BYTES {
        return Err(LineError::Malformed(InvalidServiceName));
    }
    check(trim(line)).map_err(LineError::Malformed)
}

/// Checks a name before it is sent, or after it was received.
///
/// Printable ASCII, spaces inside included, because service names in use have them. No comma: an
/// intermediary that joins two lines into one joins them with a comma, which must not pass for a name
/// [RFC 9110, 5.3]. No control character and nothing beyond ASCII, so that a name is safe in a log and
/// the same to everyone.
///
/// # Errors
///
/// [`InvalidServiceName`] for anything else.
pub fn check(name: &[u8]) -> Result<&str, InvalidServiceName> {
    if is_name(name) { Ok(ascii(name)) } else { Err(InvalidServiceName) }
}

pub(crate) fn is_name(name: &[u8]) -> bool {
    let edges_are_spaces = matches!(name, [b' ', ..] | [.., b' ']);
    !name.is_empty()
        && name.len() <= MAX_BYTES
        && !edges_are_spaces
        && all_bytes(name, |byte| matches!(byte, b' '..=b'~') & (byte != b','))
}
