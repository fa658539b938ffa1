//! `name`, `kind`, `tracer`, `root` and `crate`.

use crate::{Traced, finished, tracer};
use std::sync::Arc;
use throughline::{Span, SpanKind, Tracer, instrument};

const NAME: &str = "from a constant";

#[instrument(name = "GET /orders/{id}")]
fn literal() {}

#[instrument(name = NAME)]
fn constant() {}

#[instrument(name = concat!("GET ", "/"))]
fn expression() {}

#[instrument]
fn r#match() {}

#[test]
fn the_name_is_the_functions_or_what_is_asked_for() {
    let traced = Traced::new();
    literal();
    constant();
    expression();
    r#match();
    assert_eq!(traced.names(), ["GET /orders/{id}", "from a constant", "GET /", "match"]);
}

#[instrument(kind = "server")]
fn server() {}

#[instrument(kind = "client")]
fn client() {}

#[instrument(kind = "producer")]
fn producer() {}

#[instrument(kind = "consumer")]
fn consumer() {}

#[instrument(kind = "internal")]
fn internal() {}

#[instrument(kind = SpanKind::Client)]
fn path() {}

#[test]
fn the_kind_is_a_text_or_a_path() {
    let traced = Traced::new();
    server();
    client();
    producer();
    consumer();
    internal();
    path();
    let kinds: Vec<_> = traced.spans().iter().map(|span| span.kind().as_str()).collect();
    assert_eq!(kinds, ["server", "client", "producer", "consumer", "internal", "client"]);
}

struct Orders {
    tracer: Tracer,
    shared: Arc<Tracer>,
}

impl Orders {
    #[instrument(tracer = self.tracer, kind = "client")]
    fn owned(&self) {
        inside();
    }

    #[instrument(tracer = &self.tracer)]
    async fn borrowed(&self, id: u64) -> u64 {
        id
    }

    #[instrument(tracer = self.shared)]
    fn shared(self) {}
}

#[instrument]
fn inside() {}

#[test]
fn a_tracer_can_be_named_and_children_follow_it() {
    let (own, memory) = tracer();
    let traced = Traced::new();
    let orders = Orders { tracer: own.clone(), shared: Arc::new(own.clone()) };
    orders.owned();
    assert_eq!(crate::block_on(orders.borrowed(3)), 3);
    orders.shared();
    let names: Vec<_> = finished(&own, &memory).iter().map(|span| span.name().to_owned()).collect();
    assert_eq!(names, ["inside", "owned", "borrowed", "shared"]);
    assert_eq!(traced.names(), [""; 0]);
}

#[instrument]
fn around() {
    apart();
    part();
}

#[instrument(root, kind = "consumer")]
fn apart() {}

#[instrument]
fn part() {}

#[test]
fn a_root_starts_a_trace_of_its_own() {
    let traced = Traced::new();
    around();
    let spans = traced.spans();
    assert_eq!(traced.names(), ["apart", "part", "around"]);
    assert_eq!(spans[0].parent_span_id(), None);
    assert_ne!(spans[0].trace_id(), spans[2].trace_id());
    assert_eq!(spans[1].trace_id(), spans[2].trace_id());
}

mod reexported {
    pub(super) mod telemetry {
        pub(crate) use throughline::*;
    }
}

#[instrument(crate = crate::options::reexported::telemetry, kind = "client", err)]
async fn elsewhere(number: u8) -> Result<u8, std::fmt::Error> {
    Ok(number)
}

#[test]
fn the_crate_may_be_found_elsewhere() {
    let traced = Traced::new();
    assert_eq!(crate::block_on(elsewhere(1)), Ok(1));
    assert_eq!(traced.span().kind(), SpanKind::Client);
    assert!(Span::current().context().is_none());
}
