//! Who answers where, and clients that find it there.
//!
//! A stand-in for the service discovery of a real system, behind the same seam: tower's `Discover`.

use crate::BoxError;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::{
    collections::HashMap,
    future::{Ready, ready},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use throughline::{
    Span, Tracer,
    middleware::{ClientLayer, ResendCount},
};
use tower::{
    Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequests},
    retry::Policy,
    util::BoxCloneSyncService,
};

/// The body of every call: small, known in advance, so that a call can be made again.
pub type RequestBody = Full<Bytes>;
/// The body of every answer, with the client's span around it.
pub type ResponseBody = throughline::middleware::ResponseBody<hyper::body::Incoming>;
/// A client of one service.
pub type ServiceClient = BoxCloneSyncService<Request<RequestBody>, Response<ResponseBody>, BoxError>;

/// Where the services are.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<&'static str, Vec<SocketAddr>>>>);

impl Registry {
    pub fn register(&self, service: &'static str, address: SocketAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(service).or_default().push(address);
    }

    pub fn first(&self, service: &str) -> Option<SocketAddr> {
        self.addresses(service).first().copied()
    }

    fn addresses(&self, service: &str) -> Vec<SocketAddr> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(service).cloned().unwrap_or_default()
    }

    /// A client of `service` for the owner of `tracer`: balanced over all instances, with a deadline for
    /// each attempt and a second attempt.
    ///
    /// The client layer stands innermost, around the connection: every attempt is a span, and it knows
    /// which instance it went to.
    pub fn client(&self, service: &'static str, tracer: &Tracer, deadline: Duration) -> ServiceClient {
        let connections = Client::builder(TokioExecutor::new()).build_http::<RequestBody>();
        let instance_at = |address| {
            let instance = ServiceBuilder::new()
                .map_request(move |request| at(request, address))
                .layer(ClientLayer::new(tracer))
                .service(connections.clone());
            PendingRequests::new(instance, CompleteOnResponse::default())
        };
        let instances: Vec<_> = self.addresses(service).into_iter().map(instance_at).collect();
        let balanced = Balance::new(ServiceList::new(instances));
        let client = ServiceBuilder::new()
            .map_request(remember_parent)
            .retry(OnceMore { attempts_left: 1 })
            .timeout(deadline)
            .buffer(16)
            .service(balanced);
        BoxCloneSyncService::new(client.map_err(BoxError::from))
    }
}

/// The buffer hands requests to a task of its own, where no span is current: the request takes its parent
/// along.
fn remember_parent(mut request: Request<RequestBody>) -> Request<RequestBody> {
    if let Some(parent) = Span::current().handle() {
        request.extensions_mut().insert(parent);
    }
    request
}

/// Sends a request whose target is only a path to this address.
fn at(mut request: Request<RequestBody>, address: SocketAddr) -> Request<RequestBody> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if let Ok(uri) = Uri::builder().scheme("http").authority(address.to_string()).path_and_query(path).build()
    {
        *request.uri_mut() = uri;
    }
    request
}

/// Tries again after a timeout, not after an answer.
#[derive(Clone)]
struct OnceMore {
    attempts_left: u32,
}

impl Policy<Request<RequestBody>, Response<ResponseBody>, BoxError> for OnceMore {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<RequestBody>,
        result: &mut Result<Response<ResponseBody>, BoxError>,
    ) -> Option<Ready<()>> {
        if result.is_ok() || self.attempts_left == 0 {
            return None;
        }
        self.attempts_left -= 1;
        request.extensions_mut().insert(ResendCount(1));
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
        Some(request.clone())
    }
}

/// Sends one request through a client.
pub async fn send(
    mut client: ServiceClient,
    request: Request<RequestBody>,
) -> Result<Response<ResponseBody>, BoxError> {
    client.ready().await?.call(request).await
}
