//! What is remembered of traces of which nothing is held back (floor 3), for the spans that are yet to come:
//! the latest so many.

use super::{key::Key, verdict::Verdict};
use std::collections::{HashMap, VecDeque};

pub(super) struct Decisions {
    pasts: HashMap<Key, Past>,
    /// Of the keys above, each once, the oldest first.
    order: VecDeque<Key>,
    most: usize,
}

/// What became of a trace.
#[derive(Clone, Copy)]
enum Past {
    /// It is decided, and what comes late follows.
    Decided(Verdict),
    /// It was given up after its root's end. What comes is held back once more, and no root will be among it.
    GivenUp(End),
}

/// The end of a trace's root.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// Its place among all ends.
    pub(super) number: u64,
    /// How many rounds were over.
    pub(super) round: u64,
    pub(super) at: u64,
}

impl Decisions {
    pub(super) fn new(most: usize) -> Self {
        Self { pasts: HashMap::new(), order: VecDeque::new(), most }
    }

    /// What was decided, if a span that comes now is to follow it.
    pub(super) fn verdict(&self, key: Key) -> Option<Verdict> {
        match self.pasts.get(&key)? {
            Past::Decided(verdict) => Some(*verdict),
            Past::GivenUp(_) => None,
        }
    }

    /// When the root ended of a trace that was given up.
    pub(super) fn end_of_root(&self, key: Key) -> Option<End> {
        match self.pasts.get(&key)? {
            Past::Decided(_) => None,
            Past::GivenUp(end) => Some(*end),
        }
    }

    pub(super) fn decided(&mut self, key: Key, verdict: Verdict) {
        self.remember(key, Past::Decided(verdict));
    }

    pub(super) fn given_up(&mut self, key: Key, end: End) {
        self.remember(key, Past::GivenUp(end));
    }

    fn remember(&mut self, key: Key, past: Past) {
        if self.pasts.insert(key, past).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.pasts.remove(&oldest);
        }
    }
}
