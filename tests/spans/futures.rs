//! Spans of futures and streams: current while they are polled and at no other time, and ended by their
//! end, their drop or their panic.

use super::{current, id};
use futures_core::Stream;
use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use throughline::{
    Instrument, Outcome, Span, Status,
    testing::{AssertSpan, ManualClock, TestTracer},
};
use tokio::sync::{Notify, oneshot};

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending at its first poll, ready at its second.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await
}

#[test]
fn the_span_is_current_while_the_future_is_polled_and_ends_with_it() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let span = test.span("task");
    let span_id = id(&span);
    let future = async {
        assert_eq!(current(), span_id);
        Span::new("first").end();
        yield_once().await;
        assert_eq!(current(), span_id);
        Span::new("second").end();
        Span::current().set_attribute("polls", 2);
        7
    };
    let mut future = pin!(future.instrument(span));
    assert_eq!(current(), None);
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(current(), None);
    assert_eq!(id(future.span()), span_id);
    clock.advance(Duration::from_millis(2));
    assert_eq!(poll(future.as_mut()), Poll::Ready(7));
    assert_eq!(current(), None);
    clock.advance(Duration::from_millis(200));
    // The future is still there, the span is not.
    let span = test.span_named("task");
    assert_eq!(span.duration(), Duration::from_millis(2));
    span.assert_outcome(Outcome::Completed).assert_attribute("polls", 2);
    assert_eq!(test.tree(), "task\n  first\n  second\n");
    assert_eq!(id(future.span()), None);
}

#[test]
fn a_future_dropped_before_its_end_is_cancelled() {
    let test = TestTracer::new();
    let mut polled = Box::pin(pending::<()>().instrument(test.span("polled")));
    assert!(poll(polled.as_mut()).is_pending());
    drop(polled);
    drop(pending::<()>().instrument(test.span("never polled")));
    for name in ["polled", "never polled"] {
        test.span_named(name).assert_outcome(Outcome::Cancelled).assert_status(&Status::Unset);
    }
    assert_eq!(test.stats().ended, 2);
}

#[test]
fn what_a_dropped_future_held_is_dropped_under_its_span() {
    struct SaysGoodbye;
    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            Span::current().set_attribute("cleaned up", true);
            Span::new("goodbye").end();
        }
    }
    let test = TestTracer::new();
    let held = async {
        let _held = SaysGoodbye;
        pending::<()>().await;
    };
    let mut future = Box::pin(held.instrument(test.span("task")));
    assert!(poll(future.as_mut()).is_pending());
    drop(future);
    assert_eq!(current(), None);
    assert_eq!(test.tree(), "task\n  goodbye\n");
    test.span_named("task").assert_outcome(Outcome::Cancelled).assert_attribute("cleaned up", true);
}

#[test]
fn a_panic_ends_the_span_at_once_even_if_the_future_is_kept() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let boom = async {
        Span::current().set_attribute("reached", true);
        let _inner = Span::new("inner").entered();
        panic!("boom");
    };
    let mut future = Box::pin(boom.instrument(test.span("task")));
    clock.advance(Duration::from_millis(1));
    catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()).is_pending())).unwrap_err();
    assert_eq!(current(), None);
    clock.advance(Duration::from_secs(5));
    let span = test.span_named("task");
    assert_eq!(span.duration(), Duration::from_millis(1));
    span.assert_outcome(Outcome::Panicked)
        .assert_status(&Status::error("panicked"))
        .assert_attribute("reached", true);
    test.span_named("inner").assert_outcome(Outcome::Panicked).assert_child_of(&span);
    drop(future);
    assert_eq!(test.stats().ended, 2, "once");
}

#[test]
fn a_panic_in_the_future_s_own_drop_is_a_panic_of_the_span() {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let test = TestTracer::new();
    let held = async {
        let _held = PanicsOnDrop;
        pending::<()>().await;
    };
    let mut future = Box::pin(held.instrument(test.span("task")));
    assert!(poll(future.as_mut()).is_pending());
    catch_unwind(AssertUnwindSafe(|| drop(future))).unwrap_err();
    assert_eq!(current(), None);
    test.span_named("task").assert_outcome(Outcome::Panicked);
}

#[test]
fn a_future_dropped_by_somebody_else_s_panic_panicked_with_it() {
    let test = TestTracer::new();
    catch_unwind(AssertUnwindSafe(|| {
        let mut future = Box::pin(pending::<()>().instrument(test.span("task")));
        assert!(poll(future.as_mut()).is_pending());
        panic!("boom");
    }))
    .unwrap_err();
    test.span_named("task").assert_outcome(Outcome::Panicked).assert_status(&Status::error("panicked"));
    assert_eq!(test.stats().ended, 1);
}

struct Numbers(Vec<Poll<u32>>);

impl Stream for Numbers {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        assert!(current().is_some());
        Span::new("poll").end();
        match self.0.pop() {
            Some(Poll::Ready(number)) => Poll::Ready(Some(number)),
            Some(Poll::Pending) => Poll::Pending,
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (2, Some(2))
    }
}

