//! What is current on a thread (floor 4): entering and leaving spans, and what is recorded on the current one.
//!
//! What most spans need goes the short way, which calls nothing: whatever it does not see through at once it leaves
//! as it is, to the general way.

use super::{
    engine::Shared,
    live::Live,
    local::{Local, clean_up_later, take_buffer, with},
    silent,
    stack::Stack,
};
use crate::{
    ids::SpanId,
    record::{Details, Limits},
};
use std::{cell::Cell, sync::Arc};

pub(super) use super::stack::Token;

thread_local! {
    /// May anything lie in the stack that was recorded through `Span::current`?
    static IN_STACK: Cell<bool> = const { Cell::new(false) };
}

/// Makes a span current until its token is given to [`exit`].
#[inline]
pub(super) fn enter(live: &Live) -> Option<Token> {
    match silent::enter(live) {
        None => enter_scope(live),
        entered => entered,
    }
}

/// Makes a span current until its token is given to [`exit_scope`], or to [`exit`].
#[inline(never)]
pub(super) fn enter_scope(live: &Live) -> Option<Token> {
    let entered = with(|local| match live.recorded() {
        Some(shared) if local.stack.is_of(shared) => local.stack.push_plain(live.span_id, true),
        _ => None,
    });
    match entered.flatten() {
        None => enter_any(live),
        entered => entered,
    }
}

#[inline(never)]
fn enter_any(live: &Live) -> Option<Token> {
    let shared = live.shared.as_ref()?;
    with(|local| local.enter(shared, live.span_id, shared.recording)).flatten()
}

/// Makes a span current without a guard that would fetch what is recorded on it.
pub(super) fn enter_handle(shared: &Arc<Shared>, span_id: SpanId) -> Option<Token> {
    with(|local| local.enter(shared, span_id, false)).flatten()
}

/// Ends what `enter` began; returns what was recorded meanwhile.
#[inline]
pub(super) fn exit(token: Token) -> Option<Box<Details>> {
    if silent::exit(token) {
        return None;
    }
    with(|local| local.exit(token)).flatten()
}

/// As `exit`, and cuts off whatever was entered meanwhile and not left.
pub(super) fn exit_scope(token: Token) -> Option<Box<Details>> {
    with(|local| local.exit_scope(token)).flatten()
}

impl Local {
    /// Makes a span current. `is_owned` says that a guard will fetch what is recorded meanwhile.
    fn enter(&mut self, shared: &Arc<Shared>, span_id: SpanId, is_owned: bool) -> Option<Token> {
        clean_up_later();
        self.change_stack(|stack| {
            if stack.is_of(shared) {
                (stack.push(span_id, is_owned), false)
            } else {
                (stack.push_trace(shared, span_id, is_owned), true)
            }
        })
    }

    /// Ends what `enter` began; returns what was recorded meanwhile.
    #[inline(always)]
    pub(super) fn exit(&mut self, token: Token) -> Option<Box<Details>> {
        if self.leave_plain(token) { None } else { self.exit_any(token) }
    }

    #[inline(never)]
    fn exit_any(&mut self, token: Token) -> Option<Box<Details>> {
        self.change_stack(|stack| stack.leave(token))
    }

    /// As `exit`, and cuts off whatever was entered meanwhile and not left.
    #[inline(always)]
    fn exit_scope(&mut self, token: Token) -> Option<Box<Details>> {
        if self.leave_plain(token) { None } else { self.exit_scope_anyhow(token) }
    }

    #[inline(never)]
    fn exit_scope_anyhow(&mut self, token: Token) -> Option<Box<Details>> {
        self.change_stack(|stack| ((), stack.cut_above(token)));
        self.exit(token)
    }

    #[inline(always)]
    pub(super) fn leave_plain(&mut self, token: Token) -> bool {
        let is_plain = self.stack.is_plain_top(token);
        if is_plain {
            self.stack.pop_plain();
        }
        is_plain
    }

    /// Changes the stack in any way; `change` says whether another trace has come on top by that.
    fn change_stack<R>(&mut self, change: impl FnOnce(&mut Stack) -> (R, bool)) -> R {
        if let Some(again) = silent::put_back() {
            self.stack.set_again(again);
        }
        let (result, other_trace) = change(&mut self.stack);
        if other_trace {
            self.boxes.detach();
        }
        if let (Some(token), Some(shared)) = (self.stack.top_token(), self.stack.trace())
            && !shared.recording
        {
            silent::set(Arc::as_ptr(shared).addr(), token, self.stack.again());
        }
        result
    }
}

/// The entry on top, its trace and its span.
pub(super) fn current() -> Option<(Token, Arc<Shared>, SpanId)> {
    with(|local| {
        let token = local.stack.top_token()?;
        Some((token, local.stack.trace()?.clone(), local.stack.top()?))
    })
    .flatten()
}

/// Lends the details recorded on an entry. False if the entry is gone or nobody would fetch them.
pub(super) fn with_entry_details(
    token: Token,
    shared: &Shared,
    body: impl FnOnce(&mut Details, &Limits),
) -> bool {
    let taken = with(|local| local.stack.owned_details(token).map(Option::take));
    let Some(Some(taken)) = taken else {
        return false;
    };
    let engine = &shared.engine;
    let details = taken.unwrap_or_else(|| take_buffer(&engine.recycler));
    // Not borrowed: formatting a value runs user code, which may record as well, and may panic.
    shared.record_through_entries();
    let mut lent = Lent { details: Some(details), token, limits: &engine.limits };
    if let Some(details) = &mut lent.details {
        body(details, &engine.limits);
    }
    true
}

/// Details that go back to their entry, whatever happens.
struct Lent<'a> {
    details: Option<Box<Details>>,
    token: Token,
    limits: &'a Limits,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        with(|local| {
            if let (Some(place), Some(mut details)) =
                (local.stack.owned_details(self.token), self.details.take())
            {
                if let Some(meanwhile) = place.take() {
                    details.append(meanwhile, self.limits);
                }
                *place = Some(details);
                IN_STACK.set(true);
            }
        });
    }
}

/// Takes what has been recorded on a span through its entries, so that what is recorded on it directly
/// comes behind. Call it until there is nothing left.
pub(super) fn take_recorded(shared: &Arc<Shared>, span_id: SpanId) -> Option<Box<Details>> {
    if !IN_STACK.get() {
        return None;
    }
    with(|local| {
        let taken = local.stack.take_details(shared, span_id);
        IN_STACK.set(local.stack.has_details());
        taken
    })
    .flatten()
}
