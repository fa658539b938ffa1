//! The workloads as a user of throughline writes them, with the default settings.

use super::{CHILDREN, attempt, http, path, user};
use std::convert::Infallible;
use throughline::{
    Batch, Span, Tracer,
    export::{ExportError, Exporter},
    middleware::{Client, ClientLayer, Server, ServerLayer},
};
use tower::{Layer, Service, service_fn};

/// A root and its children, each of them entered and ended.
pub fn nested(root: Span) {
    let _root = root.entered();
    for _ in 0..CHILDREN {
        let _child = Span::new("child").entered();
    }
}

/// A root with six attributes, and three children with two attributes and an event each.
pub fn request(tracer: &Tracer) {
    let root = tracer.span("request").entered();
    root.set_attribute("http.request.method", "GET")
        .set_attribute("http.route", http::ROUTE)
        .set_attribute("url.path", path())
        .set_attribute("user.id", user())
        .set_attribute("http.response.status_code", 200)
        .set_attribute("server.port", 8080);
    for _ in 0..3 {
        let child = Span::new("query").entered();
        child.set_attribute("db.system.name", "postgresql").set_attribute("attempt", attempt());
        child.add_event("row", &[("count", 1.into())]);
    }
}

/// A client of the backend, behind a layer.
pub fn client(
    tracer: &Tracer,
) -> Client<
    impl Service<http::Outgoing, Response = http::Answer, Error = Infallible, Future: Send> + Clone + use<>,
> {
    ClientLayer::new(tracer).layer(service_fn(http::backend))
}

/// The whole service: a layer, the handler, a client's layer within it.
pub fn server(
    tracer: &Tracer,
) -> Server<
    impl Service<http::Incoming, Response = http::Answer, Error = Infallible, Future: Send> + Clone + use<>,
> {
    let client = client(tracer);
    layer(tracer).layer(service_fn(move |request| http::handle(request, client.clone())))
}

/// The server's layer, which knows the route.
pub fn layer(tracer: &Tracer) -> ServerLayer {
    ServerLayer::new(tracer).route(|_| Some(http::ROUTE.into()))
}

/// An exporter to which spans are nothing but a number.
pub struct Null;

impl Exporter for Null {
    fn name(&self) -> &str {
        "null"
    }

    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        Ok(())
    }
}
