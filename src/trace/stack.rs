//! One thread's stack of entered spans (floor 4).
//!
//! A guard that is dropped before those entered after it leaves its entry behind as not live, and the
//! entry goes with the last one above it: whatever the order, when all guards are gone, nothing is
//! current. Where a future or a body is polled, the stack is cut back to its height before the poll, so a
//! guard that a task kept across an await cannot make its span current in another task.
//!
//! Entries do not refer to their trace: the stack does, once for all entries of a trace that follow one
//! another. A trace that is not recorded has one entry, which counts how often it has been entered.

use super::engine::Shared;
use crate::{ids::SpanId, record::Details};
use std::{num::NonZeroU64, sync::Arc};

/// Spans that one thread can have entered at a time. Beyond, entering does nothing, which only a recursion
/// without an end can meet: its spans are then the deepest one's children.
const MOST_ENTRIES: usize = (1 << INDEX_BITS) - 1;
const INDEX_BITS: u32 = 16;

/// Entries whose memory an empty stack keeps: 2 KiB.
const KEPT_ENTRIES: usize = 64;

/// A span that has been entered.
struct Entry {
    serial: u64,
    span_id: SpanId,
    /// What was recorded through [`CurrentSpan`](super::CurrentSpan).
    details: Option<Box<Details>>,
    /// How often it has been entered again, where that makes no difference.
    again: u32,
    /// Is its guard still there?
    is_live: bool,
    /// Will the guard fetch what is recorded?
    is_owned: bool,
    /// Does it belong to another trace than the entry below?
    begins_trace: bool,
}

/// Which entry of its thread's stack: its place, and a number that no other entry ever has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token(NonZeroU64);

impl Token {
    #[inline(always)]
    fn new(index: usize, serial: u64) -> Option<Self> {
        NonZeroU64::new(serial << INDEX_BITS | index as u64).map(Self)
    }

    #[inline(always)]
    const fn index(self) -> usize {
        (self.0.get() % (1 << INDEX_BITS)) as usize
    }

    #[inline(always)]
    const fn serial(self) -> u64 {
        self.0.get() >> INDEX_BITS
    }
}

