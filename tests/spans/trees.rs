//! Where a span hangs: under the current one, under an explicit parent, or under none.

use super::{current, id};
use std::{sync::mpsc, thread, time::Duration};
use throughline::{
    Context, Instrument, RequestId, Span, SpanContext, SpanKind, TraceFlags,
    testing::{AssertSpan, ManualClock, TestTracer},
};

fn remote_parent() -> SpanContext {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    SpanContext::new(trace, "00f067aa0ba902b7".parse().unwrap(), TraceFlags::SAMPLED)
}

/// A context as a propagator makes it.
fn incoming(span: Option<SpanContext>, request_id: Option<&str>) -> Context {
    let mut context = Context::default();
    context.span = span.map(|span| span.with_remote(true));
    context.request_id = request_id.map(|id| id.parse().unwrap());
    context
}

#[test]
fn guards_nest() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let tick = || clock.advance(Duration::from_millis(1));
    {
        let _order = Span::new("order").entered();
        tick();
        {
            let _stock = Span::new("reserve stock").entered();
            tick();
            Span::new("look up").end();
        }
        tick();
        let pay = Span::new("pay");
        tick();
        // Started, but never made current.
        Span::new("print receipt").end();
        pay.end();
    }
    Span::new("another order").end();
    assert_eq!(test.tree(), "order\n  reserve stock\n    look up\n  pay\n  print receipt\nanother order\n");
}

#[test]
fn every_span_of_a_trace_shares_its_ids() {
    let test = TestTracer::new();
    Span::new("order").in_scope(|| Span::new("pay").end());
    Span::new("another order").end();
    let (order, pay, other) =
        (test.span_named("order"), test.span_named("pay"), test.span_named("another order"));
    assert_eq!(order.trace_id(), pay.trace_id());
    assert_ne!(order.trace_id(), other.trace_id());
    assert_ne!(order.span_id(), pay.span_id());
    order.assert_root();
    pay.assert_child_of(&order);
    assert!(order.is_local_root() && !pay.is_local_root() && !pay.parent_is_remote());
}

#[test]
fn in_scope_returns_what_the_body_returns_and_leaves_the_span_open() {
    let test = TestTracer::new();
    let span = test.span("sum");
    assert_eq!(span.in_scope(|| 1 + current().map_or(0, |_| 1)), 2);
    assert_eq!(current(), None);
    assert!(test.spans().is_empty());
    span.end();
    assert_eq!(test.spans().len(), 1);
}

#[test]
fn an_entered_span_can_be_left_and_entered_again() {
    let test = TestTracer::new();
    let entered = test.span("order").entered();
    assert_eq!(current(), id(&entered));
    let span = entered.exit();
    assert_eq!(current(), None);
    assert!(test.spans().is_empty(), "it has not ended");
    drop(span.entered());
    assert_eq!(test.spans().len(), 1);
}

#[test]
fn a_span_entered_twice_is_current_until_the_last_guard_goes() {
    let test = TestTracer::new();
    let span = test.span("order");
    let outer = span.enter();
    let inner = span.enter();
    drop(outer);
    assert_eq!(current(), id(&span));
    drop(inner);
    assert_eq!(current(), None);
}

#[test]
fn an_explicit_parent_counts_more_than_the_current_span() {
    let test = TestTracer::new();
    let (parent, current) = (test.span("parent"), test.span("current"));
    current.in_scope(|| {
        parent.child("child").end();
        Span::builder("built").parent(&parent.handle().unwrap()).start().end();
        Span::builder("root").root().start().end();
        test.span("beneath").end();
    });
    drop((parent, current));
    let parent = test.span_named("parent");
    test.span_named("child").assert_child_of(&parent);
    test.span_named("built").assert_child_of(&parent);
    test.span_named("beneath").assert_child_of(&test.span_named("current"));
    let root = test.span_named("root");
    root.assert_root();
    assert_ne!(root.trace_id(), parent.trace_id());
}

