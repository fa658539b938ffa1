//! throughline, with its default settings.

use crate::{
    sink::{SINK, Seen},
    subject::Subject,
    workload::Workload,
    workloads::{http, ours},
};
use std::time::Duration;
use throughline::{
    Batch, Span, SpanKind, SpanRecord, Tracer,
    export::{ExportError, Exporter},
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
            let (mut server, request) = (ours::server(&tracer), http::request());
            Subject::new(workload, move || http::exchange(&mut server, request.clone()), flush)
        }
        _ => Subject::new(workload, move || ours::nested(tracer.span("root")), flush),
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
