//! A client from the settings that all exporters have (floor 3).

use super::{
    call::Head,
    client::GrpcClient,
    line::{Line, Plan},
    route::Route,
};
use crate::{
    transport::{
        endpoint::Endpoint,
        error::SetupError,
        settings::{Settings, USER_AGENT},
        tls,
    },
    variables::Variables,
};
use ureq::http::{HeaderName, HeaderValue, Uri, header, uri::PathAndQuery};

/// What belongs to one connection, or to gRPC [RFC 9113, 8.2.2].
const RESERVED: [HeaderName; 6] = [
    header::CONNECTION,
    header::HOST,
    header::TE,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl Settings {
    /// A client that calls this method, a path, of that server. The endpoint's own path and query mean nothing
    /// to gRPC.
    pub(crate) fn call_at(
        &self,
        endpoint: &Endpoint,
        method: &'static str,
        variables: &Variables,
    ) -> Result<GrpcClient, SetupError> {
        self.check_timeouts()?;
        let is_reserved = |name: &HeaderName| RESERVED.contains(name) || name.as_str().starts_with("grpc-");
        if self.headers.iter().any(|(name, _)| is_reserved(name)) {
            return Err(SetupError::ReservedHeader);
        }
        let mut headers = vec![(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))];
        headers.extend(self.headers.iter().cloned());
        let proxy = self.way.resolve(endpoint, variables)?;
        let proxy_is_secure = proxy.as_ref().is_some_and(|proxy| proxy.uri().scheme_str() == Some("https"));
        let tls = match endpoint.is_secure() || proxy_is_secure {
            true => Some(tls::configure(self.credentials.roots()?, self.credentials.identity()?)?),
            false => None,
        };
        let route = Route::new(endpoint, proxy, tls, self.connect_timeout.min(self.timeout))?;
        let mut uri = endpoint.uri().clone().into_parts();
        uri.path_and_query = Some(PathAndQuery::from_static(method));
        let uri = Uri::from_parts(uri).map_err(|_| SetupError::Endpoint)?;
        let head = Head { uri, headers, is_packed: self.is_packed };
        Ok(GrpcClient::new(Line::new(Plan { route, head, timeout: self.timeout })))
    }
}
