//! The exporter's settings (floor 4): from code, else from the environment, else the specification's
//! defaults [OpenTelemetry, OTLP exporter].

use super::{
    encoding::{OtlpBody, OtlpEncoding},
    exporter::Otlp,
    grpc,
    protocol::{Protocol, Target},
};
use crate::{
    exporters::{
        connection::{Changes, connection_settings},
        courier::Courier,
    },
    transport::{Settings, SetupError},
    variables::{InvalidVariable, Variables},
};
use std::{ffi::OsString, fmt, time::Duration};

/// Settings of an [`Otlp`] to be.
///
/// What is set here wins over the environment:
///
/// | variable | says |
/// |---|---|
/// | `OTEL_EXPORTER_OTLP_ENDPOINT` | [`endpoint`](Self::endpoint) |
/// | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` | [`traces_endpoint`](Self::traces_endpoint) |
/// | `OTEL_EXPORTER_OTLP_PROTOCOL` | [`encoding`](Self::encoding): `http/protobuf` or `http/json`; with the feature `otlp-grpc` also `grpc` |
/// | `OTEL_EXPORTER_OTLP_HEADERS` | [`header`](Self::header)s: `name=value,…`, percent-encoded |
/// | `OTEL_EXPORTER_OTLP_TIMEOUT` | [`timeout`](Self::timeout), in milliseconds |
/// | `OTEL_EXPORTER_OTLP_COMPRESSION` | [`gzip`](Self::gzip): `gzip` or `none` |
/// | `OTEL_EXPORTER_OTLP_CERTIFICATE` | a file for [`root_certificates`](Self::root_certificates) |
/// | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`, `…_CLIENT_KEY` | files for [`client_certificate`](Self::client_certificate) |
///
/// Each has a variant for traces alone, such as `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, which wins.
///
/// ```
/// use std::time::Duration;
/// use throughline::exporters::{Otlp, OtlpEncoding, SetupError};
///
/// let otlp = Otlp::builder()
///     .endpoint("http://localhost:4318")
///     .encoding(OtlpEncoding::Json)
///     .gzip(true)
///     .timeout(Duration::from_secs(3))
///     .build()?;
///
/// let nowhere = Otlp::builder().endpoint("localhost").build();
/// assert!(matches!(nowhere, Err(SetupError::Endpoint)));
/// # Ok::<(), SetupError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct OtlpBuilder {
    changes: Changes<Config>,
}

pub(super) struct Config {
    target: Target,
    pub(super) protocol: Protocol,
    most_bytes: usize,
    settings: Settings,
}

impl Otlp {
    /// Settings to start from: those of the environment, and `http://localhost:4318`.
    pub fn builder() -> OtlpBuilder {
        OtlpBuilder { changes: Changes::new() }
    }
}

impl OtlpBuilder {
    pub(super) fn change(
        mut self,
        change: impl FnOnce(&mut Config) -> Result<(), SetupError> + Send + 'static,
    ) -> Self {
        self.changes.add(change);
        self
    }

    fn connection(
        self,
        change: impl FnOnce(&mut Settings) -> Result<(), SetupError> + Send + 'static,
    ) -> Self {
        self.change(|config| change(&mut config.settings))
    }

    /// The server's URL, for all signals; `/v1/traces` is added to its path. Default
    /// `http://localhost:4318`; by gRPC, which does without a path, `http://localhost:4317`.
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(move |config| {
            config.target = Target::below(url)?;
            Ok(())
        })
    }

    /// The URL to send spans to, used as it is. A secret belongs into a [`header`](Self::header), not into
    /// its query, which others along the way may log.
    pub fn traces_endpoint(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(move |config| {
            config.target = Target::exactly(url)?;
            Ok(())
        })
    }

    /// Sends by HTTP, the spans written so. Default: [`OtlpEncoding::Protobuf`].
    pub fn encoding(self, encoding: OtlpEncoding) -> Self {
        self.change(move |config| {
            config.protocol = Protocol::http(encoding);
            Ok(())
        })
    }

    /// The most bytes of a request's body, before it is gzipped; a longer batch goes as several, down to
    /// one span each. Default 4 MiB, which every server takes that is set up as it comes.
    pub fn max_request_bytes(self, bytes: usize) -> Self {
        self.change(move |config| {
            config.most_bytes = bytes;
            Ok(())
        })
    }

    connection_settings!();

    /// Reads the environment and the files it names. Nothing is sent yet: the server need not be there.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn build(self) -> Result<Otlp, SetupError> {
        let (config, variables) = self.changes.apply(Config::read)?;
        let carrier = config.protocol.connect(&config.target, &config.settings, &variables)?;
        Ok(Otlp::new(Courier::new(carrier, OtlpBody::new(config.protocol.encoding()), config.most_bytes)))
    }
}

impl fmt::Debug for OtlpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpBuilder").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl Config {
    fn read(variables: &Variables) -> Result<Self, SetupError> {
        let mut settings = Settings::default();
        settings
            .read_timeout(&["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"], variables)?;
        settings
            .read_headers(&["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"], variables)?;
        settings.read_packed(
            &["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"],
            variables,
        )?;
        settings.read_roots(
            &["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"],
            variables,
        )?;
        settings.read_identity(
            &["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"],
            &["OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"],
            variables,
        )?;
        let (target, protocol) = (read_target(variables)?, read_protocol(variables)?);
        Ok(Self { target, protocol, most_bytes: 4 << 20, settings })
    }
}

fn read_target(variables: &Variables) -> Result<Target, SetupError> {
    const FOR_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const FOR_ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let text = |name| {
        let error = move || InvalidVariable::new(name, "an http or https URL with a host and without a user");
        Ok::<_, InvalidVariable>((variables.text(name, error)?, error))
    };
    if let (Some(url), error) = text(FOR_TRACES)? {
        return Target::exactly(url).map_err(|_| error().into());
    }
    match text(FOR_ALL)? {
        (Some(url), error) => Target::below(url).map_err(|_| error().into()),
        (None, _) => Ok(Target::Default),
    }
}

fn read_protocol(variables: &Variables) -> Result<Protocol, SetupError> {
    let mut protocol = Protocol::default();
    for name in ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] {
        let error = || InvalidVariable::new(name, grpc::NAMES);
        if let Some(text) = variables.text(name, error)? {
            protocol = named(text.trim()).ok_or_else(error)?;
        }
    }
    Ok(protocol)
}

fn named(name: &str) -> Option<Protocol> {
    match name {
        "http/protobuf" => Some(Protocol::http(OtlpEncoding::Protobuf)),
        "http/json" => Some(Protocol::http(OtlpEncoding::Json)),
        "grpc" => grpc::PROTOCOL,
        _ => None,
    }
}
