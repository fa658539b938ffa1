//! What a request asks for (floor 5): a method of HTTP, or a procedure of gRPC. Shared by both sides.

use super::{
    grpc,
    methods::{KnownMethods, RecordedMethod},
};
use crate::semconv;
use http::{HeaderValue, Method, Uri};
use std::borrow::Cow;

pub(super) enum Asked {
    /// With the route, or the template of the URL, if that is known.
    Http(RecordedMethod, Option<Cow<'static, str>>),
    Grpc(Box<grpc::Call>),
}

impl Asked {
    /// `place` tells the route or the URL's template, which only plain HTTP has.
    pub(super) fn of(
        method: &Method,
        uri: &Uri,
        content_type: Option<&HeaderValue>,
        methods: &KnownMethods,
        place: impl FnOnce() -> Option<Cow<'static, str>>,
    ) -> Self {
        match grpc::Call::of(method, uri, content_type) {
            Some(call) => Self::Grpc(Box::new(call)),
            None => Self::Http(methods.record(method), place()),
        }
    }

    pub(super) fn span_name(&self) -> Cow<'static, str> {
        match self {
            Self::Http(method, place) => method.span_name(place.as_deref()),
            Self::Grpc(call) => call.span_name(),
        }
    }

    /// Of the headers' names in attributes.
    pub(super) const fn prefix(&self) -> &'static str {
        match self {
            Self::Http(..) => semconv::HTTP_REQUEST_HEADER,
            Self::Grpc(_) => semconv::RPC_REQUEST_METADATA,
        }
    }

    pub(super) fn into_grpc(self) -> Option<Box<grpc::Call>> {
        match self {
            Self::Http(..) => None,
            Self::Grpc(call) => Some(call),
        }
    }
}
