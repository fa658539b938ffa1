//! throughline, with its default settings.

use crate::{
    conditions::{App, Shared, router},
    sink::{SINK, Seen},
    subject::Subject,
    workload::Workload,
    workloads::{http, ours},
};
use std::time::Duration;
use throughline::{
    Batch, Span, SpanKind, SpanRecord, Tracer,
    export::{ExportError, Exporter},
    middleware::ServerLayer,
    sampling::AlwaysOff,
};

pub fn set_up(workload: Workload) -> Subject {
    if workload == Workload::NoTracer {
        return Subject::new(workload, || ours::nested(Span::new("root")), || ());
    }
    let builder = Tracer::builder("peers").exporter(Null);
    let builder = if workload == Workload::Unsampled { builder.sampler(AlwaysOff) } else { builder };
    let tracer = builder.build().expect("a tracer");
    let flush = {
        let tracer = tracer.clone();
        move || assert!(tracer.flush(Duration::from_secs(10)).is_complete())
    };
    match workload {
        Workload::Request => Subject::new(workload, move || ours::request(&tracer), flush),
        Workload::Http => {
            let (mut server, mut requests) = (ours::server(&tracer), http::Requests::new());
            Subject::new(workload, move || http::exchange(&mut server, requests.next()), flush)
        }
        _ => Subject::new(workload, move || ours::nested(tracer.span("root")), flush),
    }
}

pub fn shared() -> Shared {
    let tracer = Tracer::builder("peers").exporter(Null).build().expect("a tracer");
    let flushed = tracer.clone();
    Shared {
        trace: Box::new(move || ours::nested(tracer.span("root"))),
        flush: Box::new(move || assert!(flushed.flush(Duration::from_secs(10)).is_complete())),
    }
}

pub fn app() -> App {
    let tracer = Tracer::builder("peers").exporter(Null).build().expect("a tracer");
    let router = router(ours::client(&tracer)).layer(ServerLayer::new(&tracer));
    let finish = move || {
        let report = tracer.shutdown(Duration::from_secs(10));
        if report.is_complete() { Ok(()) } else { Err(report.to_string()) }
    };
    App { router, finish: Box::new(finish) }
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
