//! Headers that are recorded because the user named them (floor 5). None are by default, and a secret's
//! value never is.

use crate::{
    context::Baggage,
    secrets::{REDACTED, is_secret_header},
    trace::Attributes,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// Which headers of requests and of answers.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordedHeaders {
    pub(super) request: Vec<HeaderName>,
    pub(super) response: Vec<HeaderName>,
    /// The keys of baggage.
    pub(super) baggage: Vec<Cow<'static, str>>,
}

impl RecordedHeaders {
    /// Describes the entries of baggage that are named.
    pub(super) fn describe_baggage(&self, baggage: &Baggage, attributes: &mut Attributes<'_>) {
        for key in &self.baggage {
            if let Some(value) = baggage.get(key) {
                attributes.any(key.clone(), value.into());
            }
        }
    }
}

/// Describes those of `headers` that are named, each as a list of its lines.
pub(super) fn describe(
    names: &[HeaderName],
    headers: &HeaderMap,
    prefix: &str,
    attributes: &mut Attributes<'_>,
) {
    for name in names {
        let lines: Vec<Cow<'_, str>> = headers.get_all(name).iter().map(|line| text(name, line)).collect();
        if !lines.is_empty() {
            attributes.any([prefix, name.as_str()].concat(), lines.into());
        }
    }
}

/// A line, unless it is a secret as a whole. Secrets within it are left to the tracer's redaction.
fn text<'a>(name: &HeaderName, line: &'a HeaderValue) -> Cow<'a, str> {
    if line.is_sensitive() || is_secret_header(name.as_str()) {
        return REDACTED.into();
    }
    String::from_utf8_lossy(line.as_bytes())
}
