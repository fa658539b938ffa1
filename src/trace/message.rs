//! What threads ask of the collector (floor 4).

use super::{
    ended::{Ended, OfTrace},
    lane::LaneReceiver,
};
use crate::export::Completion;
use std::{sync::Arc, time::Instant};

pub(super) enum Message {
    Lane(LaneReceiver),
    Stray(Box<(Ended, OfTrace)>),
    Flush(Ticket),
    Shutdown(Ticket),
    /// Wake whoever waits for this as a future when it is their time.
    Watch(Waiting),
}

/// A request on its way to the collector. One that nobody reads any more ends its sender's waiting.
pub(super) struct Ticket(Option<Waiting>);

impl Ticket {
    pub(super) const fn new(waiting: Waiting) -> Self {
        Self(Some(waiting))
    }

    pub(super) fn read(mut self) -> Option<Waiting> {
        self.0.take()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(waiting) = &self.0 {
            waiting.completion.expire();
        }
    }
}

/// Something that is waited for, and until when.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) completion: Arc<Completion>,
    pub(super) deadline: Instant,
}

impl Waiting {
    /// For something that will never be.
    pub(super) fn over() -> Self {
        Self { completion: Arc::new(Completion::new(1)), deadline: Instant::now() }
    }
}
