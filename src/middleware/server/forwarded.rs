//! What a proxy says of the request it passes on (floor 5): asked only where the user says whom to believe.

use super::trust::{Arrival, Condition};
use crate::propagation::{
    Header,
    forwarded::{
        FORWARDED, ForwardedError, Hop, Node, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, parse,
        parse_for, parse_host, parse_proto,
    },
};
use http::HeaderName;
use std::{fmt, sync::Arc};

/// Which proxies are believed when they say who called them, by which host and scheme.
///
/// There are two ways of saying so, and a proxy may pass on, unread, what its caller says in the one that it
/// does not write itself. So the user names the one that counts. The same goes for each of the `X-` headers:
/// many load balancers write `X-Forwarded-For` and `-Proto` only, and a host is then whatever the caller
/// says, unless it is left out ([`without_host`](Self::without_host)).
///
/// A proxy appends to what its caller says. What counts is therefore what stands last, which the peer
/// itself has written; with several proxies in a row, what stands so many [`hops`](Self::hops) from the
/// end. What stands before that is not looked at, but in `Forwarded` for where it ends.
///
/// Each header is read by itself. One that breaks its rules is ignored and counted; the client's address is
/// then not known, and none is recorded, rather than the proxy's.
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
    left_out: LeftOut,
}

/// What is not believed of it.
#[derive(Clone, Copy, Default)]
struct LeftOut {
    client: bool,
    host: bool,
    scheme: bool,
}

/// What a proxy has said.
#[derive(Default)]
pub(super) struct Told<'a> {
    pub(super) hop: Hop<'a>,
    /// How many headers broke their rules.
    pub(super) refused: usize,
}

impl Forwarded {
    /// Believes `Forwarded` [RFC 7239] in requests of which this holds.
    pub fn by_standard(from: impl Condition + 'static) -> Self {
        Self { from: Arc::new(from), is_standard: true, hops: 1, left_out: LeftOut::default() }
    }

    /// Believes `X-Forwarded-For`, `X-Forwarded-Host` and `X-Forwarded-Proto` in requests of which this
    /// holds. Leave out those that the proxy does not write, or the client does.
    pub fn by_x_headers(from: impl Condition + 'static) -> Self {
        Self { from: Arc::new(from), is_standard: false, hops: 1, left_out: LeftOut::default() }
    }

    /// Does not believe who the client is: for proxies that do not write `X-Forwarded-For`.
    #[must_use]
    pub const fn without_client(mut self) -> Self {
        self.left_out.client = true;
        self
    }

    /// Does not believe which host was asked for: for proxies that do not write `X-Forwarded-Host`.
    #[must_use]
    pub const fn without_host(mut self) -> Self {
        self.left_out.host = true;
        self
    }

    /// Does not believe which scheme was used: for proxies that do not write `X-Forwarded-Proto`.
    #[must_use]
    pub const fn without_scheme(mut self) -> Self {
        self.left_out.scheme = true;
        self
    }

    /// How many proxies stand between the client and this service, each of which appends. Default 1, and
    /// not less; at most 64. A header with fewer elements than that says nothing.
    #[must_use]
    pub const fn hops(mut self, hops: usize) -> Self {
        self.hops = if hops == 0 { 1 } else { hops };
        self
    }

    pub(super) fn secret_headers(&self) -> Vec<HeaderName> {
        self.from.secret_headers()
    }

    /// What is said of this request, if it is to be believed.
    pub(super) fn read<'a>(&self, arrival: &Arrival<'a>) -> Told<'a> {
        if !self.from.holds(arrival) {
            return Told::default();
        }
        let (hops, left_out) = (self.hops, self.left_out);
        let lines = |name| Header::new(&arrival.head().headers, name);
        let (client, host, scheme) = if self.is_standard {
            match parse(lines(FORWARDED), hops).map(Option::unwrap_or_default) {
                Ok(Hop { client, host, scheme, .. }) => (Ok(client), Ok(host), Ok(scheme)),
                Err(error) => (Err(error), Ok(None), Ok(None)),
            }
        } else {
            (
                unless(left_out.client, || parse_for(lines(X_FORWARDED_FOR), hops)),
                unless(left_out.host, || parse_host(lines(X_FORWARDED_HOST), hops)),
                unless(left_out.scheme, || parse_proto(lines(X_FORWARDED_PROTO), hops)),
            )
        };
        let refused = [client.is_err(), host.is_err(), scheme.is_err()];
        Told {
            hop: Hop {
                // The proxy has called for somebody, only not said readably for whom.
                client: client.unwrap_or(Some(Node::Hidden)).filter(|_| !left_out.client),
                host: host.unwrap_or(None).filter(|_| !left_out.host),
                scheme: scheme.unwrap_or(None).filter(|_| !left_out.scheme),
            },
            refused: refused.into_iter().map(usize::from).sum(),
        }
    }
}

type Said<T> = Result<Option<T>, ForwardedError>;

/// What is left out is not read either, and so not refused.
fn unless<T>(is_left_out: bool, read: impl FnOnce() -> Said<T>) -> Said<T> {
    if is_left_out { Ok(None) } else { read() }
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
