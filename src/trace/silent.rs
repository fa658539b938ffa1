//! What a thread does for spans that are not recorded (floor 4): it counts how often they have been entered,
//! and lends them a box.
//!
//! While such a trace is on top of the thread's stack, its entry's count is here, and not in the stack. Most
//! spans of the trace then come and go without the thread's state being asked for, in a few instructions.
//! Whatever changes the top of the stack calls [`put_back`] before and [`set`] after.

use super::{live::Live, stack::Token};
use std::{cell::Cell, mem::ManuallyDrop};

/// In the place of a trace's address.
const NONE: usize = 1;

struct Silent {
    /// Where the state of the trace on top is, if that is not recorded. Only to be compared.
    trace: Cell<usize>,
    /// The top entry.
    token: Cell<Option<Token>>,
    /// How often it has been entered again.
    again: Cell<u32>,
    /// A box that refers to the trace.
    spare: Cell<Option<Box<Live>>>,
}

impl Silent {
    #[inline(always)]
    fn leave(&self, token: Token) -> bool {
        let (is_top, again) = (self.token.get() == Some(token), self.again.get());
        let was_entered_again = is_top && again > 0;
        if was_entered_again {
            self.again.set(again - 1);
        }
        was_entered_again
    }
}

thread_local! {
    /// Without a destructor, whose state would have to be asked for at each access: the thread's state takes
    /// the box out when the trace is no more on top, and that is before its own end.
    static SILENT: ManuallyDrop<Silent> = const {
        ManuallyDrop::new(Silent {
            trace: Cell::new(NONE),
            token: Cell::new(None),
            again: Cell::new(0),
            spare: Cell::new(None),
        })
    };
}

/// Is a trace on top that is not recorded?
#[inline(always)]
pub(super) fn is_on_top() -> bool {
    SILENT.with(|silent| silent.trace.get() != NONE)
}

/// A box of the trace on top, if it is at hand.
#[inline(always)]
pub(super) fn take_spare() -> Option<Box<Live>> {
    SILENT.with(|silent| silent.spare.take())
}

/// Is a box of the trace on top at hand?
#[inline(always)]
pub(super) fn has_spare() -> bool {
    SILENT.with(|silent| {
        let spare = silent.spare.take();
        let is_some = spare.is_some();
        std::mem::forget(silent.spare.replace(spare));
        is_some
    })
}

/// Enters a span, if it is one of the trace on top and that is not recorded.
#[inline(always)]
pub(super) fn enter(live: &Live) -> Option<Token> {
    SILENT.with(|silent| {
        if live.silent_trace != silent.trace.get() {
            return None;
        }
        silent.again.set(silent.again.get().checked_add(1)?);
        silent.token.get()
    })
}

/// Ends a span, and its time as the current one, if it is one of the trace on top and that is not recorded; if
/// not, nothing has been done. Of two boxes at hand one is returned.
#[inline(always)]
pub(super) fn leave(token: Option<Token>, live: Box<Live>) -> Result<Option<Box<Live>>, Box<Live>> {
    SILENT.with(|silent| {
        if live.silent_trace != silent.trace.get() {
            return Err(live);
        }
        if token.is_some_and(|token| !silent.leave(token)) {
            return Err(live);
        }
        Ok(silent.spare.replace(Some(live)))
    })
}

/// Ends what [`enter`] began, if nothing else has come on top; if not, nothing has been done.
#[inline(always)]
pub(super) fn exit(token: Token) -> bool {
    SILENT.with(|silent| silent.trace.get() != NONE && silent.leave(token))
}

/// Gives up the top of the stack; returns how often it has been entered again.
#[inline(always)]
pub(super) fn put_back() -> Option<u32> {
    SILENT.with(|silent| (silent.trace.replace(NONE) != NONE).then(|| silent.again.get()))
}

/// Says that a trace is on top that is not recorded.
pub(super) fn set(trace: usize, token: Token, again: u32) {
    SILENT.with(|silent| {
        silent.trace.set(trace);
        silent.token.set(Some(token));
        silent.again.set(again);
    });
}
