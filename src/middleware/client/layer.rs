//! The layer (floor 5).

use super::{
    config::Config,
    service::{Client, UrlTemplate},
};
use crate::{
    middleware::{
        headers::Headers,
        methods::KnownMethods,
        settings::{Callee, Settings, common_settings},
    },
    trace::Tracer,
};
use http::{HeaderName, Method, request, response};
use std::{borrow::Cow, error::Error, fmt, net::SocketAddr, sync::Arc};
use tower_layer::Layer;

/// Gives every call that a client makes a span, and hands the request's ids on with it.
///
/// The span is a child of the current one, covers the exchange to the end of the answer's body, and
/// stands inside of retries: each attempt is a span. Behind a queue such as tower's `Buffer` no span is
/// current: there, put the parent's [`SpanHandle`](crate::SpanHandle) into the request's extensions, and it
/// counts instead. What else it does is described at
/// [`middleware`](crate::middleware). Cloning shares the settings.
///
/// A client that is not a service of `http`'s requests is made one by two conversions, here reqwest's.
/// Its errors are made known, so that their causes are recorded:
///
/// ```
/// # fn client() -> Result<(), Box<dyn std::error::Error>> {
/// use throughline::{Tracer, middleware::ClientLayer};
/// use tower::ServiceBuilder;
///
/// let tracer = Tracer::builder("orders").build()?;
/// let http = reqwest::Client::new();
/// let client = ServiceBuilder::new()
///     .layer(ClientLayer::new(&tracer).known_error::<reqwest::Error>())
///     .service_fn(move |request: http::Request<reqwest::Body>| {
///         let http = http.clone();
///         async move { http.execute(request.try_into()?).await.map(http::Response::from) }
///     });
/// # drop(client);
/// # Ok(())
/// # }
/// ```
///
/// A tonic client needs `with_origin`, as in `StockClient::with_origin(layered, origin)`: its channel adds
/// the server's name only behind the layer, where a span would lack it.
#[derive(Clone)]
pub struct ClientLayer {
    config: Arc<Config>,
}

impl ClientLayer {
    /// A layer whose spans are this tracer's.
    pub fn new(tracer: &Tracer) -> Self {
        let config = Config {
            common: Arc::new(Settings::new(tracer)),
            url_template: Arc::new(|head| {
                head.extensions.get().map(|UrlTemplate(template)| template.clone())
            }),
        };
        Self { config: Arc::new(config) }
    }

    /// How to tell the template of the URL (`/orders/{id}`) from the request's head: the span's name
    /// and `url.template`. Default: an [`UrlTemplate`] among the request's extensions; without one, the
    /// name is the method alone.
    #[must_use]
    pub fn url_template(
        self,
        template: impl Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.url_template = Arc::new(template))
    }

    /// How to tell the peer's socket address from the answer's head, where the client has put it: it
    /// becomes `network.peer.address` and `network.peer.port`.
    ///
    /// Default: a [`SocketAddr`] among the answer's extensions. For hyper-util's client:
    /// `|head| head.extensions.get().map(HttpInfo::remote_addr)`.
    #[must_use]
    pub fn peer(self, peer: impl Fn(&response::Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> Self {
        self.set_common(|common| common.callee = Callee::new(peer))
    }

    common_settings!();
}

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client::new(inner, self.config.clone())
    }
}

impl fmt::Debug for ClientLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientLayer").field("settings", &self.config.common).finish_non_exhaustive()
    }
}
