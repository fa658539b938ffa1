//! What a layer, its services and their futures go by (floor 5).

use super::{forwarded::Forwarded, trust::TrustPolicy};
use crate::middleware::common::Common;
use http::{HeaderName, request};
use std::{borrow::Cow, net::SocketAddr, sync::Arc};

type RouteOf = dyn Fn(&request::Parts) -> Option<Cow<'static, str>> + Send + Sync;
type PeerOf = dyn Fn(&request::Parts) -> Option<SocketAddr> + Send + Sync;

/// Built once, shared by all clones.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) common: Common,
    pub(super) route: Arc<RouteOf>,
    pub(super) peer: Arc<PeerOf>,
    pub(super) default_scheme: &'static str,
    pub(super) trust: Arc<dyn TrustPolicy>,
    /// Does a request whose trace does not go on get a new id?
    pub(super) replaces_untrusted_ids: bool,
    pub(super) forwarded: Option<Forwarded>,
    /// Their values are secrets, though their names do not show it.
    pub(super) secret_headers: Vec<HeaderName>,
}
