//! The request id that a call has been sent with (floor 5), for the answer to the same request, which names it
//! again: as the header's value that has been made for the call.
//!
//! A thread remembers one, of the last call that it has sent, until it answers. A request that is answered by another
//! thread, or after another one's call, has its id written anew.

use crate::ids::RequestId;
use http::HeaderValue;
use std::cell::Cell;
use uuid::Uuid;

thread_local! {
    static LAST: Cell<Option<(Uuid, HeaderValue)>> = const { Cell::new(None) };
}

/// Keeps an id's value. Only a UUID's, which most are: any other text is as quickly copied as compared.
#[cfg_attr(not(feature = "client"), expect(dead_code))]
pub(super) fn remember(id: &RequestId, value: &HeaderValue) {
    if let Some(id) = id.as_uuid() {
        let _thread_ends = LAST.try_with(|last| last.set(Some((id, value.clone()))));
    }
}

/// Takes an id's value, if it is the one that is kept.
pub(super) fn recall(id: &RequestId) -> Option<HeaderValue> {
    let (kept, value) = LAST.try_with(Cell::take).ok()??;
    (id.as_uuid() == Some(kept)).then_some(value)
}
