//! Attribute names of OpenTelemetry's semantic conventions 1.44, and our own (floor 0).
//!
//! One constant a name; no name is written anywhere else.

/// `throughline.adjusted_count`: how many spans one stands for that was sampled. Ours; the conventions have no
/// name for it.
pub const ADJUSTED_COUNT: &str = "throughline.adjusted_count";
/// `client.address`: who the request comes from.
pub const CLIENT_ADDRESS: &str = "client.address";
/// `error.type`: a status code, or a low-cardinality class of error.
pub const ERROR_TYPE: &str = "error.type";
/// `exception`: the event's name.
pub const EXCEPTION: &str = "exception";
/// `exception.message`.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// `exception.stacktrace`.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";
/// `exception.type`.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// `host.name`.
pub const HOST_NAME: &str = "host.name";
/// `http.request.header.`: the prefix of a recorded header's name.
pub const HTTP_REQUEST_HEADER: &str = "http.request.header.";
/// `http.request.method`: a known method, or `_OTHER`.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// `http.request.method_original`: the method as sent, where it is not the known one.
pub const HTTP_REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
/// `http.request.resend_count`: which retry or redirect this attempt is.
pub const HTTP_REQUEST_RESEND_COUNT: &str = "http.request.resend_count";
/// `http.response.header.`: the prefix of a recorded header's name.
pub const HTTP_RESPONSE_HEADER: &str = "http.response.header.";
/// `http.response.status_code`.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
/// `http.route`: the matched route's template, never the raw path.
pub const HTTP_ROUTE: &str = "http.route";
/// `network.peer.address`.
pub const NETWORK_PEER_ADDRESS: &str = "network.peer.address";
/// `network.peer.port`.
pub const NETWORK_PEER_PORT: &str = "network.peer.port";
/// `network.protocol.version`: `1.0`, `1.1`, `2` or `3`.
pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
/// `_OTHER`: the value of an attribute with few values where none of them fits.
pub const OTHER: &str = "_OTHER";
/// `otel.dropped_attributes_count`: in formats that have no field for it, as all `otel.` names.
pub const OTEL_DROPPED_ATTRIBUTES_COUNT: &str = "otel.dropped_attributes_count";
/// `otel.dropped_events_count`.
pub const OTEL_DROPPED_EVENTS_COUNT: &str = "otel.dropped_events_count";
/// `otel.dropped_links_count`.
pub const OTEL_DROPPED_LINKS_COUNT: &str = "otel.dropped_links_count";
/// `otel.scope.name`: what recorded the span.
pub const OTEL_SCOPE_NAME: &str = "otel.scope.name";
/// `otel.scope.version`.
pub const OTEL_SCOPE_VERSION: &str = "otel.scope.version";
/// `otel.status_code`: `OK` or `ERROR`.
pub const OTEL_STATUS_CODE: &str = "otel.status_code";
/// `throughline.outcome`: how a span ended that did not run to its end, `cancelled` or `panicked`. Ours; the
/// conventions have no name for it.
pub const OUTCOME: &str = "throughline.outcome";
/// `peer.service`: what [`SERVICE_PEER_NAME`] was called before.
pub const PEER_SERVICE: &str = "peer.service";
/// `process.executable.name`.
pub const PROCESS_EXECUTABLE_NAME: &str = "process.executable.name";
/// `process.pid`.
pub const PROCESS_PID: &str = "process.pid";
/// `request.id`: what `X-Request-ID` carries. Ours; the conventions have no name for it.
pub const REQUEST_ID: &str = "request.id";
/// `rpc.method`, as `package.Service/Method`.
pub const RPC_METHOD: &str = "rpc.method";
/// `rpc.method_original`: the method as asked for, where it is not there.
pub const RPC_METHOD_ORIGINAL: &str = "rpc.method_original";
/// `rpc.request.metadata.`: the prefix of a recorded header's name.
pub const RPC_REQUEST_METADATA: &str = "rpc.request.metadata.";
/// `rpc.response.metadata.`: the prefix of a recorded header's name.
pub const RPC_RESPONSE_METADATA: &str = "rpc.response.metadata.";
/// `rpc.response.status_code`: the gRPC status by name.
pub const RPC_STATUS_CODE: &str = "rpc.response.status_code";
/// `rpc.system.name`: `grpc`.
pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
/// `server.address`.
pub const SERVER_ADDRESS: &str = "server.address";
/// `server.port`.
pub const SERVER_PORT: &str = "server.port";
/// `service.instance.id`.
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";
/// `service.name`.
pub const SERVICE_NAME: &str = "service.name";
/// `service.namespace`.
pub const SERVICE_NAMESPACE: &str = "service.namespace";
/// `service.peer.name`: the service at the other end, the caller on a server span, the callee on a
/// client span.
pub const SERVICE_PEER_NAME: &str = "service.peer.name";
/// `service.version`.
pub const SERVICE_VERSION: &str = "service.version";
/// `telemetry.sdk.language`.
pub const TELEMETRY_SDK_LANGUAGE: &str = "telemetry.sdk.language";
/// `telemetry.sdk.name`.
pub const TELEMETRY_SDK_NAME: &str = "telemetry.sdk.name";
/// `telemetry.sdk.version`.
pub const TELEMETRY_SDK_VERSION: &str = "telemetry.sdk.version";
/// `url.full`, user info and secrets redacted.
pub const URL_FULL: &str = "url.full";
/// `url.path`.
pub const URL_PATH: &str = "url.path";
/// `url.query`, secrets redacted.
pub const URL_QUERY: &str = "url.query";
/// `url.scheme`.
pub const URL_SCHEME: &str = "url.scheme";
/// `url.template`: the client's counterpart of `http.route`.
pub const URL_TEMPLATE: &str = "url.template";
/// `user_agent.original`.
pub const USER_AGENT_ORIGINAL: &str = "user_agent.original";
