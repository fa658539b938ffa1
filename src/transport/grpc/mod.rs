//! Messages sent to a server by gRPC (floor 3): one unary call after the other, blocking, on the thread of the
//! exporter that sends [gRPC over HTTP/2].
//!
//! Knows bytes, states and bounds; what a state means is for the exporters to say. A call ends at its
//! timeout, which the server is told, and an answer is read up to 4 MiB. No error and no `Debug` shows what
//! a header says or what the server has written.
//!
//! | module | what it owns |
//! |---|---|
//! | `client`, `settings` | a call and what became of it; what a client is made from |
//! | `line` | one connection after the other, each for many calls |
//! | `route`, `tunnel` | the way there: name, socket, proxy, TLS |
//! | `call`, `state` | one call on a connection; how it ended |
//! | `failure` | why there is no answer |
//! | `end` | the end of a client, which cuts its call short |
//!
//! HTTP/2 is `h2`'s. It needs a reactor and timers: a `tokio` runtime of the exporter's own, which is only run during
//! a call. Nothing is spawned on it. The connection is looked after by the call that uses it, so all that
//! happens does so on the exporter's thread, but for the look-up of names.

mod call;
mod client;
mod end;
mod failure;
mod line;
mod route;
mod settings;
mod state;
mod tunnel;

pub(crate) use client::GrpcClient;
pub(crate) use state::{Code, Reply};
