//! Known request methods (floor 5): whatever else a client sends is `_OTHER`, so that no client can
//! make up names.

use super::names;
use crate::{semconv, trace::Attributes};
use http::Method;

/// RFC 9110's methods, PATCH [RFC 5789] and QUERY.
const KNOWN: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// What a method that is not known is called in a span's name [semantic conventions, HTTP spans].
const OTHER_IN_NAMES: &str = "HTTP";

/// The methods that are recorded by name.
#[derive(Clone, Debug, Default)]
pub(super) enum KnownMethods {
    #[default]
    Standard,
    These(Vec<String>),
}

/// How a request's method is recorded.
#[derive(Clone, Debug)]
pub(super) struct RecordedMethod {
    /// The method, or `_OTHER`.
    pub(super) method: std::borrow::Cow<'static, str>,
    pub(super) is_known: bool,
}

impl KnownMethods {
    /// The list in `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, which replaces the standard one. An empty list
    /// is none [OpenTelemetry environment variables, empty values].
    pub(super) fn from_list(list: &str) -> Self {
        let methods = list.split(',').map(str::trim).filter(|method| !method.is_empty());
        match methods.map(str::to_owned).collect::<Vec<_>>() {
            none if none.is_empty() => Self::Standard,
            methods => Self::These(methods),
        }
    }

    pub(super) fn these(methods: impl IntoIterator<Item = String>) -> Self {
        Self::These(methods.into_iter().collect())
    }

    pub(super) fn record(&self, method: &Method) -> RecordedMethod {
        let sent = method.as_str();
        let known = match self {
            Self::Standard => KNOWN.iter().find(|known| **known == sent).map(|known| (*known).into()),
            Self::These(list) => list.iter().find(|known| *known == sent).map(|known| known.clone().into()),
        };
        let is_known = known.is_some();
        RecordedMethod { method: known.unwrap_or(semconv::OTHER.into()), is_known }
    }
}

impl RecordedMethod {
    /// A span's name: method and route, or the method alone. Never the path.
    pub(super) fn span_name(&self, route: Option<&str>) -> std::borrow::Cow<'static, str> {
        match route {
            Some(route) => names::of_route(if self.is_known { &self.method } else { OTHER_IN_NAMES }, route),
            None if self.is_known => self.method.clone(),
            None => OTHER_IN_NAMES.into(),
        }
    }

    /// The attributes that say the method.
    pub(super) fn describe(&self, sent: &Method, attributes: &mut Attributes<'_>) {
        attributes.text(semconv::HTTP_REQUEST_METHOD, &self.method);
        if !self.is_known {
            attributes.text(semconv::HTTP_REQUEST_METHOD_ORIGINAL, sent.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KnownMethods;
    use http::Method;

    fn records(known: &KnownMethods, method: &str) -> String {
        known.record(&Method::from_bytes(method.as_bytes()).unwrap()).method.into_owned()
    }

    #[test]
    fn a_list_replaces_the_standard_one() {
        let known = KnownMethods::from_list("BREW, GET ,,");
        assert_eq!(["BREW", "GET", "POST"].map(|method| records(&known, method)), ["BREW", "GET", "_OTHER"]);
    }

    #[test]
    fn an_empty_list_is_none() {
        for list in ["", " ", ","] {
            assert_eq!(records(&KnownMethods::from_list(list), "POST"), "POST");
        }
    }
}