pub(super) struct Stack {
    entries: Vec<Entry>,
    /// The trace of the top entry. Without entries the last one, whose next span needs no new reference.
    trace: Option<Arc<Shared>>,
    /// The traces of the entries below those of `trace`.
    outer: Vec<Arc<Shared>>,
    /// Entries that are not live.
    dead: usize,
    last_serial: u64,
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), trace: None, outer: Vec::new(), dead: 0, last_serial: 0 }
    }

    /// The trace of the top entry; without entries the last one.
    #[inline(always)]
    pub(super) const fn trace(&self) -> Option<&Arc<Shared>> {
        self.trace.as_ref()
    }

    /// Is it the trace of the top entry, or the last one?
    #[inline(always)]
    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        self.trace.as_ref().is_some_and(|trace| Arc::ptr_eq(trace, shared))
    }

    #[inline(always)]
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Gives up the last trace, if nothing is entered.
    pub(super) fn take_last_trace(&mut self) -> Option<Arc<Shared>> {
        if self.entries.is_empty() { self.trace.take() } else { None }
    }

    /// Enters a span of the trace on top.
    #[inline(always)]
    pub(super) fn push(&mut self, span_id: SpanId, is_owned: bool) -> Option<Token> {
        self.push_entry(span_id, is_owned, false)
    }

    /// Enters a span of another trace than the one on top.
    pub(super) fn push_trace(
        &mut self,
        shared: &Arc<Shared>,
        span_id: SpanId,
        is_owned: bool,
    ) -> Option<Token> {
        if self.entries.len() >= MOST_ENTRIES {
            return None;
        }
        let below = self.trace.replace(shared.clone()).filter(|_| !self.entries.is_empty());
        let begins_trace = below.is_some();
        self.outer.extend(below);
        self.push_entry(span_id, is_owned, begins_trace)
    }

    #[inline(always)]
    fn push_entry(&mut self, span_id: SpanId, is_owned: bool, begins_trace: bool) -> Option<Token> {
        let index = self.entries.len();
        if index >= MOST_ENTRIES {
            return None;
        }
        self.last_serial += 1;
        let serial = self.last_serial;
        let (details, again, is_live) = (None, 0, true);
        self.entries.push(Entry { serial, span_id, details, again, is_live, is_owned, begins_trace });
        Token::new(index, serial)
    }

    /// How often the top entry has been entered again.
    pub(super) fn again(&self) -> u32 {
        self.entries.last().map_or(0, |top| top.again)
    }

    pub(super) fn set_again(&mut self, again: u32) {
        if let Some(top) = self.entries.last_mut() {
            top.again = again;
        }
    }

    /// Leaves the top entry, unless there is more to be done for that. Not one that is entered again.
    #[inline(always)]
    pub(super) fn leave_top(&mut self, token: Token) -> bool {
        if token.index() + 1 != self.entries.len() {
            return false;
        }
        let is_plain = self.entries.last().is_some_and(|top| {
            top.serial == token.serial() && !top.begins_trace && self.dead == 0 && top.details.is_none()
        });
        if is_plain {
            // Without details there is nothing to drop.
            std::mem::forget(self.entries.pop());
        }
        is_plain
    }

    /// Leaves an entry and takes what was recorded on it, if it has not been cut off; true if another trace
    /// is on top by that.
    pub(super) fn leave(&mut self, token: Token) -> (Option<Box<Details>>, bool) {
        let Some(entry) = self.entry(token).filter(|entry| entry.is_live) else {
            return (None, false);
        };
        if entry.again > 0 {
            entry.again -= 1;
            return (None, false);
        }
        entry.is_live = false;
        let details = entry.details.take();
        self.dead += 1;
        let mut other_trace = false;
        while self.entries.last().is_some_and(|top| !top.is_live) {
            other_trace |= self.pop();
        }
        (details, other_trace)
    }

    fn pop(&mut self) -> bool {
        let Some(top) = self.entries.pop() else {
            return false;
        };
        if !top.is_live {
            self.dead -= 1;
        }
        if top.begins_trace {
            self.trace = self.outer.pop();
        }
        top.begins_trace
    }

    /// Takes all entries above this one away, and forgets how often it has been entered again; true if
    /// another trace is on top by that.
    pub(super) fn cut_above(&mut self, token: Token) -> bool {
        let Some(entry) = self.entry(token) else {
            return false;
        };
        entry.again = 0;
        let mut other_trace = false;
        while self.entries.len() > token.index() + 1 {
            other_trace |= self.pop();
        }
        other_trace
    }

    /// Gives back memory that a deep recursion has taken.
    pub(super) fn shrink(&mut self) {
        if self.entries.is_empty() {
            self.entries.shrink_to(KEPT_ENTRIES);
            self.outer.shrink_to(KEPT_ENTRIES);
        }
    }

    /// The place for what is recorded on an entry whose guard will fetch it.
    pub(super) fn owned_details(&mut self, token: Token) -> Option<&mut Option<Box<Details>>> {
        let entry = self.entry(token).filter(|entry| entry.is_owned && entry.is_live)?;
        Some(&mut entry.details)
    }

    /// Takes what was recorded on one of a span's entries, the outermost first.
    pub(super) fn take_details(&mut self, shared: &Arc<Shared>, span_id: SpanId) -> Option<Box<Details>> {
        let mut traces = self.outer.iter().chain(&self.trace);
        let mut trace = traces.next();
        for entry in &mut self.entries {
            if entry.begins_trace {
                trace = traces.next();
            }
            let is_the_span =
                entry.span_id == span_id && trace.is_some_and(|trace| Arc::ptr_eq(trace, shared));
            if is_the_span && entry.details.is_some() {
                return entry.details.take();
            }
        }
        None
    }

    /// Is there anything recorded that no guard has fetched yet?
    pub(super) fn has_details(&self) -> bool {
        self.entries.iter().any(|entry| entry.details.is_some())
    }

    #[inline(always)]
    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        self.entries.get_mut(token.index()).filter(|entry| entry.serial == token.serial())
    }

    /// The current span's id. The top entry's guard is always there: a dead one does not stay on top.
    #[inline(always)]
    pub(super) fn top(&self) -> Option<SpanId> {
        self.entries.last().map(|top| top.span_id)
    }

    pub(super) fn top_token(&self) -> Option<Token> {
        let index = self.entries.len().checked_sub(1)?;
        Token::new(index, self.entries.last()?.serial)
    }
}
