//! Sending by gRPC (floor 4), and what an answer means for the spans [OTLP 1.9, OTLP/gRPC].

use super::{
    encoding::{OtlpBody, OtlpEncoding},
    protocol::{Protocol, Target},
    response::rejected_in_protobuf,
    throttle::delay,
};
use crate::{
    export::{AbortHandle, ExportError},
    exporters::courier::{Body, Carrier},
    transport::{Code, Endpoint, GrpcClient, Reply, Settings, SetupError},
    variables::Variables,
};

pub(super) const PROTOCOL: Option<Protocol> = Some(GRPC);

/// What `OTEL_EXPORTER_OTLP_PROTOCOL` accepts.
pub(super) const NAMES: &str = "grpc, http/protobuf or http/json";

pub(super) const GRPC: Protocol = Protocol::new(OtlpEncoding::Protobuf, connect);

/// The method that takes spans [opentelemetry-proto 1.9, trace_service.proto].
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

fn connect(
    target: &Target,
    settings: &Settings,
    variables: &Variables,
) -> Result<Box<dyn Carrier<OtlpBody>>, SetupError> {
    let endpoint = match target {
        Target::Default => Endpoint::exactly("http://localhost:4317")?,
        Target::Below(url) | Target::Exactly(url) => Endpoint::exactly(url)?,
    };
    Ok(Box::new(settings.call_at(&endpoint, EXPORT, variables)?))
}

impl Carrier<OtlpBody> for GrpcClient {
    fn carry(&mut self, body: &mut OtlpBody) -> Result<usize, ExportError> {
        let reply = self.call(body.finish()).map_err(|failure| {
            let error = if failure.may_pass() { ExportError::retry } else { ExportError::permanent };
            error("sending spans failed").with_source(failure)
        })?;
        if reply.code == Code::Ok {
            let rejected = rejected_in_protobuf(&reply.message);
            return rejected.ok_or_else(|| {
                ExportError::permanent("the answer is none of an OTLP server: see the endpoint")
            });
        }
        Err(refused(&reply))
    }

    fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.closer())
    }
}

/// What a state that is no success means [OTLP 1.9, failures and throttling].
fn refused(reply: &Reply) -> ExportError {
    let throttled = delay(&reply.details);
    let may_pass = match reply.code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => throttled.is_some(),
        _ => false,
    };
    let message = match reply.code {
        Code::Unavailable => "the server is busy, or that behind a gateway did not answer",
        Code::ResourceExhausted if may_pass => "the server is busy",
        Code::ResourceExhausted => "the server has no room for the spans, or lower max_request_bytes",
        Code::Unauthenticated | Code::PermissionDenied => {
            "the server does not accept the credentials: see the headers and the client certificate"
        }
        Code::Unimplemented => "the server takes no spans by gRPC at this address: see the endpoint",
        _ => "the server refused the spans",
    };
    let message = format!("{message} (status {})", reply.code.as_str());
    match throttled.filter(|delay| !delay.is_zero()).or(reply.retry_after) {
        _ if !may_pass => ExportError::permanent(message),
        Some(delay) => ExportError::retry(message).after(delay),
        None => ExportError::retry(message),
    }
}
