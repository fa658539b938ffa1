//! One thread's stack of entered spans (floor 4).
//!
//! A guard that is dropped before those entered after it leaves its entry behind as not live, and the
//! entry goes with the last one above it: whatever the order, when all guards are gone, nothing is
//! current. Where a future or a body is polled, the stack is cut back to its height before the poll, so a
//! guard that a task kept across an await cannot make its span current in another task.
//!
//! Entries do not refer to their trace: the stack does, once for all entries of a trace that follow one
//! another. A trace that is not recorded has one entry, for which it is counted how often it has been entered:
//! in `silent.rs` while it is on top, else in the entry.

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
    token: Token,
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
    /// Is there nothing to be done when it is left but to take it away? So it is recorded, has no details, begins no
    /// trace, and the entry below is live.
    is_plain: bool,
}

/// Which entry of its thread's stack: its place, and a number that no other entry ever has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token(NonZeroU64);

impl Token {
    /// `None` for no serial number: they begin with 1.
    #[inline(always)]
    fn new(index: usize, serial: u64) -> Option<Self> {
        NonZeroU64::new(serial << INDEX_BITS | index as u64).map(Self)
    }

    #[inline(always)]
    const fn index(self) -> usize {
        (self.0.get() % (1 << INDEX_BITS)) as usize
    }
}

pub(super) struct Stack {
    entries: Vec<Entry>,
    /// The trace of the top entry. Without entries the last one, whose next span needs no new reference.
    trace: Option<Arc<Shared>>,
    /// The traces of the entries below those of `trace`.
    outer: Vec<Arc<Shared>>,
    last_serial: u64,
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), trace: None, outer: Vec::new(), last_serial: 0 }
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

    /// Gives up the last trace, if nothing is entered.
    pub(super) fn take_last_trace(&mut self) -> Option<Arc<Shared>> {
        if self.entries.is_empty() { self.trace.take() } else { None }
    }

    /// Enters a span of the trace on top, which is recorded, if there is memory for it.
    #[inline(always)]
    pub(super) fn push_plain(&mut self, span_id: SpanId, is_owned: bool) -> Option<Token> {
        if self.entries.len() < self.entries.capacity() {
            self.push_entry(span_id, is_owned, false, true)
        } else {
            None
        }
    }

    /// Enters a span of the trace on top.
    pub(super) fn push(&mut self, span_id: SpanId, is_owned: bool) -> Option<Token> {
        let is_recorded = self.trace.as_ref().is_some_and(|trace| trace.recording);
        if self.make_room() { self.push_entry(span_id, is_owned, false, is_recorded) } else { None }
    }

    /// Enters a span of another trace than the one on top.
    pub(super) fn push_trace(
        &mut self,
        shared: &Arc<Shared>,
        span_id: SpanId,
        is_owned: bool,
    ) -> Option<Token> {
        if !self.make_room() {
            return None;
        }
        let below = self.trace.replace(shared.clone()).filter(|_| !self.entries.is_empty());
        let begins_trace = below.is_some();
        self.outer.extend(below);
        self.push_entry(span_id, is_owned, begins_trace, shared.recording && !begins_trace)
    }

    /// Sees to it that there is memory for another entry, unless there are too many.
    fn make_room(&mut self) -> bool {
        let entries = self.entries.len();
        if entries < self.entries.capacity() {
            return true;
        }
        // Exactly: the fast way of pushing asks for nothing but the memory.
        self.entries.reserve_exact(entries.max(KEPT_ENTRIES).min(MOST_ENTRIES - entries));
        entries < MOST_ENTRIES
    }

    #[inline(always)]
    fn push_entry(
        &mut self,
        span_id: SpanId,
        is_owned: bool,
        begins_trace: bool,
        is_plain: bool,
    ) -> Option<Token> {
        self.last_serial += 1;
        let token = Token::new(self.entries.len(), self.last_serial)?;
        let (details, again, is_live) = (None, 0, true);
        self.entries.push(Entry {
            token,
            span_id,
            details,
            again,
            is_live,
            is_owned,
            begins_trace,
            is_plain,
        });
        Some(token)
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

    /// Is it the top entry, with nothing to be done for it to be left but [`pop_plain`](Self::pop_plain)?
    #[inline(always)]
    pub(super) fn is_plain_top(&self, token: Token) -> bool {
        self.entries.last().is_some_and(|top| top.token == token && top.is_plain)
    }

    #[inline(always)]
    pub(super) fn pop_plain(&mut self) {
        // Without details there is nothing to drop.
        std::mem::forget(self.entries.pop());
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
        if let Some(above) = self.entries.get_mut(token.index() + 1) {
            above.is_plain = false;
        }
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
        entry.is_plain = false;
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
        self.entries.get_mut(token.index()).filter(|entry| entry.token == token)
    }

    /// The current span's id. The top entry's guard is always there: a dead one does not stay on top.
    #[inline(always)]
    pub(super) fn top(&self) -> Option<SpanId> {
        self.entries.last().map(|top| top.span_id)
    }

    pub(super) fn top_token(&self) -> Option<Token> {
        self.entries.last().map(|top| top.token)
    }
}
