//! One thread's stack of entered spans (floor 4).
//!
//! A guard that is dropped before those entered after it leaves its entry behind as not live, and the
//! entry goes with the last one above it: whatever the order, when all guards are gone, nothing is
//! current. Where a future or a body is polled, the stack is cut back to its height before the poll, so a
//! guard that a task kept across an await cannot make its span current in another task.
//!
//! Entries are written and read field by field and never moved: moving one that has just been written
//! costs more than all else that happens here.

use super::engine::Shared;
use crate::{ids::SpanId, record::Details};
use std::sync::Arc;

/// A span that has been entered.
struct Entry {
    serial: u64,
    /// `None` where nobody is.
    shared: Option<Arc<Shared>>,
    span_id: SpanId,
    /// Is its guard still there?
    live: bool,
    /// Will the guard fetch what is recorded through [`CurrentSpan`](super::CurrentSpan)?
    owned: bool,
    details: Option<Box<Details>>,
}

/// Where an entry stands in its thread's stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    index: usize,
    serial: u64,
}

pub(super) struct Stack {
    /// Those from `height` on are vacant.
    entries: Vec<Entry>,
    height: usize,
    last_serial: u64,
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), height: 0, last_serial: 0 }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, shared: Arc<Shared>, span_id: SpanId, owned: bool) -> Token {
        self.last_serial += 1;
        let token = Token { index: self.height, serial: self.last_serial };
        self.height += 1;
        match self.entries.get_mut(token.index) {
            Some(vacant) => {
                vacant.serial = token.serial;
                vacant.shared = Some(shared);
                vacant.span_id = span_id;
                vacant.live = true;
                vacant.owned = owned;
            }
            None => self.grow(token.serial, shared, span_id, owned),
        }
        token
    }

    #[cold]
    fn grow(&mut self, serial: u64, shared: Arc<Shared>, span_id: SpanId, owned: bool) {
        let shared = Some(shared);
        self.entries.push(Entry { serial, shared, span_id, live: true, owned, details: None });
    }

    /// Marks an entry as left and takes what was recorded on it; `None` if it has been cut off.
    #[inline(always)]
    pub(super) fn leave(&mut self, token: Token) -> Option<Option<Box<Details>>> {
        let entry = self.entry(token)?;
        entry.live = false;
        Some(entry.details.take())
    }

    /// Takes the top entry away if its guard is gone.
    #[inline(always)]
    pub(super) fn pop_dead(&mut self) -> Option<Arc<Shared>> {
        let top = self.entries.get_mut(self.height.checked_sub(1)?).filter(|top| !top.live)?;
        self.height -= 1;
        top.shared.take()
    }

    /// Takes the top entry away if it stands above this one.
    pub(super) fn pop_above(&mut self, token: Token) -> Option<Arc<Shared>> {
        self.entry(token)?;
        let index = self.height.checked_sub(1).filter(|index| *index > token.index)?;
        let top = self.entries.get_mut(index)?;
        self.height = index;
        top.live = false;
        top.details = None;
        top.shared.take()
    }

    /// The place for what is recorded on an entry whose guard will fetch it.
    pub(super) fn owned_details(&mut self, token: Token) -> Option<&mut Option<Box<Details>>> {
        let entry = self.entry(token).filter(|entry| entry.owned && entry.live)?;
        Some(&mut entry.details)
    }

    /// Takes what was recorded on one of a span's entries, the outermost first.
    pub(super) fn take_details(&mut self, shared: &Arc<Shared>, span_id: SpanId) -> Option<Box<Details>> {
        let is_the_span = |entry: &&mut Entry| {
            entry.span_id == span_id && entry.shared.as_ref().is_some_and(|known| Arc::ptr_eq(known, shared))
        };
        self.entries.iter_mut().filter(is_the_span).find_map(|entry| entry.details.take())
    }

    /// Is there anything recorded that no guard has fetched yet?
    pub(super) fn has_details(&self) -> bool {
        self.entries.iter().any(|entry| entry.details.is_some())
    }

    #[inline(always)]
    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        // A vacant entry has the serial of a guard that is gone.
        self.entries
            .get_mut(token.index)
            .filter(|entry| entry.serial == token.serial && entry.shared.is_some())
    }

    /// The current span. The top entry's guard is always there: a dead one does not stay on top.
    #[inline(always)]
    pub(super) fn top(&self) -> Option<(&Arc<Shared>, SpanId)> {
        let top = self.entries.get(self.height.checked_sub(1)?)?;
        Some((top.shared.as_ref()?, top.span_id))
    }

    pub(super) fn top_token(&self) -> Option<Token> {
        let index = self.height.checked_sub(1)?;
        Some(Token { index, serial: self.entries.get(index)?.serial })
    }
}
