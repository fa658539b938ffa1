//! When a rule fits (floor 3).

use super::{routes::Routes, trace::LocalTrace};
use crate::sampling::pattern::Pattern;
use std::{borrow::Cow, time::Duration};

/// When a rule fits: a seam for conditions of one's own. A closure of the form of
/// [`matches`](Self::matches) is one.
///
/// Called for one trace after the other, on a thread of the tracer's own, not always the same; while it runs,
/// nothing is collected. If it panics, that is counted and the rule does not fit.
///
/// ```
/// use throughline::sampling::tail::{LocalTrace, TailCondition, TailRule};
///
/// /// One trace in so many, whatever it is.
/// struct OneIn(u64, u64);
///
/// impl TailCondition for OneIn {
///     fn matches(&mut self, _: &LocalTrace<'_>) -> bool {
///         self.1 += 1;
///         self.1 % self.0 == 0
///     }
/// }
///
/// let rules = [
///     TailRule::new("one in a thousand", OneIn(1_000, 0)),
///     TailRule::new("many calls", |trace: &LocalTrace<'_>| trace.spans().len() > 100),
/// ];
/// ```
pub trait TailCondition: Send {
    /// Does the rule fit this trace?
    fn matches(&mut self, trace: &LocalTrace<'_>) -> bool;

    /// Takes note of a trace that has ended, whichever rule decided about it. Called after
    /// [`matches`](Self::matches), if that was called. Default: nothing.
    fn observe(&mut self, trace: &LocalTrace<'_>) {
        let _ = trace;
    }
}

impl<F: FnMut(&LocalTrace<'_>) -> bool + Send> TailCondition for F {
    fn matches(&mut self, trace: &LocalTrace<'_>) -> bool {
        self(trace)
    }
}

/// The local root took longer.
pub(super) struct SlowerThan(pub(super) Duration);

impl TailCondition for SlowerThan {
    fn matches(&mut self, trace: &LocalTrace<'_>) -> bool {
        trace.duration() > self.0
    }
}

/// The local root took longer than most of its route.
pub(super) struct AbovePercentile(pub(super) Routes);

impl TailCondition for AbovePercentile {
    fn matches(&mut self, trace: &LocalTrace<'_>) -> bool {
        trace.root().is_some_and(|root| self.0.is_unusual(root.name(), root.duration()))
    }

    fn observe(&mut self, trace: &LocalTrace<'_>) {
        if let Some(root) = trace.root() {
            self.0.add(root.name(), root.duration());
        }
    }
}

/// A span has an attribute like this.
pub(super) struct HasAttribute {
    pub(super) key: Cow<'static, str>,
    pub(super) pattern: Pattern,
}

impl TailCondition for HasAttribute {
    fn matches(&mut self, trace: &LocalTrace<'_>) -> bool {
        trace
            .spans()
            .iter()
            .any(|span| span.attribute(&self.key).is_some_and(|value| self.pattern.matches_value(&value)))
    }
}
