//! Against real servers and real services, on loopback: the OpenTelemetry Collector, Jaeger, Zipkin, and one service
//! each in Python and Go with OpenTelemetry's SDKs.
//!
//! Not among the tests of `cargo test`: `tests/interop/run` installs and starts the servers, says in the environment
//! where they are, runs these tests and stops the servers.

#[path = "../arbitrary/mod.rs"]
mod arbitrary;
mod chain;
mod collector;
mod faults;
mod formats;
mod jaeger;
mod journey;
mod otlp_json;
mod own_servers;
mod round_trips;
mod seen;
mod servers;
mod services;
mod shop;
mod zipkin;
