//! OTLP by gRPC: to servers that do as the test says, by `h2`.

mod answers;
mod lines;
mod requests;
mod server;
mod trust;
