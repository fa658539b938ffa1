//! The decision (floor 5): what to do about the context a request came with.

use super::conditions::{Arrival, Condition};
use http::HeaderName;
use std::fmt;

/// What becomes of the context a request came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// The caller is one's own: its trace goes on.
    #[default]
    Continue,
    /// A new trace begins, which points to the caller's span by a link.
    Restart,
    /// A new trace begins, as if the request had come without a context.
    Ignore,
}

/// Decides how far the sender of a request is believed.
///
/// Asked once a request, before its span starts, on the thread that serves it: it must not block. A
/// closure of the same form is a policy, and so is a [`Trust`] for all requests alike.
///
/// ```
/// use throughline::middleware::trust::{Arrival, Trust};
///
/// let policy = |arrival: &Arrival<'_>| match arrival.head().uri.port_u16() {
///     Some(8443) => Trust::Restart,
///     _ => Trust::Continue,
/// };
/// # fn is_policy(_: impl throughline::middleware::trust::TrustPolicy) {}
/// # is_policy(policy);
/// ```
pub trait TrustPolicy: Send + Sync {
    /// What becomes of the context this request came with?
    fn trust(&self, arrival: &Arrival<'_>) -> Trust;

    /// Headers whose values are secrets of the policy's. The layer marks them as sensitive, so that they are
    /// not recorded, even where they are named.
    fn secret_headers(&self) -> Vec<HeaderName> {
        Vec::new()
    }
}

impl TrustPolicy for Trust {
    fn trust(&self, _: &Arrival<'_>) -> Trust {
        *self
    }
}

impl<F: Fn(&Arrival<'_>) -> Trust + Send + Sync> TrustPolicy for F {
    fn trust(&self, arrival: &Arrival<'_>) -> Trust {
        self(arrival)
    }
}

/// Rules of which the first that fits a request decides; [`Trust::Restart`] where none does, unless
/// [`otherwise`](Self::otherwise) says so.
pub struct FirstMatch {
    rules: Vec<(Box<dyn Condition>, Trust)>,
    otherwise: Trust,
}

impl FirstMatch {
    /// No rules yet.
    pub const fn new() -> Self {
        Self { rules: Vec::new(), otherwise: Trust::Restart }
    }

    /// The same rules, and then this one.
    #[must_use]
    pub fn when(mut self, condition: impl Condition + 'static, trust: Trust) -> Self {
        self.rules.push((Box::new(condition), trust));
        self
    }

    /// The same rules, and this for the requests that none of them fits.
    #[must_use]
    pub const fn otherwise(mut self, trust: Trust) -> Self {
        self.otherwise = trust;
        self
    }
}

impl Default for FirstMatch {
    fn default() -> Self {
        Self::new()
    }
}

impl TrustPolicy for FirstMatch {
    fn trust(&self, arrival: &Arrival<'_>) -> Trust {
        let first = self.rules.iter().find(|(condition, _)| condition.holds(arrival));
        first.map_or(self.otherwise, |(_, trust)| *trust)
    }

    fn secret_headers(&self) -> Vec<HeaderName> {
        self.rules.iter().flat_map(|(condition, _)| condition.secret_headers()).collect()
    }
}

/// Not the conditions, which may hold secrets.
impl fmt::Debug for FirstMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decisions = self.rules.iter().map(|(_, trust)| trust);
        f.debug_list().entries(decisions.chain([&self.otherwise])).finish()
    }
}
