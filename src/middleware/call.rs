//! One call through a layer (floor 5): what both sides do around the inner service's.

use super::{
    answer::AskedFor,
    classify::Side,
    common::Common,
    exchange::{Exchange, Started},
    future::ResponseFuture,
};
use http::Request;
use tower_service::Service;

/// Calls the inner service within the span that has been started for the request; none where it has just
/// passed a layer of this side.
pub(super) fn call<S, B>(
    inner: &mut S,
    request: Request<B>,
    started: Option<Started>,
    side: Side,
    settings: &Common,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    let asked_for = AskedFor::of(request.method());
    let started = started.map(|started| Exchange::new(started, side, asked_for, settings));
    let mut exchange = started.unwrap_or_default();
    let future = {
        let _scope = exchange.enter();
        inner.call(request)
    };
    ResponseFuture::new(future, exchange)
}
