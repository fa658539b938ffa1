//! One call through a layer (floor 5): what both sides do around the inner service's.

use super::{
    classify::Side,
    exchange::{Exchange, is_repeated},
    future::{Pending, ResponseFuture},
    grpc,
    settings::Settings,
};
use crate::trace::Span;
use http::{Request, request};
use std::sync::Arc;
use tower_service::Service;

/// Calls the inner service within a span, which `start` makes from the request's head. In the head it
/// leaves what the inner service is to see.
pub(super) fn call<S, B>(
    inner: &mut S,
    request: Request<B>,
    side: Side,
    settings: &Arc<Settings>,
    start: impl FnOnce(&mut request::Parts) -> (Span, Option<grpc::Call>),
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    let (mut head, body) = request.into_parts();
    if is_repeated(&mut head.extensions, side, &settings.tracer) {
        return ResponseFuture::untraced(inner.call(Request::from_parts(head, body)));
    }
    let (span, call) = start(&mut head);
    let method = head.method.clone();
    let mut exchange = Exchange::new(span, side, call, settings.clone());
    let future = {
        let _scope = exchange.enter();
        inner.call(Request::from_parts(head, body))
    };
    ResponseFuture::new(future, Pending::new(exchange, method))
}
