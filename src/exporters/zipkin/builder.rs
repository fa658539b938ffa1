//! The exporter's settings (floor 4): from code, else from the environment, else the specification's
//! defaults [OpenTelemetry, environment variables, Zipkin exporter].

use super::{exporter::Zipkin, json::ZipkinBody};
use crate::{
    exporters::{
        connection::{Changes, connection_settings},
        courier::Courier,
    },
    transport::{Endpoint, Setting, Settings, SetupError},
    variables::{InvalidVariable, Variables},
};
use std::{ffi::OsString, fmt, time::Duration};

/// Settings of a [`Zipkin`] to be.
///
/// What is set here wins over `OTEL_EXPORTER_ZIPKIN_ENDPOINT` and `OTEL_EXPORTER_ZIPKIN_TIMEOUT` (in
/// milliseconds), and over what cannot be understood there, which is an error otherwise.
///
/// ```
/// use throughline::exporters::{SetupError, Zipkin};
///
/// let zipkin = Zipkin::builder().endpoint("http://localhost:9411/api/v2/spans").gzip(true).build()?;
/// # Ok::<(), SetupError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ZipkinBuilder {
    changes: Changes<Config>,
}

struct Config {
    /// `None` for the usual one.
    endpoint: Option<Endpoint>,
    most_bytes: usize,
    settings: Settings,
}

impl Zipkin {
    /// Settings to start from: those of the environment, and `http://localhost:9411/api/v2/spans`.
    pub fn builder() -> ZipkinBuilder {
        ZipkinBuilder { changes: Changes::new() }
    }
}

impl ZipkinBuilder {
    fn change(mut self, change: impl FnOnce(&mut Config) -> Result<(), SetupError> + Send + 'static) -> Self {
        self.changes.add(change);
        self
    }

    fn connection(
        self,
        change: impl FnOnce(&mut Settings) -> Result<(), SetupError> + Send + 'static,
    ) -> Self {
        self.change(|config| change(&mut config.settings))
    }

    /// The URL to send spans to, used as it is. Default `http://localhost:9411/api/v2/spans`.
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(move |config| {
            config.endpoint = Some(Endpoint::exactly(&url)?);
            config.settings.replace(Setting::Endpoint);
            Ok(())
        })
    }

    /// The most bytes of a request's body, before it is gzipped; a longer batch goes as several, down to
    /// one span each. Default 4 MiB.
    pub fn max_request_bytes(self, bytes: usize) -> Self {
        self.change(move |config| {
            config.most_bytes = bytes;
            Ok(())
        })
    }

    connection_settings!();

    /// Reads the environment. Nothing is sent yet: the server need not be there.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn build(self) -> Result<Zipkin, SetupError> {
        let (mut config, variables) = self.changes.apply(Config::read)?;
        config.settings.check()?;
        let endpoint = match config.endpoint {
            Some(endpoint) => endpoint,
            None => Endpoint::exactly("http://localhost:9411/api/v2/spans")?,
        };
        let client = config.settings.connect_to(endpoint, &variables)?;
        Ok(Zipkin::new(Courier::new(Box::new(client), ZipkinBody::default(), config.most_bytes)))
    }
}

impl fmt::Debug for ZipkinBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinBuilder").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl Config {
    fn read(variables: &Variables) -> Self {
        let mut settings = Settings::default();
        settings.read_timeout(&["OTEL_EXPORTER_ZIPKIN_TIMEOUT"], variables);
        let endpoint = settings.read(Setting::Endpoint, read_endpoint(variables));
        Self { endpoint: endpoint.flatten(), most_bytes: 4 << 20, settings }
    }
}

fn read_endpoint(variables: &Variables) -> Result<Option<Endpoint>, SetupError> {
    const ENDPOINT: &str = "OTEL_EXPORTER_ZIPKIN_ENDPOINT";
    let error = || InvalidVariable::new(ENDPOINT, "an http or https URL with a host and without a user");
    let url = variables.text(ENDPOINT, error)?;
    url.map(|url| Endpoint::exactly(&url).map_err(|_| error().into())).transpose()
}
