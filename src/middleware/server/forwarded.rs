//! What a proxy says of the request it passes on (floor 5): asked only where the user says whom to believe.

use super::trust::{Arrival, Condition};
use crate::propagation::{
    Header,
    forwarded::{
        FORWARDED, ForwardedError, Hop, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, parse,
        parse_for, parse_host, parse_proto,
    },
};
use http::HeaderName;
use std::{fmt, sync::Arc};

/// Which proxies are believed when they say who called them, by which host and scheme.
///
/// There are two ways of saying so, and a proxy may pass on, unread, what its caller says in the one that it
/// does not write itself. So the user names the one that counts.
///
/// A proxy appends to what its caller says. What counts is therefore what stands last, which the peer
/// itself has written; with several proxies in a row, what stands so many [`hops`](Self::hops) from the
/// end. A header that breaks its rules is ignored and counted.
///
/// ```
/// use throughline::{Tracer, middleware::{Forwarded, ServerLayer, trust::PrivatePeer}};
///
/// # fn layer(tracer: &Tracer) -> ServerLayer {
/// // Behind a load balancer within the same network.
/// ServerLayer::new(tracer).forwarded(Forwarded::by_x_headers(PrivatePeer))
/// # }
/// ```
#[derive(Clone)]
pub struct Forwarded {
    from: Arc<dyn Condition>,
    is_standard: bool,
    hops: usize,
}

impl Forwarded {
    /// Believes `Forwarded` [RFC 7239] in requests of which this holds.
    pub fn by_standard(from: impl Condition + 'static) -> Self {
        Self { from: Arc::new(from), is_standard: true, hops: 1 }
    }

    /// Believes `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto` in requests of which this
    /// holds.
    pub fn by_x_headers(from: impl Condition + 'static) -> Self {
        Self { from: Arc::new(from), is_standard: false, hops: 1 }
    }

    /// How many proxies stand between the client and this service, each of which appends. Default 1, and
    /// not less. A header with fewer elements than that says nothing.
    #[must_use]
    pub const fn hops(mut self, hops: usize) -> Self {
        self.hops = if hops == 0 { 1 } else { hops };
        self
    }

    pub(super) fn secret_headers(&self) -> Vec<HeaderName> {
        self.from.secret_headers()
    }

    /// What is said of this request, if it is to be believed.
    ///
    /// # Errors
    ///
    /// The first header that breaks its rules.
    pub(super) fn read<'a>(&self, arrival: &Arrival<'a>) -> Result<Hop<'a>, ForwardedError> {
        if !self.from.holds(arrival) {
            return Ok(Hop::default());
        }
        let lines = |name| Header::new(&arrival.head().headers, name);
        if self.is_standard {
            return Ok(parse(lines(FORWARDED), self.hops)?.unwrap_or_default());
        }
        Ok(Hop {
            client: parse_for(lines(X_FORWARDED_FOR), self.hops)?,
            host: parse_host(lines(X_FORWARDED_HOST), self.hops)?,
            scheme: parse_proto(lines(X_FORWARDED_PROTO), self.hops)?,
        })
    }
}

/// Not the condition, which may hold secrets.
impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded")
            .field("is_standard", &self.is_standard)
            .field("hops", &self.hops)
            .finish_non_exhaustive()
    }
}
