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
    transport::{Setting, Settings, SetupError, last_set},
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
/// Each has a variant for traces alone, such as `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, which wins. A variable that cannot
/// be understood is an error unless something else wins over it.
///
/// `OTEL_EXPORTER_OTLP_INSECURE` is not read: whether there is TLS, the endpoint's scheme says, by gRPC too. An endpoint
/// without a scheme, such as `collector:4317`, is an error.
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
            config.set_target(Target::below(url)?);
            Ok(())
        })
    }

    /// The URL to send spans to, used as it is. A secret belongs into a [`header`](Self::header), not into
    /// its query, which others along the way may log, and so does the HTTP client here (`ureq`), if the application
    /// has a logger that takes its `trace` level.
    pub fn traces_endpoint(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(move |config| {
            config.set_target(Target::exactly(url)?);
            Ok(())
        })
    }

    /// Sends by HTTP, the spans written so. Default: [`OtlpEncoding::Protobuf`].
    pub fn encoding(self, encoding: OtlpEncoding) -> Self {
        self.change(move |config| {
            config.set_protocol(Protocol::http(encoding));
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
        let (mut config, variables) = self.changes.apply(Config::read)?;
        config.settings.check()?;
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
    fn read(variables: &Variables) -> Self {
        let mut settings = Settings::default();
        settings
            .read_timeout(&["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"], variables);
        settings
            .read_headers(&["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"], variables);
        settings.read_packed(
            &["OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"],
            variables,
        );
        settings.read_roots(
            &["OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE"],
            variables,
        );
        settings.read_identity(
            &["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE"],
            &["OTEL_EXPORTER_OTLP_CLIENT_KEY", "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY"],
            variables,
        );
        let target = settings.read(Setting::Endpoint, read_target(variables));
        let protocol = settings.read(Setting::Protocol, read_protocol(variables));
        Self {
            target: target.unwrap_or(Target::Default),
            protocol: protocol.unwrap_or_default(),
            most_bytes: 4 << 20,
            settings,
        }
    }

    fn set_target(&mut self, target: Target) {
        self.settings.replace(Setting::Endpoint);
        self.target = target;
    }

    pub(super) fn set_protocol(&mut self, protocol: Protocol) {
        self.settings.replace(Setting::Protocol);
        self.protocol = protocol;
    }
}

fn read_target(variables: &Variables) -> Result<Target, SetupError> {
    type Read = fn(String) -> Result<Target, SetupError>;
    let target = |name, read: Read| -> Result<Option<Target>, SetupError> {
        let error = || InvalidVariable::new(name, "an http or https URL with a host and without a user");
        let url = variables.text(name, error)?;
        url.map(|url| read(url).map_err(|_| error().into())).transpose()
    };
    let for_traces = target("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Target::exactly)?;
    let target = match for_traces {
        None => target("OTEL_EXPORTER_OTLP_ENDPOINT", Target::below)?,
        known => known,
    };
    Ok(target.unwrap_or(Target::Default))
}

fn read_protocol(variables: &Variables) -> Result<Protocol, SetupError> {
    let names = ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"];
    let protocol = last_set(&names, |name| {
        let error = || InvalidVariable::new(name, grpc::NAMES);
        let text = variables.text(name, error)?;
        text.map(|text| named(text.trim()).ok_or_else(|| error().into())).transpose()
    });
    Ok(protocol?.unwrap_or_default())
}

fn named(name: &str) -> Option<Protocol> {
    match name {
        "http/protobuf" => Some(Protocol::http(OtlpEncoding::Protobuf)),
        "http/json" => Some(Protocol::http(OtlpEncoding::Json)),
        "grpc" => grpc::PROTOCOL,
        _ => None,
    }
}
