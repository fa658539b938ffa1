//! Servers that spans can be sent to. Each needs a feature of throughline's; without it, its flag says so.

use crate::BoxError;
use throughline::export::Exporter;

/// Makes an exporter to the server at a URL.
pub type Connect = fn(&str) -> Result<Box<dyn Exporter>, BoxError>;

/// The flags, and what each stands for.
const BACKENDS: [(&str, Connect); 3] =
    [("--otlp", otlp::connect), ("--otlp-grpc", otlp_grpc::connect), ("--zipkin", zipkin::connect)];

pub fn find(flag: &str) -> Option<Connect> {
    BACKENDS.iter().find(|(known, _)| *known == flag).map(|(_, connect)| *connect)
}

#[cfg(feature = "otlp")]
mod otlp {
    use super::{BoxError, Exporter};
    use throughline::exporters::Otlp;

    pub fn connect(url: &str) -> Result<Box<dyn Exporter>, BoxError> {
        Ok(Box::new(Otlp::builder().endpoint(url).build()?))
    }
}

#[cfg(feature = "otlp-grpc")]
mod otlp_grpc {
    use super::{BoxError, Exporter};
    use throughline::exporters::Otlp;

    pub fn connect(url: &str) -> Result<Box<dyn Exporter>, BoxError> {
        Ok(Box::new(Otlp::builder().grpc().endpoint(url).build()?))
    }
}

#[cfg(feature = "zipkin")]
mod zipkin {
    use super::{BoxError, Exporter};
    use throughline::exporters::Zipkin;

    pub fn connect(url: &str) -> Result<Box<dyn Exporter>, BoxError> {
        let endpoint = format!("{}/api/v2/spans", url.trim_end_matches('/'));
        Ok(Box::new(Zipkin::builder().endpoint(endpoint).build()?))
    }
}

#[cfg(not(feature = "otlp"))]
mod otlp {
    use super::{BoxError, Exporter};

    pub fn connect(_: &str) -> Result<Box<dyn Exporter>, BoxError> {
        Err("--otlp needs a feature: cargo run --features otlp --example shop -- --otlp URL".into())
    }
}

#[cfg(not(feature = "otlp-grpc"))]
mod otlp_grpc {
    use super::{BoxError, Exporter};

    pub fn connect(_: &str) -> Result<Box<dyn Exporter>, BoxError> {
        Err("--otlp-grpc needs a feature: cargo run --features otlp-grpc --example shop -- --otlp-grpc URL"
            .into())
    }
}

#[cfg(not(feature = "zipkin"))]
mod zipkin {
    use super::{BoxError, Exporter};

    pub fn connect(_: &str) -> Result<Box<dyn Exporter>, BoxError> {
        Err("--zipkin needs a feature: cargo run --features zipkin --example shop -- --zipkin URL".into())
    }
}
