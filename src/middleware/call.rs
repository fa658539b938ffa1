//! One call through a layer (floor 5): what both sides do around the inner service's.

use super::{
    answer::AskedFor,
    classify::Side,
    exchange::{Exchange, Started},
    future::ResponseFuture,
    settings::Settings,
};
use http::{Request, request};
use std::sync::Arc;
use tower_service::Service;

/// Calls the inner service within a span, which `start` makes from the request's head; none if the request
/// has just passed a layer of this side. In the head it leaves what the inner service is to see.
pub(super) fn call<S, B>(
    inner: &mut S,
    request: Request<B>,
    side: Side,
    settings: &Arc<Settings>,
    start: impl FnOnce(&mut request::Parts) -> Option<Started>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    let (mut head, body) = request.into_parts();
    let Some(started) = start(&mut head) else {
        return ResponseFuture::new(inner.call(Request::from_parts(head, body)), Exchange::NONE);
    };
    let mut exchange = Exchange::new(started, side, AskedFor::of(&head.method), settings);
    let future = {
        let _scope = exchange.enter();
        inner.call(Request::from_parts(head, body))
    };
    ResponseFuture::new(future, exchange)
}
