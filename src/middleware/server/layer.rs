//! The layer (floor 5).

use super::{
    config::Config,
    forwarded::Forwarded,
    service::Server,
    trust::{Trust, TrustPolicy},
};
use crate::{
    middleware::{
        common::Common,
        headers::Headers,
        methods::KnownMethods,
        settings::{Settings, common_settings},
    },
    propagation::{Formats, Propagator},
    trace::Tracer,
};
use http::{HeaderName, Method, request};
use std::{borrow::Cow, error::Error, fmt, net::SocketAddr, sync::Arc};
use tower_layer::Layer;

/// Gives every request that a service answers a span, from its head to the end of the answer's body.
///
/// What it does is described at [`middleware`](crate::middleware). Cloning shares the settings.
///
/// ```
/// # fn app() -> Result<(), throughline::BuildError> {
/// use throughline::{Tracer, middleware::ServerLayer};
/// use tower::ServiceBuilder;
///
/// let tracer = Tracer::builder("orders").build()?;
/// let service = ServiceBuilder::new()
///     .layer(ServerLayer::new(&tracer))
///     .service_fn(|_request: http::Request<String>| async {
///         Ok::<_, std::convert::Infallible>(http::Response::new(String::from("hello")))
///     });
/// # drop(service);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerLayer {
    config: Arc<Config>,
}

impl ServerLayer {
    /// A layer whose spans are this tracer's.
    pub fn new(tracer: &Tracer) -> Self {
        let config = Config {
            common: Common::new(Settings::new(tracer)),
            route: Arc::new(default_route),
            peer: Arc::new(|head| head.extensions.get::<SocketAddr>().copied()),
            default_scheme: "http",
            trust: Arc::new(Trust::Continue),
            replaces_untrusted_ids: false,
            forwarded: None,
            secret_headers: Vec::new(),
        };
        know_axum(Self { config: Arc::new(config) })
    }

    /// How to tell the route's template (`/orders/{id}`) from the request's head: the span's name and
    /// `http.route`. It must be a template; a raw path would make as many names as there are paths.
    ///
    /// Default: with the feature `axum`, axum's matched path, else none.
    #[must_use]
    pub fn route(
        self,
        route: impl Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.set(|config| config.route = Arc::new(route))
    }

    /// How to tell the peer's socket address from the request's head, where the server has put it.
    ///
    /// Default: a [`SocketAddr`] among the request's extensions. For axum with connect info:
    /// `|head| head.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)`.
    #[must_use]
    pub fn peer(self, peer: impl Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> Self {
        self.set(|config| config.peer = Arc::new(peer))
    }

    /// The scheme of a request whose own target names none, as HTTP/1.1's does not. Default `http`.
    #[must_use]
    pub fn default_scheme(self, scheme: &'static str) -> Self {
        self.set(|config| config.default_scheme = scheme)
    }

    /// How far the sender of a request is believed: see [`trust`](crate::middleware::trust). Default:
    /// [`Trust::Continue`] for all, which is right behind an edge that checks, not at it: anyone's baggage is
    /// then taken over too, and anyone's wish for debugging sampled, but for what a branch of
    /// [`ParentBased`](crate::sampling::ParentBased) limits.
    #[must_use]
    pub fn trust(self, policy: impl TrustPolicy + 'static) -> Self {
        self.set(|config| {
            config.secret_headers.extend(policy.secret_headers());
            config.trust = Arc::new(policy);
        })
    }

    /// Whether a request whose trace does not go on gets a new id, instead of the one that it came with.
    /// Default: no.
    #[must_use]
    pub fn replace_untrusted_request_ids(self, on: bool) -> Self {
        self.set(|config| config.replaces_untrusted_ids = on)
    }

    /// Which proxies are believed when they say who called them, by which host and scheme:
    /// `client.address`, `server.address`, `server.port` and `url.scheme`. Default: none.
    #[must_use]
    pub fn forwarded(self, forwarded: Forwarded) -> Self {
        self.set(|config| {
            config.secret_headers.extend(forwarded.secret_headers());
            config.forwarded = Some(forwarded);
        })
    }

    common_settings!();

    /// The header that says how long the answer's head took, as in `12.345ms`; `None` switches it off.
    /// Default `X-Response-Time`.
    #[must_use]
    pub fn response_time_header(self, name: impl Into<Option<HeaderName>>) -> Self {
        let name = name.into();
        self.set_headers(|headers| headers.response_time = name)
    }

    /// Whether a line of `Server-Timing`, which browsers show, is added to the answer:
    /// `total;dur=12.345, traceparent;desc="00-…"`, the milliseconds to the answer's head, and the span.
    /// Default: no.
    #[must_use]
    pub fn server_timing(self, on: bool) -> Self {
        self.set_headers(|headers| headers.server_timing = on)
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server::new(inner, self.config.clone())
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer").field("settings", &self.config.common).finish_non_exhaustive()
    }
}

#[cfg(feature = "axum")]
fn default_route(head: &request::Parts) -> Option<Cow<'static, str>> {
    let matched = head.extensions.get::<axum::extract::MatchedPath>()?;
    Some(matched.as_str().to_owned().into())
}

/// The error of axum's bodies only wraps the one that tells what went wrong.
#[cfg(feature = "axum")]
fn know_axum(layer: ServerLayer) -> ServerLayer {
    layer.known_error::<axum::Error>()
}

#[cfg(not(feature = "axum"))]
fn default_route(_: &request::Parts) -> Option<Cow<'static, str>> {
    None
}

#[cfg(not(feature = "axum"))]
fn know_axum(layer: ServerLayer) -> ServerLayer {
    layer
}
