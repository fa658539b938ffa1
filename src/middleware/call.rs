//! One call through a layer (floor 5): what both sides do around the inner service's.

use super::{
    answer::AskedFor,
    classify::Side,
    exchange::Exchange,
    future::{Pending, ResponseFuture},
    grpc,
    settings::Settings,
};
use crate::trace::Span;
use http::{Request, request};
use std::sync::Arc;
use tower_service::Service;

/// What a side makes of a request's head.
pub(super) struct Started {
    pub(super) span: Span,
    /// `None` where it is plain HTTP.
    pub(super) grpc: Option<Box<grpc::Call>>,
}

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
    let Some(Started { span, grpc }) = start(&mut head) else {
        return ResponseFuture::untraced(inner.call(Request::from_parts(head, body)));
    };
    let asked_for = AskedFor::of(&head.method);
    let mut exchange = Exchange::new(span, side, grpc, settings.clone());
    let future = {
        let _scope = exchange.enter();
        inner.call(Request::from_parts(head, body))
    };
    ResponseFuture::new(future, Pending::new(exchange, asked_for))
}
