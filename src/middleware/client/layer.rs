//! The layer (floor 5).

use super::{
    config::Config,
    service::{Client, UrlTemplate},
};
use crate::{
    middleware::{
        headers::Headers,
        methods::KnownMethods,
        settings::{Settings, common_settings},
    },
    trace::Tracer,
};
use http::{HeaderName, Method, request};
use std::{borrow::Cow, error::Error, fmt, sync::Arc};
use tower_layer::Layer;

/// Gives every call that a client makes a span, and hands the request's ids on with it.
///
/// The span is a child of the current one, covers the exchange to the end of the answer's body, and
/// stands inside of retries: each attempt is a span. Behind a queue such as tower's `Buffer` no span is
/// current: there, put the parent's [`SpanHandle`](crate::SpanHandle) into the request's extensions, and it
/// counts instead. What else it does is described at
/// [`middleware`](crate::middleware). Cloning shares the settings.
///
/// ```
/// # fn client() -> Result<(), throughline::BuildError> {
/// use throughline::{Tracer, middleware::ClientLayer};
/// use tower::ServiceBuilder;
///
/// let tracer = Tracer::builder("orders").build()?;
/// let client = ServiceBuilder::new()
///     .layer(ClientLayer::new(&tracer))
///     .service_fn(|_request: http::Request<String>| async {
///         Ok::<_, std::convert::Infallible>(http::Response::new(String::from("hello")))
///     });
/// # drop(client);
/// # Ok(())
/// # }
/// ```
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
