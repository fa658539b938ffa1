//! How requests go to the server (floor 4): by HTTP in one of two encodings, or by gRPC.

use super::encoding::{OtlpBody, OtlpEncoding};
use crate::{
    exporters::courier::Carrier,
    transport::{Endpoint, Settings, SetupError},
    variables::Variables,
};

#[derive(Clone, Copy)]
pub(super) struct Protocol {
    encoding: OtlpEncoding,
    connect: Connect,
}

/// Makes what takes requests to a target.
pub(super) type Connect =
    fn(&Target, &Settings, &Variables) -> Result<Box<dyn Carrier<OtlpBody>>, SetupError>;

/// Where to, as far as it can be said without the protocol: a text that has been checked.
pub(super) enum Target {
    Default,
    /// A server for all signals.
    Below(String),
    /// A server for traces.
    Exactly(String),
}

impl Default for Protocol {
    fn default() -> Self {
        Self::http(OtlpEncoding::default())
    }
}

impl Protocol {
    pub(super) const fn new(encoding: OtlpEncoding, connect: Connect) -> Self {
        Self { encoding, connect }
    }

    pub(super) const fn http(encoding: OtlpEncoding) -> Self {
        Self::new(encoding, connect)
    }

    pub(super) const fn encoding(self) -> OtlpEncoding {
        self.encoding
    }

    pub(super) fn connect(
        self,
        target: &Target,
        settings: &Settings,
        variables: &Variables,
    ) -> Result<Box<dyn Carrier<OtlpBody>>, SetupError> {
        (self.connect)(target, settings, variables)
    }
}

impl Target {
    pub(super) fn below(url: String) -> Result<Self, SetupError> {
        endpoint_below(&url)?;
        Ok(Self::Below(url))
    }

    pub(super) fn exactly(url: String) -> Result<Self, SetupError> {
        Endpoint::exactly(&url)?;
        Ok(Self::Exactly(url))
    }
}

fn connect(
    target: &Target,
    settings: &Settings,
    variables: &Variables,
) -> Result<Box<dyn Carrier<OtlpBody>>, SetupError> {
    let endpoint = match target {
        Target::Default => endpoint_below("http://localhost:4318")?,
        Target::Below(url) => endpoint_below(url)?,
        Target::Exactly(url) => Endpoint::exactly(url)?,
    };
    Ok(Box::new(settings.connect_to(endpoint, variables)?))
}

/// The address for traces below that for all signals, without a double slash.
fn endpoint_below(url: &str) -> Result<Endpoint, SetupError> {
    const TRACES_PATH: &str = "/v1/traces";
    let (base, query) = match url.trim().split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url.trim(), String::new()),
    };
    Endpoint::exactly(&format!("{}{TRACES_PATH}{query}", base.trim_end_matches('/')))
}
