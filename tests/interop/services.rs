//! Services of ours that pass a request on, as those in `python` and `go` do.

use crate::{
    seen::Seen,
    servers::{read_json, until},
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Request, Uri},
    routing::get,
};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, time::Duration};
use throughline::{
    Span, Tracer,
    exporters::Memory,
    middleware::{ClientLayer, ServerLayer},
    propagation::Composite,
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};

/// A service that answers and asks through the layers, and keeps its spans.
pub struct Service {
    pub address: SocketAddr,
    tracer: Tracer,
    memory: Memory,
}

impl Service {
    /// With its callers and the called it speaks these header formats.
    pub async fn start(name: &'static str, formats: Composite) -> Self {
        let memory = Memory::new();
        let builder = Tracer::builder(name).exporter(memory.clone()).propagator(formats);
        let tracer = builder.environment(|_| None).build().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app =
            Router::new().route("/hop", get(hop)).with_state(tracer.clone()).layer(ServerLayer::new(&tracer));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, tracer, memory }
    }

    /// The spans so far, once there are so many.
    pub async fn spans(&self, count: usize) -> Vec<Seen> {
        let ended = async || {
            let report = self.tracer.flush_async(Duration::from_secs(5)).await;
            assert!(report.is_complete(), "{report}");
            self.memory.records()
        };
        let records = until(|records: &Vec<_>| records.len() >= count, ended).await;
        assert_eq!(records.len(), count, "{records:#?}");
        records.iter().map(|record| Seen::record(&record.resource, &record.span)).collect()
    }
}

/// Asks the first of the services in `then` for the same, with the others as its `then`, and answers with what
/// it was sent and what it got.
async fn hop(State(tracer): State<Tracer>, uri: Uri, headers: HeaderMap) -> Json<Value> {
    let then = uri.query().and_then(|query| query.strip_prefix("then=")).unwrap_or_default();
    let (first, others) = then.split_once(',').unwrap_or((then, ""));
    Span::new("consider").set_attribute("hop.text", "żółw");
    let next = if first.is_empty() { Value::Null } else { pass_on(&tracer, first, others).await };
    let headers: Map<_, _> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().into())).collect();
    Json(json!({ "service": tracer.resource().service_name(), "headers": headers, "next": next }))
}

async fn pass_on(tracer: &Tracer, first: &str, others: &str) -> Value {
    let connections = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let client = ServiceBuilder::new().layer(ClientLayer::new(tracer)).service(connections);
    let request = Request::get(format!("http://{first}/hop?then={others}")).body(Empty::new()).unwrap();
    read_json(client.oneshot(request).await.unwrap()).await.expect("the next service answers")
}
