//! What both layers can be told (floor 5).

use super::{headers::Headers, methods::KnownMethods};
use crate::trace::Tracer;

/// Settings of either layer, shared with the futures of its answers.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) tracer: Tracer,
    pub(super) headers: Headers,
    pub(super) methods: KnownMethods,
}

impl Settings {
    pub(super) fn new(tracer: &Tracer) -> Self {
        Self { tracer: tracer.clone(), headers: Headers::new(tracer), methods: KnownMethods::from_env() }
    }
}

/// The methods by which either layer is told of headers.
macro_rules! header_settings {
    () => {
        /// Whether `traceparent` and `tracestate` are read on the way in and written on the way out.
        /// Default: yes.
        #[must_use]
        pub fn trace_context(self, on: bool) -> Self {
            self.set_headers(|headers| headers.trace_context = on)
        }

        /// The header that carries the request's id; `None` switches it off. Default `X-Request-ID`.
        #[must_use]
        pub fn request_id_header(self, name: impl Into<Option<HeaderName>>) -> Self {
            let name = name.into();
            self.set_headers(|headers| headers.request_id = name)
        }

        /// The header in which caller and callee name their services to one another; `None` switches
        /// it off. Default `X-Service-Name`.
        #[must_use]
        pub fn service_name_header(self, name: impl Into<Option<HeaderName>>) -> Self {
            let name = name.into();
            self.set_headers(|headers| headers.service_name = name)
        }

        /// Changes settings; a layer that has been cloned gets settings of its own.
        fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
            change(Arc::make_mut(&mut self.config));
            self
        }

        fn set_headers(self, change: impl FnOnce(&mut Headers)) -> Self {
            self.set(|config| change(&mut Arc::make_mut(&mut config.common).headers))
        }
    };
}
pub(super) use header_settings;
