//! Whether a request has just passed a layer of the same side (floor 5), which then has nothing to add.
//!
//! Two ways, for what they cost. A server's layer leaves a mark in the request's extensions, where it puts the
//! request's id anyway. A client's request has no extensions as a rule; its headers name the span that was made
//! for it, and this thread is within that span's exchange. So a client's second layer is not noticed where a
//! queue to another thread lies between the two.

use super::{headers::Headers, seen::Seen};
use crate::{
    context::Context,
    diagnostics::Diagnostic,
    ids::SpanId,
    propagation::{Propagator, trace_context},
    trace::{Span, Tracer},
};
use http::{Extensions, HeaderMap};
use std::cell::Cell;

thread_local! {
    /// The span of the client's exchange that this thread is within, if no server's is within that.
    static CLIENT: Cell<Option<SpanId>> = const { Cell::new(None) };
}

/// The time in which a thread is within an exchange.
pub(super) struct Within {
    before: Option<SpanId>,
}

impl Within {
    /// In a server's, every call is a hop of its own.
    #[inline]
    pub(super) fn server() -> Self {
        Self { before: CLIENT.replace(None) }
    }

    #[inline]
    pub(super) fn client(span: &Span) -> Self {
        Self { before: CLIENT.replace(span.id()) }
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        CLIENT.set(self.before);
    }
}

/// In a request's extensions: it has passed a server's layer, and no client's since. Without a value, which
/// would be boxed.
#[derive(Clone, Copy)]
struct PassedServer;

/// Has the request just passed a server's layer?
#[cfg_attr(not(feature = "server"), expect(dead_code))]
pub(super) fn is_repeated_server(extensions: &mut Extensions, tracer: &Tracer) -> bool {
    noted(extensions.insert(PassedServer).is_some(), tracer)
}

/// After a client's layer a request is at its next hop, which may be in this process.
#[cfg_attr(not(feature = "client"), expect(dead_code))]
pub(super) fn forget_server(extensions: &mut Extensions) {
    extensions.remove::<PassedServer>();
}

/// Has the request just passed a client's layer?
#[cfg_attr(not(feature = "client"), expect(dead_code))]
pub(super) fn is_repeated_client(
    headers: &HeaderMap,
    seen: &Seen<'_>,
    names: &Headers,
    tracer: &Tracer,
) -> bool {
    let repeated = CLIENT.get().is_some_and(|client| {
        let named = if names.formats.are_default() {
            let parent = trace_context::extract(seen.trace_parent.clone(), [""; 0]).ok();
            parent.map(|parent| parent.span)
        } else {
            let mut context = Context::default();
            let _refused = names.formats.extract(headers, &mut context);
            context.span
        };
        named.is_some_and(|named| named.span_id() == client)
    });
    noted(repeated, tracer)
}

fn noted(repeated: bool, tracer: &Tracer) -> bool {
    if repeated {
        tracer.note(Diagnostic::RepeatedLayer);
    }
    repeated
}