#[test]
fn handles_make_children_on_other_threads_even_when_the_span_has_ended() {
    let test = TestTracer::new();
    let span = test.span("order");
    let handle = span.handle().unwrap();
    let (go, gone) = mpsc::channel();
    let thread = thread::spawn({
        let handle = handle.clone();
        move || {
            handle.child("while open").end();
            gone.recv().unwrap();
            handle.child("after the end").end();
            assert_eq!(current(), None, "a handle makes nothing current");
        }
    });
    span.end();
    go.send(()).unwrap();
    thread.join().unwrap();
    let order = test.span_named("order");
    test.span_named("while open").assert_child_of(&order);
    test.span_named("after the end").assert_child_of(&order);
}

#[test]
fn a_handle_does_not_keep_its_span_open() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let span = test.span("order");
    let handle = span.handle().unwrap();
    clock.advance(Duration::from_millis(5));
    span.end();
    clock.advance(Duration::from_millis(200));
    drop(handle);
    assert_eq!(test.span_named("order").duration(), Duration::from_millis(5));
}

#[test]
fn a_span_moves_to_another_thread_and_ends_there() {
    let test = TestTracer::new();
    let span = test.span("order");
    thread::spawn(move || {
        span.set_attribute("where", "elsewhere");
        let _entered = span.entered();
        Span::new("beneath").end();
    })
    .join()
    .unwrap();
    assert_eq!(test.tree(), "order\n  beneath\n");
    test.span_named("order").assert_attribute("where", "elsewhere");
}

#[test]
fn a_remote_parent_is_continued() {
    let test = TestTracer::new();
    let span = test.span_builder("GET").kind(SpanKind::Server).remote(incoming(Some(remote_parent()), None));
    let span = span.start();
    let request_id = span.request_id().unwrap().clone();
    span.in_scope(|| {
        let child = Span::new("child");
        assert_eq!(child.request_id(), Some(&request_id), "one request, one id");
    });
    span.end();
    let span = test.span_named("GET");
    assert_eq!(span.trace_id(), remote_parent().trace_id());
    assert_eq!(span.parent_span_id(), Some(remote_parent().span_id()));
    assert!(span.parent_is_remote() && span.is_local_root());
    span.assert_kind(SpanKind::Server);
    assert_ne!(request_id, RequestId::from_trace_id(span.trace_id()), "the trace did not begin here");
}

#[test]
fn a_trace_that_begins_here_has_the_request_s_id() {
    let test = TestTracer::new();
    let root = test.span("root");
    let context = root.context().unwrap();
    assert_eq!(root.request_id(), Some(&RequestId::from_trace_id(context.trace_id())));
    assert!(context.flags().is_sampled() && context.flags().is_random() && !context.is_remote());

    let given = test.span_builder("given").remote(incoming(None, Some("order-7"))).start();
    assert_eq!(given.request_id().unwrap().to_string(), "order-7");
    assert_eq!(given.child("child").request_id().unwrap().to_string(), "order-7");
    given.end();
    test.span_named("given").assert_root();
}

#[test]
fn what_goes_out_is_what_a_span_is() {
    let test = TestTracer::new();
    let given = test.span_builder("given").remote(incoming(Some(remote_parent()), Some("order-7"))).start();
    let outgoing = given.handle().unwrap().outgoing();
    assert_eq!(outgoing.span, given.context());
    assert_eq!(outgoing.request_id.unwrap().to_string(), "order-7");
}

#[test]
fn or_remote_prefers_the_current_span() {
    let test = TestTracer::new();
    let context = || incoming(Some(remote_parent()), None);
    test.span_builder("alone").or_remote(context()).start().end();
    test.span("order").in_scope(|| test.span_builder("within").or_remote(context()).start().end());
    assert_eq!(test.span_named("alone").trace_id(), remote_parent().trace_id());
    test.span_named("within").assert_child_of(&test.span_named("order"));
}

