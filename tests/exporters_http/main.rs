//! Exporters that send by HTTP and gRPC: what they write, to servers of every kind, and what they make of the answers.

#[path = "../arbitrary/mod.rs"]
mod arbitrary;
#[path = "../support/mod.rs"]
mod support;

mod aborts;
mod answers;
mod contract;
mod encoding;
mod environment;
mod golden;
mod grpc;
mod hostile;
mod parts;
mod server;
mod slow;
mod tls;
mod way;
mod zipkin;
