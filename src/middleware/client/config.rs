//! What a layer, its services and their futures go by (floor 5).

use super::destinations::Destinations;
use crate::middleware::settings::Settings;
use http::{
    request,
    uri::{Authority, Scheme},
};
use std::{borrow::Cow, sync::Arc};

type TemplateOf = dyn Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync;

/// Built once, shared by all clones.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) common: Arc<Settings>,
    pub(super) url_template: Arc<TemplateOf>,
    pub(super) baggage_to: Arc<dyn Destinations>,
    pub(super) origin: Option<Origin>,
}

/// Where requests go whose URI does not say so.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Authority,
}
