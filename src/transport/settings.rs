//! What a client is made from (floor 3).

use super::{client::Client, endpoint::Endpoint, error::SetupError, proxy::Way, tls::Credentials};
use crate::variables::Variables;
use std::{fmt, time::Duration};
use ureq::{
    Agent,
    http::{HeaderName, HeaderValue, header},
};

/// All but the endpoint. `Debug` shows headers by their names.
pub(crate) struct Settings {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) is_packed: bool,
    pub(super) credentials: Credentials,
    pub(super) way: Way,
    /// What is wrong with variables, as far as nothing else says what they should.
    unclear: Vec<(Setting, SetupError)>,
}

/// What a variable may say, and code in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Endpoint,
    #[cfg(feature = "otlp")]
    Protocol,
    Timeout,
    Packed,
    #[cfg(feature = "otlp")]
    Headers,
    Roots,
    Identity,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            is_packed: false,
            credentials: Credentials::default(),
            way: Way::default(),
            unclear: Vec::new(),
        }
    }
}

/// What a body is, or how long: not for anybody else to say.
const RESERVED: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

pub(super) const USER_AGENT: &str = concat!("throughline/", env!("CARGO_PKG_VERSION"), " (rust)");

impl Settings {
    /// What was read for a setting; if it could not be understood, that is an error unless the setting is
    /// [replaced](Self::replace).
    pub(crate) fn read<T>(&mut self, setting: Setting, read: Result<T, SetupError>) -> Option<T> {
        read.map_err(|error| self.unclear.push((setting, error))).ok()
    }

    /// Code says what a variable may have said.
    pub(crate) fn replace(&mut self, setting: Setting) {
        self.unclear.retain(|(unclear, _)| *unclear != setting);
    }

    /// Is all clear that counts?
    pub(crate) fn check(&mut self) -> Result<(), SetupError> {
        self.unclear.drain(..).next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Replaces a header of the same name.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) -> Result<(), SetupError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SetupError::Header)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| SetupError::Header)?;
        if RESERVED.contains(&name) {
            return Err(SetupError::ReservedHeader);
        }
        value.set_sensitive(true);
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
        Ok(())
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.replace(Setting::Timeout);
        self.timeout = timeout;
    }

    pub(crate) const fn set_connect_timeout(&mut self, timeout: Duration) {
        self.connect_timeout = timeout;
    }

    /// Bodies are sent gzipped, or as they are.
    pub(crate) fn set_packed(&mut self, is_packed: bool) {
        self.replace(Setting::Packed);
        self.is_packed = is_packed;
    }

    pub(crate) fn set_roots(&mut self, pem: Vec<u8>) {
        self.replace(Setting::Roots);
        self.credentials.roots = Some(pem);
    }

    pub(crate) fn set_identity(&mut self, certificate: Vec<u8>, key: Vec<u8>) {
        self.replace(Setting::Identity);
        self.credentials.certificate = Some(certificate);
        self.credentials.key = Some(key);
    }

    pub(crate) fn set_proxy(&mut self, url: Option<String>) {
        self.way = url.map_or(Way::Straight, Way::Through);
    }

    /// Milliseconds, from the last of these variables that is set.
    pub(crate) fn read_timeout(&mut self, names: &[&'static str], variables: &Variables) {
        let milliseconds = last_set(names, |name| Ok(variables.positive(name)?));
        if let Some(Some(milliseconds)) = self.read(Setting::Timeout, milliseconds) {
            self.timeout = Duration::from_millis(milliseconds as u64);
        }
    }

    pub(super) const fn check_timeouts(&self) -> Result<(), SetupError> {
        if self.timeout.is_zero() || self.connect_timeout.is_zero() {
            return Err(SetupError::Timeout);
        }
        Ok(())
    }

    /// A client that sends there.
    pub(crate) fn connect_to(&self, endpoint: Endpoint, variables: &Variables) -> Result<Client, SetupError> {
        self.check_timeouts()?;
        let proxy = self.way.resolve(&endpoint, variables)?;
        let proxy_is_secure = proxy.as_ref().is_some_and(|proxy| proxy.uri().scheme_str() == Some("https"));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("identity")
            .user_agent(USER_AGENT)
            .max_idle_connections(1)
            .timeout_global(Some(self.timeout))
            .timeout_connect(Some(self.connect_timeout.min(self.timeout)))
            .proxy(proxy);
        if endpoint.is_secure() || proxy_is_secure {
            config = config.tls_config(self.credentials.resolve()?);
        }
        Ok(Client::new(config.build().new_agent(), endpoint, self.headers.clone(), self.is_packed))
    }
}

/// What the last of these variables that is set says. What one says that another replaces need not make sense.
pub(crate) fn last_set<T>(
    names: &[&'static str],
    read: impl Fn(&'static str) -> Result<Option<T>, SetupError>,
) -> Result<Option<T>, SetupError> {
    let said = names.iter().rev().map(|name| read(name));
    said.filter_map(Result::transpose).next().transpose()
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Settings")
            .field("headers", &names)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("gzip", &self.is_packed)
            .finish_non_exhaustive()
    }
}
