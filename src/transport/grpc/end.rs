//! The end of a client (floor 3), announced by another thread than the one that calls.

use super::failure::CallFailure;
use crate::{
    sync::{Mutex, lock},
    transport::client::Failure,
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};

#[derive(Default)]
pub(super) struct End(Mutex<State>);

#[derive(Default)]
struct State {
    has_come: bool,
    /// Of the call under way.
    waker: Option<Waker>,
}

impl End {
    pub(super) fn announce(&self) {
        let mut state = lock(&self.0);
        state.has_come = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The call's result, or that it broke off, if the end comes first.
    pub(super) async fn cuts_short<T>(
        &self,
        call: impl Future<Output = Result<T, CallFailure>>,
    ) -> Result<T, CallFailure> {
        let mut call = pin!(call);
        poll_fn(|context| {
            if self.has_come(context.waker()) {
                return Poll::Ready(Err(Failure::Broken.into()));
            }
            call.as_mut().poll(context)
        })
        .await
    }

    /// Has it? If not, the waker is told when it comes.
    fn has_come(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.0);
        state.waker = Some(waker.clone());
        state.has_come
    }
}
