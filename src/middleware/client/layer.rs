//! The layer (floor 5).

use super::{
    config::{Config, Origin, Template},
    destinations::{Destinations, OwnNetwork},
    service::Client,
};
use crate::{
    middleware::{
        common::Common,
        headers::Headers,
        methods::KnownMethods,
        settings::{Callee, Settings, common_settings},
    },
    propagation::{Formats, Propagator},
    trace::Tracer,
};
use http::{HeaderName, Method, Uri, request, response};
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
/// tonic's channel adds the server's name only behind the layer, where a span would lack it: name it by
/// [`origin`](Self::origin), or to the client, as in `StockClient::with_origin(layered, origin)`.
#[derive(Clone)]
pub struct ClientLayer {
    config: Arc<Config>,
}

impl ClientLayer {
    /// A layer whose spans are this tracer's.
    pub fn new(tracer: &Tracer) -> Self {
        let config = Config {
            common: Common::new(Settings::new(tracer)),
            url_template: Template::Extension,
            baggage_to: Arc::new(OwnNetwork::new()),
            origin: None,
        };
        Self { config: Arc::new(config) }
    }

    /// How to tell the template of the URL (`/orders/{id}`) from the request's head: the span's name
    /// and `url.template`. Default: an [`UrlTemplate`](super::UrlTemplate) among the request's extensions; without one, the
    /// name is the method alone.
    #[must_use]
    pub fn url_template(
        self,
        template: impl Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.url_template = Template::Custom(Arc::new(template)))
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

    /// Which hosts baggage is handed on to. To others none is sent, not even what stood in the request's
    /// headers before. Default: [`OwnNetwork`].
    ///
    /// The host is the one in the request's URI or, where it has none, that of the [`origin`](Self::origin).
    /// Without either it is not known, and there is no baggage: a `Host` header may be one that a gateway
    /// passes on.
    #[must_use]
    pub fn baggage_to(self, hosts: impl Destinations + 'static) -> Self {
        self.set(|config| config.baggage_to = Arc::new(hosts))
    }

    /// Where requests go whose URI has a path only, because the client itself knows the rest, as tonic's
    /// channel does. Only scheme and host count; a URI without a host changes nothing. Default: the `Host`
    /// header tells, if there is one.
    #[must_use]
    pub fn origin(self, origin: Uri) -> Self {
        let parts = origin.into_parts();
        self.set(|config| {
            if let Some(authority) = parts.authority {
                config.origin = Some(Origin { scheme: parts.scheme, authority });
            }
        })
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
