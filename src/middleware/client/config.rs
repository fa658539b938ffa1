//! What a layer, its services and their futures go by (floor 5).

use super::destinations::Destinations;
use crate::middleware::{common::Common, grpc::is_grpc, heads::with_request_head};
use http::{
    Request,
    header::CONTENT_TYPE,
    request,
    uri::{Authority, Scheme},
};
use std::{borrow::Cow, sync::Arc};

type TemplateOf = dyn Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync;

/// How to tell the template of a request's URL.
#[derive(Clone)]
pub(super) enum Template {
    /// It is among the extensions.
    Extension,
    Custom(Arc<TemplateOf>),
}

impl Template {
    pub(super) fn of<B>(&self, request: &mut Request<B>) -> Option<Cow<'static, str>> {
        match self {
            Self::Extension => request.extensions().get().map(|UrlTemplate(template)| template.clone()),
            // A procedure has none.
            Self::Custom(_) if is_grpc(request.headers().get(CONTENT_TYPE)) => None,
            Self::Custom(template) => with_request_head(request, |head| template(head)),
        }
    }
}

/// Put into a request's extensions, it tells the template of its URL, such as `/orders/{id}`: the span's
/// name and `url.template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate(pub Cow<'static, str>);

/// Built once, shared by all clones.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) common: Common,
    pub(super) url_template: Template,
    pub(super) baggage_to: Arc<dyn Destinations>,
    pub(super) origin: Option<Origin>,
}

/// Where requests go whose URI does not say so.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Authority,
}
