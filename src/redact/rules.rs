//! The rules of one tracer, ready to be applied, and their counters (floor 3).

use super::{
    redaction::Redaction,
    rule::{Field, Rule, Verdict},
};
use crate::{
    panics::caught,
    secrets::{Cleaner, Found, Secret},
};
use std::{
    array,
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a tracer redacts, and how often each rule has. Shared by the collector and whoever reads the books.
pub(crate) struct Rules {
    pub(super) cleaner: Cleaner,
    pub(super) own: Vec<OwnRule>,
    found: [AtomicU64; Secret::COUNT],
}

/// A user's rule.
pub(super) struct OwnRule {
    name: Cow<'static, str>,
    rule: Arc<dyn Rule>,
    count: AtomicU64,
    failed: AtomicU64,
}

impl Rules {
    pub(crate) fn new(redaction: Redaction) -> Self {
        let own = redaction.rules.into_iter().map(|(name, rule)| OwnRule {
            name,
            rule,
            count: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        Self { cleaner: redaction.cleaner, own: own.collect(), found: array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Is there nothing that any of them could do?
    pub(super) const fn are_none(&self) -> bool {
        self.cleaner.kinds.is_empty() && self.own.is_empty()
    }

    /// Are there rules of the user's own, which may mind anything?
    pub(crate) const fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    #[cold]
    pub(super) fn count(&self, found: &Found) {
        for (kind, count) in found.iter() {
            if let Some(counter) = self.found.get(kind as usize) {
                counter.fetch_add(u64::from(count), Ordering::Relaxed);
            }
        }
    }

    /// Each rule's name, how often it has found something, and how often it panicked: the built-in ones
    /// that are on, in a fixed order, then the user's own.
    pub(crate) fn tallies(&self) -> impl Iterator<Item = (Cow<'static, str>, u64, u64)> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let built_in = Secret::ALL.into_iter().zip(&self.found);
        let built_in = built_in.filter(|(kind, _)| self.cleaner.kinds.has(*kind));
        let built_in = built_in.map(move |(kind, count)| (kind.as_str().into(), read(count), 0));
        let own = self.own.iter().map(move |own| (own.name.clone(), read(&own.count), read(&own.failed)));
        built_in.chain(own)
    }
}

impl OwnRule {
    /// What the rule says; `None` if it panicked.
    pub(super) fn judge(&self, field: &Field<'_>) -> Option<Verdict> {
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        let verdict = caught(|| self.rule.judge(field));
        match verdict {
            Some(Verdict::Keep) => {}
            Some(_) => count(&self.count),
            None => count(&self.failed),
        }
        verdict
    }
}
