//! A shop of five services, and the way of each order through them.
//!
//! `gateway`, `orders`, `inventory`, `payment` and `shipping` are servers on ports of their own; they find
//! one another in a registry and call one another over HTTP. A handful of customers order: one pays with a
//! declined card, one order meets a slow warehouse and is tried again, one customer reads a slow invoice,
//! and one hangs up in the middle of it. Then every request is drawn as a tree, and every operation is
//! summed up.
//!
//! ```text
//! cargo run --example shop                        # runs the orders, draws the trees
//! cargo run --example shop -- --json spans.jsonl  # and writes every span as a line of JSON
//! cargo run --example shop -- --serve             # stays up and draws what you send
//! cargo run --example shop -- --tail              # 200 more orders; draws what was worth keeping, says why
//!
//! # Sends them to servers as well: the Collector or Jaeger, Zipkin (and by `--otlp-grpc`, with that feature)
//! cargo run --features otlp,zipkin --example shop -- --otlp http://localhost:4318 --zipkin http://localhost:9411
//! ```

mod backends;
mod customers;
mod registry;
mod report;
mod services;
mod tail;

use backends::Connect;
use registry::Registry;
use std::{error::Error, path::PathBuf, time::Duration};
use throughline::{
    Tracer,
    exporters::{JsonLines, Memory},
};

type BoxError = Box<dyn Error + Send + Sync>;

const SERVICES: [&str; 5] = ["gateway", "orders", "inventory", "payment", "shipping"];

const USAGE: &str =
    "usage: shop [--serve] [--tail] [--json FILE] [--otlp URL]… [--otlp-grpc URL]… [--zipkin URL]…";

struct Options {
    serve: bool,
    tail: bool,
    json: Option<PathBuf>,
    /// The servers that spans are sent to.
    backends: Vec<(Connect, String)>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut options = Self { serve: false, tail: false, json: None, backends: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--serve" => options.serve = true,
                "--tail" => options.tail = true,
                "--json" => options.json = Some(arguments.next().ok_or(USAGE)?.into()),
                flag => {
                    let connect = backends::find(flag).ok_or(USAGE)?;
                    options.backends.push((connect, arguments.next().ok_or(USAGE)?));
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let options = Options::parse(std::env::args().skip(1))?;
    let memory = Memory::new();
    let registry = Registry::default();
    let mut tracers = Vec::new();
    for name in SERVICES {
        let tracer = tracer(name, &memory, &options)?;
        let address = services::start(name, &tracer, &registry).await?;
        registry.register(name, address);
        tracers.push(tracer);
    }
    let gateway = registry.first("gateway").ok_or("the gateway did not start")?;
    if options.serve {
        customers::invite(gateway);
        report::draw_until_interrupted(&tracers, &memory).await?;
    } else {
        customers::visit(gateway).await?;
        if options.tail {
            customers::crowd(gateway, 200).await?;
        }
        report::wait_for_services(&tracers).await;
        report::draw_all(&memory.records());
        if options.tail {
            tail::explain(&tracers);
        }
    }
    for tracer in &tracers {
        let report = tracer.shutdown_async(Duration::from_secs(5)).await;
        if !report.is_complete() {
            eprintln!("{}: {report}", tracer.resource().service_name());
        }
    }
    Ok(())
}

/// A tracer for one service. All of them keep their spans in one place, so that the trees can be drawn
/// across services, as a tracing backend would.
fn tracer(name: &'static str, memory: &Memory, options: &Options) -> Result<Tracer, BoxError> {
    let mut builder = Tracer::builder(name)
        .resource_attribute("service.version", env!("CARGO_PKG_VERSION"))
        .exporter(memory.clone());
    if options.tail {
        builder = builder.tail_sampler(tail::sampler()?);
    }
    if let Some(path) = &options.json {
        builder = builder.exporter(JsonLines::file(path)?);
    }
    for (connect, url) in &options.backends {
        builder = builder.exporter(connect(url)?);
    }
    Ok(builder.build()?)
}
