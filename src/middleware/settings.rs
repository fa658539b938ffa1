//! What both layers can be told (floor 5).

use super::{
    classify::KnownErrors, headers::Headers, heads::with_response_head, methods::KnownMethods,
    recorded::RecordedHeaders,
};
use crate::trace::Tracer;
use http::{Response, response};
use std::{fmt, net::SocketAddr, sync::Arc};

/// Settings of either layer, shared with its exchanges.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) tracer: Tracer,
    pub(super) headers: Headers,
    pub(super) methods: KnownMethods,
    pub(super) recorded: RecordedHeaders,
    pub(super) errors: KnownErrors,
    pub(super) callee: Callee,
}

/// How to tell the peer's address from an answer's head.
#[derive(Clone)]
pub(super) enum Callee {
    /// It is among the extensions.
    Extension,
    Custom(Arc<AddressOf>),
}

type AddressOf = dyn Fn(&response::Parts) -> Option<SocketAddr> + Send + Sync;

impl Callee {
    #[cfg_attr(not(feature = "client"), expect(dead_code, reason = "a server has its caller's only"))]
    pub(super) fn new(
        address: impl Fn(&response::Parts) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        Self::Custom(Arc::new(address))
    }

    pub(super) fn address<B>(&self, response: &mut Response<B>) -> Option<SocketAddr> {
        match self {
            Self::Extension => response.extensions().get().copied(),
            Self::Custom(address) => with_response_head(response, |head| address(head)),
        }
    }
}

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callee")
    }
}

impl Settings {
    pub(super) fn new(tracer: &Tracer) -> Self {
        Self {
            tracer: tracer.clone(),
            headers: Headers::new(tracer),
            methods: tracer.known_methods().map_or_else(KnownMethods::default, KnownMethods::from_list),
            recorded: RecordedHeaders::default(),
            errors: KnownErrors::default(),
            callee: Callee::Extension,
        }
    }
}

/// The methods by which either layer is told.
macro_rules! common_settings {
    () => {
        /// The formats in which the context is read on the way in and written on the way out, several of
        /// them as a [`Composite`](crate::propagation::Composite), none as
        /// [`Composite::none`](crate::propagation::Composite::none). Default: the tracer's
        /// [`propagator`](Tracer::propagator).
        #[must_use]
        pub fn propagator(self, formats: impl Propagator + 'static) -> Self {
            let formats = Formats::new(formats);
            self.set_headers(|headers| headers.formats = formats)
        }

        /// The header that carries the request's id; `None` switches it off. Default `X-Request-ID`.
        #[must_use]
        pub fn request_id_header(self, name: impl Into<Option<HeaderName>>) -> Self {
            let name = name.into();
            self.set_headers(|headers| headers.request_id = name)
        }

        /// Other headers that may carry the request's id, such as `X-Correlation-ID`: looked at in this
        /// order where [the first](Self::request_id_header) is missing. Calls add up. Default: none.
        ///
        /// An id that is there but breaks the rules is replaced, not looked for further.
        #[must_use]
        pub fn request_id_aliases(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
            self.set_headers(|headers| headers.request_id_aliases.extend(names))
        }

        /// Whether the request's id is written under its [aliases](Self::request_id_aliases) too.
        /// Default: no.
        #[must_use]
        pub fn send_request_id_aliases(self, on: bool) -> Self {
            self.set_headers(|headers| headers.sends_aliases = on)
        }

        /// Makes an attribute of each of these entries of the baggage, where there is one; the key stays.
        /// Calls add up. Default: none.
        #[must_use]
        pub fn record_baggage<K: Into<Cow<'static, str>>>(self, keys: impl IntoIterator<Item = K>) -> Self {
            let keys = keys.into_iter().map(K::into);
            self.set_common(|common| common.recorded.baggage.extend(keys))
        }

        /// The header in which caller and callee name their services to one another; `None` switches
        /// it off. Default `X-Service-Name`.
        #[must_use]
        pub fn service_name_header(self, name: impl Into<Option<HeaderName>>) -> Self {
            let name = name.into();
            self.set_headers(|headers| headers.service_name = name)
        }

        /// Records these headers of requests as `http.request.header.<name>`, or as
        /// `rpc.request.metadata.<name>` for gRPC: a list of the header's lines. Calls add up. Default:
        /// none.
        ///
        /// Of `authorization`, `proxy-authorization`, `cookie`, `set-cookie`, `x-api-key` and their
        /// like, and of values marked as sensitive, only `REDACTED` is recorded; and URLs lose their
        /// secrets as everywhere.
        #[must_use]
        pub fn record_request_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
            self.set_common(|common| common.recorded.request.extend(names))
        }

        /// As [`record_request_headers`](Self::record_request_headers), for answers:
        /// `http.response.header.<name>` or `rpc.response.metadata.<name>`.
        #[must_use]
        pub fn record_response_headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
            self.set_common(|common| common.recorded.response.extend(names))
        }

        /// The request methods that are recorded by name; any other is `_OTHER`. They are compared
        /// as they are, for methods are case-sensitive.
        ///
        /// Default: those in `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`, separated by commas; without
        /// it those of RFC 9110, PATCH and QUERY.
        #[must_use]
        pub fn known_methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
            let methods = KnownMethods::these(methods.into_iter().map(|method| method.as_str().to_owned()));
            self.set_common(|common| common.methods = methods)
        }

        /// Looks for causes in errors of this type, of the service or of a body: `error.type` then
        /// tells a refused connection from a timeout, where else it has only the type's name, and the
        /// message has the causes too.
        ///
        /// Needed for a client's own error type, such as hyper-util's, reqwest's or `hyper::Error`. I/O
        /// errors, boxed errors and, with the feature `axum`, those of axum's bodies are looked into
        /// anyway.
        #[must_use]
        pub fn known_error<E: Error + 'static>(self) -> Self {
            self.set_common(|common| common.errors.add::<E>())
        }

        /// Changes settings; a layer that has been cloned gets settings of its own.
        fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
            change(Arc::make_mut(&mut self.config));
            self
        }

        fn set_common(self, change: impl FnOnce(&mut Settings)) -> Self {
            self.set(|config| config.common.change(change))
        }

        fn set_headers(self, change: impl FnOnce(&mut Headers)) -> Self {
            self.set_common(|common| change(&mut common.headers))
        }
    };
}
pub(super) use common_settings;