#[test]
fn a_stream_s_span_lasts_to_its_end() {
    let test = TestTracer::new();
    let numbers = Numbers(vec![Poll::Ready(2), Poll::Pending, Poll::Ready(1)]);
    let mut stream = pin!(numbers.instrument(test.span("stream")));
    let next = |stream: Pin<&mut _>| Stream::poll_next(stream, &mut Context::from_waker(Waker::noop()));
    assert_eq!(stream.size_hint(), (2, Some(2)));
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(1)));
    assert_eq!(next(stream.as_mut()), Poll::Pending);
    assert_eq!(next(stream.as_mut()), Poll::Ready(Some(2)));
    assert_eq!(test.stats().open, 1);
    assert_eq!(next(stream.as_mut()), Poll::Ready(None));
    test.span_named("stream").assert_outcome(Outcome::Completed);
    assert_eq!(test.tree(), "stream\n  poll\n  poll\n  poll\n  poll\n");
}

#[test]
fn a_stream_left_early_is_cancelled() {
    let test = TestTracer::new();
    let mut stream = Box::pin(Numbers(vec![Poll::Ready(1)]).instrument(test.span("stream")));
    let _one = Stream::poll_next(stream.as_mut(), &mut Context::from_waker(Waker::noop()));
    drop(stream);
    test.span_named("stream").assert_outcome(Outcome::Cancelled);
}

#[test]
fn instrumented_futures_nest() {
    let test = TestTracer::new();
    let inner = async {
        yield_once().await;
        Span::current().set_attribute("which", "inner");
    };
    let outer = async {
        inner.instrument(Span::new("inner")).await;
        Span::current().set_attribute("which", "outer");
    };
    let mut outer = pin!(outer.instrument(test.span("outer")));
    assert!(poll(outer.as_mut()).is_pending());
    assert!(poll(outer.as_mut()).is_ready());
    assert_eq!(test.tree(), "outer\n  inner\n");
    test.span_named("inner").assert_attribute("which", "inner");
    test.span_named("outer").assert_attribute("which", "outer");
}

#[test]
fn in_current_span_gives_children_and_keeps_nothing_open() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let order = test.span("order");
    let task = order.in_scope(|| {
        async {
            Span::new("task's").end();
            // There is nobody to hand it to.
            Span::current().set_attribute("lost", true);
            yield_once().await;
            Span::new("later").end();
        }
        .in_current_span()
    });
    let mut task = pin!(task);
    assert!(poll(task.as_mut()).is_pending());
    assert_eq!(current(), None);
    clock.advance(Duration::from_millis(3));
    order.end();
    clock.advance(Duration::from_millis(200));
    assert!(poll(task.as_mut()).is_ready());
    let order = test.span_named("order");
    assert_eq!(order.duration(), Duration::from_millis(3));
    order.assert_no_attribute("lost");
    test.span_named("task's").assert_child_of(&order);
    test.span_named("later").assert_child_of(&order);
}

#[test]
fn what_a_dropped_future_held_is_dropped_under_its_parent() {
    struct SaysGoodbye;
    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            Span::new("goodbye").end();
        }
    }
    let test = TestTracer::new();
    let held = async {
        let _held = SaysGoodbye;
        pending::<()>().await;
    };
    let order = test.span("order");
    let mut task = order.in_scope(|| Box::pin(held.in_current_span()));
    assert!(poll(task.as_mut()).is_pending());
    drop(task);
    assert_eq!(current(), None);
    order.end();
    test.span_named("goodbye").assert_child_of(&test.span_named("order"));
}

#[test]
fn in_current_span_without_one_is_the_future_alone() {
    let test = TestTracer::new();
    let task = async { Span::new("root").end() }.in_current_span();
    assert!(poll(pin!(task)).is_ready());
    test.span_named("root").assert_root();
}

#[test]
fn a_future_without_a_tracer_runs_as_ever() {
    let mut future = pin!(ready(7).instrument(Span::none()));
    assert_eq!(poll(future.as_mut()), Poll::Ready(7));
}

// What a future must not do, and what must not come of it.

#[test]
fn a_guard_kept_across_an_await_does_not_leak_into_the_next_task() {
    let test = TestTracer::new();
    let misuse = async {
        let span = Span::new("guarded").entered();
        span.set_attribute("before", 1);
        yield_once().await;
        span.set_attribute("after", 2);
    };
    let mut misuse = pin!(misuse.instrument(test.span("misuse")));
    let proper = async { Span::new("child").end() };
    let proper = pin!(proper.instrument(test.span("proper")));
    assert!(poll(misuse.as_mut()).is_pending());
    assert_eq!(current(), None, "the guard is alive, but its task is not running");
    assert!(poll(proper).is_ready());
    Span::new("alone").end();
    assert!(poll(misuse.as_mut()).is_ready());
    assert_eq!(current(), None);
    test.span_named("child").assert_child_of(&test.span_named("proper"));
    test.span_named("alone").assert_root();
    test.span_named("guarded")
        .assert_child_of(&test.span_named("misuse"))
        .assert_attribute("before", 1)
        .assert_attribute("after", 2);
}