#[test]
fn another_tracer_s_span_is_a_remote_parent_or_none() {
    let (one, other) = (TestTracer::new(), TestTracer::new());
    let order = one.span("order");
    order.in_scope(|| {
        other.span("own").end();
        other.span_builder("continued").parent(&order.handle().unwrap()).start().end();
        // Whoever names no tracer follows the span that is current.
        Span::new("ambient").end();
        Span::builder("ambient too").start().end();
    });
    order.end();
    let order = one.span_named("order");
    other.span_named("own").assert_root();
    let continued = other.span_named("continued");
    continued.assert_child_of(&order);
    assert!(continued.parent_is_remote());
    one.span_named("ambient").assert_child_of(&order);
    one.span_named("ambient too").assert_child_of(&order);
    assert_eq!(other.spans().len(), 2);
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let test = TestTracer::new();
    let (a, b, c) = (test.span("a"), test.span("b"), test.span("c"));
    let (in_a, in_b, in_c) = (a.enter(), b.enter(), c.enter());
    drop(in_a);
    assert_eq!(current(), id(&c));
    drop(in_c);
    assert_eq!(current(), id(&b), "the last entered whose guard is alive");
    drop(in_b);
    assert_eq!(current(), None);
    test.span("root").end();
    test.span_named("root").assert_root();
}

#[test]
fn guards_of_a_trace_that_is_not_recorded_may_be_dropped_in_any_order_too() {
    let test = TestTracer::with(|builder| builder.sampler(throughline::sampling::AlwaysOff));
    let a = test.span("a");
    let b = a.child("b");
    let (in_a, in_b) = (a.enter(), b.enter());
    drop(in_a);
    assert_eq!(current(), id(&b), "what starts now must not begin a trace of its own");
    drop(in_b);
    assert_eq!(current(), None);
}

#[test]
fn an_ended_span_is_current_no_longer_when_its_guard_goes_late() {
    let test = TestTracer::new();
    let first = test.span("first").entered();
    let second = test.span("second").entered();
    drop(first);
    assert_eq!(current(), id(&second));
    drop(second);
    assert_eq!(current(), None);
    assert_eq!(test.tree(), "first\n  second\n");
}

/// Its spans have one entry on the thread's stack between them.
#[test]
fn an_unsampled_trace_is_current_until_the_last_of_its_guards_is_gone() {
    let test = TestTracer::with(|builder| builder.sampler(throughline::sampling::AlwaysOff));
    let root = test.span("root").entered();
    let root_id = id(&root);
    let first = Span::new("first").entered();
    let second = Span::new("second").entered();
    drop(root);
    assert_eq!(current(), root_id);
    drop(second);
    assert_eq!(current(), root_id);
    drop(first);
    assert_eq!(current(), None);
}

#[test]
fn a_poll_leaves_an_unsampled_trace_whatever_guards_were_forgotten_in_it() {
    let test = TestTracer::with(|builder| builder.sampler(throughline::sampling::AlwaysOff));
    let outer = test.span_builder("outer").root().start().entered();
    let mut polled: std::pin::Pin<Box<dyn Future<Output = ()>>> = Box::pin(
        async {
            std::mem::forget(Span::new("inner").entered());
            std::future::pending::<()>().await;
        }
        .instrument(test.span_builder("task").root().start()),
    );
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..2 {
        assert!(polled.as_mut().poll(&mut context).is_pending());
        assert_eq!(current(), id(&outer));
    }
    drop((polled, outer));
    assert_eq!(current(), None);
}

#[test]
fn a_recursion_without_an_end_is_cut_off_and_then_forgotten() {
    let test = TestTracer::new();
    let root = test.span("root").entered();
    let guards: Vec<_> = (0..70_000).map(|_| Span::new("deeper").entered()).collect();
    let (last, above) = (id(guards.last().unwrap()), id(&guards[65_000]));
    assert!(current().is_some() && current() != last && current() != above);
    drop(guards);
    assert_eq!(current(), id(&root));
    drop(root);
    assert_eq!(current(), None);
}
