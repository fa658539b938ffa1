//! Bodies sent to a server by HTTP (floor 3): one POST after the other, blocking, on the thread of the
//! exporter that sends.
//!
//! Knows bytes and answers, nothing of spans; what an answer means is for the exporters to say. Whatever
//! the server does, a request ends at its timeout, an answer is read up to 4 MiB, and no
//! redirect is followed, so that no header goes to a server it was not meant for. No error and no `Debug`
//! shows a header's value, user info, a query, or what the server has written.
//!
//! | module | what it owns |
//! |---|---|
//! | `client` | a request and what became of it |
//! | `settings`, `environment`, `error` | what a client is made from, and what can be wrong with it |
//! | `tls`, `proxy`, `endpoint` | certificates; the way there; the address |
//! | `answer`, `retry_after` | reading an answer within bounds |
//! | `grpc` | the same by gRPC, over connections of its own |
//!
//! The work is done by `ureq` with `rustls`. The cryptography is `ring`'s, which builds with a C compiler
//! alone. Trusted are the roots of the system, not a list that is as old as the binary: whoever runs the
//! service decides about them, and `SSL_CERT_FILE` and `SSL_CERT_DIR` are obeyed.

mod answer;
mod client;
mod endpoint;
#[cfg(feature = "otlp")]
mod environment;
mod error;
#[cfg(feature = "otlp-grpc")]
mod grpc;
mod proxy;
mod retry_after;
mod settings;
mod tls;

pub(crate) use answer::{Answer, Content};
pub(crate) use client::Client;
pub(crate) use endpoint::Endpoint;
pub use error::SetupError;
#[cfg(feature = "otlp-grpc")]
pub(crate) use grpc::{Code, GrpcClient, Reply};
#[cfg(feature = "otlp")]
pub(crate) use settings::last_set;
pub(crate) use settings::{Setting, Settings};
