//! Heads by themselves (floor 5), for those settings that are asked about one.
//!
//! To take a message apart and put it together again moves all of it twice, so it is done only for them.

use http::{Request, Response, request, response};
use std::mem::swap;

/// Shows the head of a request.
#[cfg_attr(not(feature = "client"), expect(dead_code))]
pub(super) fn with_request_head<B, R>(request: &mut Request<B>, see: impl FnOnce(&request::Parts) -> R) -> R {
    let mut head = Request::new(());
    swap_requests(request, &mut head);
    let (parts, ()) = head.into_parts();
    let seen = see(&parts);
    swap_requests(request, &mut Request::from_parts(parts, ()));
    seen
}

fn swap_requests<A, B>(one: &mut Request<A>, other: &mut Request<B>) {
    swap(one.method_mut(), other.method_mut());
    swap(one.uri_mut(), other.uri_mut());
    swap(one.version_mut(), other.version_mut());
    swap(one.headers_mut(), other.headers_mut());
    swap(one.extensions_mut(), other.extensions_mut());
}

/// Shows the head of an answer.
pub(super) fn with_response_head<B, R>(
    response: &mut Response<B>,
    see: impl FnOnce(&response::Parts) -> R,
) -> R {
    let mut head = Response::new(());
    swap_responses(response, &mut head);
    let (parts, ()) = head.into_parts();
    let seen = see(&parts);
    swap_responses(response, &mut Response::from_parts(parts, ()));
    seen
}

fn swap_responses<A, B>(one: &mut Response<A>, other: &mut Response<B>) {
    swap(one.status_mut(), other.status_mut());
    swap(one.version_mut(), other.version_mut());
    swap(one.headers_mut(), other.headers_mut());
    swap(one.extensions_mut(), other.extensions_mut());
}
