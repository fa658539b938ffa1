//! What a layer, its services and their futures go by (floor 5).

use crate::middleware::settings::Settings;
use http::request;
use std::{borrow::Cow, sync::Arc};

type TemplateOf = dyn Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync;

/// Built once, shared by all clones.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) common: Arc<Settings>,
    pub(super) url_template: Arc<TemplateOf>,
}