#[test]
fn a_forgotten_guard_goes_with_the_poll_it_was_made_in() {
    let test = TestTracer::new();
    let span = test.span("task");
    let span_id = id(&span);
    let forgetful = async move {
        std::mem::forget(Span::new("forgotten").entered());
        std::mem::forget(Span::new("forgotten too").enter());
        assert_ne!(current(), span_id);
        yield_once().await;
        assert_eq!(current(), span_id, "after the await, the task's own span is current again");
    };
    let mut future = pin!(forgetful.instrument(span));
    assert!(poll(future.as_mut()).is_pending());
    assert_eq!(current(), None);
    assert!(poll(future.as_mut()).is_ready());
    assert_eq!(current(), None);
    test.span_named("task").assert_outcome(Outcome::Completed);
}

#[test]
fn a_guard_of_one_task_dropped_in_another_takes_nothing_away() {
    let test = TestTracer::new();
    let stash = Rc::new(RefCell::new(None));
    let leaves_it = {
        let stash = stash.clone();
        async move {
            stash.replace(Some(Span::new("strayed").entered()));
            yield_once().await;
        }
    };
    let mut first = pin!(leaves_it.instrument(test.span("first")));
    assert!(poll(first.as_mut()).is_pending());
    let second = test.span("second");
    let second_id = id(&second);
    let takes_it = async move {
        let _own = Span::new("own").entered();
        drop(stash.take());
        assert_ne!(current(), second_id);
        Span::new("below own").end();
    };
    assert!(poll(pin!(takes_it.instrument(second))).is_ready());
    test.span_named("below own").assert_child_of(&test.span_named("own"));
    test.span_named("strayed").assert_outcome(Outcome::Completed);
}

// On a real runtime.

#[tokio::test]
async fn an_aborted_task_is_cancelled() {
    let test = TestTracer::new();
    let (started, has_started) = oneshot::channel();
    let work = async move {
        started.send(()).unwrap();
        pending::<()>().await;
    };
    let task = tokio::spawn(work.instrument(test.span("task")));
    has_started.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    test.span_named("task").assert_outcome(Outcome::Cancelled);
}

#[tokio::test]
async fn a_panicking_task_is_an_error() {
    let test = TestTracer::new();
    let work = async {
        tokio::task::yield_now().await;
        panic!("boom");
    };
    let task = tokio::spawn(work.instrument(test.span("task")));
    assert!(task.await.unwrap_err().is_panic());
    test.span_named("task").assert_outcome(Outcome::Panicked).assert_status(&Status::error("panicked"));
}

#[tokio::test]
async fn a_task_that_holds_the_context_does_not_lengthen_the_span() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let release = Arc::new(Notify::new());
    let request = test.span("request");
    let background = request.in_scope(|| {
        let released = release.clone();
        tokio::spawn(async move { released.notified().await }.in_current_span())
    });
    let handle = request.handle();
    clock.advance(Duration::from_millis(5));
    request.end();
    clock.advance(Duration::from_millis(200));
    release.notify_one();
    background.await.unwrap();
    drop(handle);
    assert_eq!(test.span_named("request").duration(), Duration::from_millis(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_takes_its_span_from_thread_to_thread() {
    let test = TestTracer::new();
    let tasks: Vec<_> = (0..50_i64)
        .map(|number| {
            let span = test.span("task");
            let span_id = id(&span);
            let work = async move {
                for _ in 0..20 {
                    assert_eq!(current(), span_id);
                    Span::current().set_attribute("number", number);
                    let child = Span::new("step");
                    tokio::task::yield_now().await;
                    drop(child);
                }
                number
            };
            tokio::spawn(work.instrument(span))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let spans = test.spans();
    let tasks: Vec<_> = spans.iter().filter(|span| span.name() == "task").collect();
    let mut numbers: Vec<_> =
        tasks.iter().map(|task| task.attribute("number").unwrap().as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    for task in tasks {
        let steps = spans.iter().filter(|span| span.parent_span_id() == Some(task.span_id()));
        assert_eq!(steps.count(), 20);
    }
    assert_eq!(test.stats().open, 0);
}

#[test]
fn a_span_may_be_polled_under_itself() {
    // A future that drives another of the same task, as `FuturesUnordered` or `select!` does.
    let test = TestTracer::new();
    let span = test.span("outer");
    let depth = Cell::new(0);
    let inner = async { depth.set(depth.get() + 1) }.instrument(span.child("inner"));
    span.in_scope(|| assert!(poll(pin!(inner)).is_ready()));
    assert_eq!(depth.get(), 1);
    assert_eq!(current(), None);
}
