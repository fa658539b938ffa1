//! throughline, with its default settings.

use crate::{
    data, http,
    sink::{SINK, Seen},
    subject::Subject,
    workload::{CHILDREN, Workload},
};
use std::time::Duration;
use throughline::{
    Batch, Span, SpanKind, SpanRecord, Tracer,
    export::{ExportError, Exporter},
    middleware::{ClientLayer, ServerLayer},
    sampling::AlwaysOff,
};
use tower::{Layer, service_fn};

pub fn set_up(workload: Workload) -> Subject {
    if workload == Workload::NoTracer {
        return Subject::new(workload, || nested(Span::new("root")), || ());
    }
    let builder = Tracer::builder("peers").exporter(Null);
    let builder = if workload == Workload::Unsampled { builder.sampler(AlwaysOff) } else { builder };
    let tracer = builder.build().expect("a tracer");
    let flush = {
        let tracer = tracer.clone();
        move || assert!(tracer.flush(Duration::from_secs(10)).is_complete())
    };
    match workload {
        Workload::Request => Subject::new(workload, move || request(&tracer), flush),
        Workload::Http => {
            let client = ClientLayer::new(&tracer).layer(service_fn(http::backend));
            let server = service_fn(move |request| http::handle(request, client.clone()));
            let layer = ServerLayer::new(&tracer).route(|_| Some(http::ROUTE.into()));
            let (mut server, request) = (layer.layer(server), http::request());
            Subject::new(workload, move || http::exchange(&mut server, request.clone()), flush)
        }
        _ => Subject::new(workload, move || nested(tracer.span("root")), flush),
    }
}

fn nested(root: Span) {
    let _root = root.entered();
    for _ in 0..CHILDREN {
        let _child = Span::new("child").entered();
    }
}

fn request(tracer: &Tracer) {
    let root = tracer.span("request").entered();
    root.set_attribute("http.request.method", "GET")
        .set_attribute("http.route", http::ROUTE)
        .set_attribute("url.path", data::path())
        .set_attribute("user.id", data::user())
        .set_attribute("http.response.status_code", 200)
        .set_attribute("server.port", 8080);
    for _ in 0..3 {
        let child = Span::new("query").entered();
        child.set_attribute("db.system.name", "postgresql").set_attribute("attempt", data::attempt());
        child.add_event("row", &[("count", 1.into())]);
    }
}

struct Null;

impl Exporter for Null {
    fn name(&self) -> &str {
        "null"
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        SINK.take(batch.len(), || batch.spans().map(describe));
        Ok(())
    }
}

fn describe(span: &SpanRecord) -> Seen {
    Seen {
        name: span.name().to_owned(),
        attributes: span.attributes().map(|attribute| attribute.key.to_owned()).collect(),
        events: span.events().map(|event| (event.name.to_owned(), event.attributes().len())).collect(),
        has_kind: span.kind() != SpanKind::Internal,
    }
}
