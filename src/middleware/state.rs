//! What an exchange knows, in a box (floor 5): what moves with a future and a body is the pointer to it.
//!
//! A thread keeps the boxes of exchanges that are over for new ones: at most 32, which hold nothing.

use super::{answer::AskedFor, classify::Side, grpc, settings::Settings};
use crate::trace::Span;
use std::{cell::RefCell, sync::Arc};

/// Of each thread.
const KEPT: usize = 32;

/// An exchange under way.
pub(super) struct Ongoing {
    pub(super) span: Span,
    /// `None` where it is plain HTTP.
    pub(super) grpc: Option<Box<grpc::Call>>,
    pub(super) side: Side,
    pub(super) asked_for: AskedFor,
    /// What it goes by.
    pub(super) settings: Arc<Settings>,
}

/// `None` only in a box that waits for an exchange.
#[derive(Default)]
pub(super) struct State(Option<Ongoing>);

thread_local! {
    #[expect(clippy::vec_box, reason = "the boxes are what is kept")]
    static SPARE: RefCell<Vec<Box<State>>> = const { RefCell::new(Vec::new()) };
}

impl State {
    /// A box for this exchange.
    pub(super) fn boxed(ongoing: Ongoing) -> Box<Self> {
        let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop());
        let mut state = spare.ok().flatten().unwrap_or_default();
        state.0 = Some(ongoing);
        state
    }

    #[inline]
    pub(super) const fn ongoing(&mut self) -> Option<&mut Ongoing> {
        self.0.as_mut()
    }

    /// Takes the exchange out, and keeps the box for another.
    pub(super) fn unboxed(mut self: Box<Self>) -> Option<Ongoing> {
        let ongoing = self.0.take();
        let _thread_ends = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < KEPT
            {
                spare.push(self);
            }
        });
        ongoing
    }
}
