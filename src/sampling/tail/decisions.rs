//! Decisions, for the spans that come after them (floor 3): the latest so many.

use super::{key::Key, verdict::Verdict};
use std::collections::{HashMap, VecDeque};

pub(super) struct Decisions {
    verdicts: HashMap<Key, Verdict>,
    /// Of the keys above, each once, the oldest first.
    order: VecDeque<Key>,
    most: usize,
}

impl Decisions {
    pub(super) fn new(most: usize) -> Self {
        Self { verdicts: HashMap::new(), order: VecDeque::new(), most }
    }

    pub(super) fn get(&self, key: Key) -> Option<Verdict> {
        self.verdicts.get(&key).copied()
    }

    pub(super) fn remember(&mut self, key: Key, verdict: Verdict) {
        if self.verdicts.insert(key, verdict).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.verdicts.remove(&oldest);
        }
    }
}
