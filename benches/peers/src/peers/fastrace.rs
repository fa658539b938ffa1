//! fastrace, with its default settings, and fastrace-tower.
//!
//! Its attributes are texts only. Its client layer hands the trace on and makes no span.

use crate::{
    conditions::{App, Shared, router},
    sink::{SINK, Seen},
    subject::Subject,
    workload::Workload,
    workloads::{self, CHILDREN, http},
};
use fastrace::{
    Event, Span,
    collector::{Config, Reporter, SpanContext, SpanRecord},
    local::LocalSpan,
};
use fastrace_tower::{FastraceClientLayer, FastraceServerLayer};
use tower::{Layer, service_fn};

pub fn set_up(workload: Workload) -> Subject {
    if workload == Workload::NoTracer {
        return Subject::new(workload, || nested(SpanContext::random()), || ());
    }
    fastrace::set_reporter(Null, Config::default());
    match workload {
        Workload::Request => Subject::new(workload, request, fastrace::flush),
        Workload::Unsampled => {
            Subject::new(workload, || nested(SpanContext::random().sampled(false)), fastrace::flush)
        }
        Workload::Http => {
            let client = FastraceClientLayer.layer(service_fn(http::backend));
            let server = service_fn(move |request| http::handle(request, client.clone()));
            let (mut server, mut requests) =
                (FastraceServerLayer::default().layer(server), http::Requests::new());
            Subject::new(workload, move || http::exchange(&mut server, requests.next()), fastrace::flush)
        }
        _ => Subject::new(workload, || nested(SpanContext::random()), fastrace::flush),
    }
}

fn nested(parent: SpanContext) {
    let root = Span::root("root", parent);
    let _current = root.set_local_parent();
    for _ in 0..CHILDREN {
        let _child = LocalSpan::enter_with_local_parent("child");
    }
}

fn request() {
    let root = Span::root("request", SpanContext::random()).with_properties(|| {
        [
            ("http.request.method", "GET".into()),
            ("http.route", http::ROUTE.into()),
            ("url.path", workloads::path().to_owned().into()),
            ("user.id", std::borrow::Cow::Owned(workloads::user().to_owned())),
            ("http.response.status_code", "200".into()),
            ("server.port", "8080".into()),
        ]
    });
    let _current = root.set_local_parent();
    for _ in 0..3 {
        let _child = LocalSpan::enter_with_local_parent("query")
            .with_properties(|| [("db.system.name", "postgresql"), ("attempt", "1")]);
        LocalSpan::add_event(Event::new("row").with_property(|| ("count", "1")));
    }
}

pub fn shared() -> Shared {
    fastrace::set_reporter(Null, Config::default());
    Shared { trace: Box::new(|| nested(SpanContext::random())), flush: Box::new(fastrace::flush) }
}

pub fn app() -> App {
    fastrace::set_reporter(Null, Config::default());
    let client = FastraceClientLayer.layer(service_fn(http::backend));
    let finish = || {
        fastrace::flush();
        Ok(())
    };
    App { router: router(client).layer(FastraceServerLayer::default()), finish: Box::new(finish) }
}

struct Null;

impl Reporter for Null {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        SINK.take(spans.len(), || spans.iter().map(describe));
    }
}

fn describe(span: &SpanRecord) -> Seen {
    Seen {
        name: span.name.to_string(),
        attributes: span.properties.iter().map(|(key, _)| key.to_string()).collect(),
        events: span.events.iter().map(|event| (event.name.to_string(), event.properties.len())).collect(),
        has_kind: false,
    }
}
