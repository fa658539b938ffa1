//! Random interleavings: whatever tasks do with their guards, and in whatever order they run, none sees
//! another's span as current, and at the end nothing is.

use super::{current, id};
use proptest::prelude::*;
use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use throughline::{EnteredSpan, Instrument, Span, SpanId, testing::TestTracer};

/// What a task does while it is polled.
#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    /// Drops one of the guards it holds, from this or an earlier poll.
    Leave(usize),
    /// Forgets one of the guards it holds.
    Forget(usize),
    Child,
    /// Lets the next task run.
    Yield,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Enter),
        3 => (0_usize..4).prop_map(Step::Leave),
        1 => (0_usize..4).prop_map(Step::Forget),
        1 => Just(Step::Child),
        3 => Just(Step::Yield),
    ];
    prop::collection::vec(step, 0..24)
}

/// A task's view of what should be current: its own span, and the guards of this poll above it.
struct Task {
    own: Option<SpanId>,
    trace: Option<throughline::TraceId>,
    guards: Vec<(EnteredSpan, Option<SpanId>)>,
    /// Entered in this poll and not left, from below.
    entered: Vec<Option<SpanId>>,
    steps: std::vec::IntoIter<Step>,
}

impl Task {
    fn run(&mut self) -> Poll<()> {
        // Whatever was left open at the last poll was cut off.
        self.entered.clear();
        loop {
            self.check();
            match self.steps.next() {
                None => return Poll::Ready(()),
                Some(Step::Yield) => return Poll::Pending,
                Some(Step::Enter) => {
                    let guard = Span::new("scope").entered();
                    let span_id = id(&guard);
                    self.entered.push(span_id);
                    self.guards.push((guard, span_id));
                }
                Some(Step::Leave(which)) if which < self.guards.len() => {
                    let (guard, span_id) = self.guards.remove(which);
                    drop(guard);
                    self.entered.retain(|entered| *entered != span_id);
                }
                Some(Step::Forget(which)) if which < self.guards.len() => {
                    std::mem::forget(self.guards.remove(which));
                }
                Some(Step::Child) => {
                    let child = Span::new("child").context().expect("a tracer");
                    assert_eq!(Some(child.trace_id()), self.trace, "a child of its own task");
                }
                Some(Step::Leave(_) | Step::Forget(_)) => {}
            }
        }
    }

    fn check(&self) {
        let expected = self.entered.last().copied().unwrap_or(self.own);
        assert_eq!(current(), expected);
    }
}

fn run_interleaved(tasks: Vec<Vec<Step>>, order: &[usize]) {
    let test = TestTracer::new();
    let mut futures: Vec<Option<Pin<Box<dyn Future<Output = ()>>>>> = Vec::new();
    for steps in tasks {
        let span = test.span_builder("task").root().start();
        let context = span.context().expect("a tracer");
        let mut task = Task {
            own: Some(context.span_id()),
            trace: Some(context.trace_id()),
            guards: Vec::new(),
            entered: Vec::new(),
            steps: steps.into_iter(),
        };
        futures.push(Some(Box::pin(poll_fn(move |_| task.run()).instrument(span))));
    }
    let mut context = Context::from_waker(Waker::noop());
    // The given order first, then to the end: half of them are polled out, half are dropped.
    let count = futures.len();
    let rest = (0..count).cycle().take(count * 12);
    for which in order.iter().map(|which| which % count).chain(rest) {
        assert_eq!(current(), None);
        let place = &mut futures[which];
        if place.as_mut().is_some_and(|future| future.as_mut().poll(&mut context).is_ready()) {
            *place = None;
        }
    }
    drop(futures);
    assert_eq!(current(), None);
    test.span("root").end();
    assert!(test.span_named("root").parent_span_id().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_task_sees_another_s_span(
        tasks in prop::collection::vec(steps(), 1..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let order: Vec<_> = order.iter().map(|index| index.index(64)).collect();
        run_interleaved(tasks, &order);
    }

    /// Without futures: the current span is the last entered whose guard is alive.
    #[test]
    fn guards_in_any_order(steps in steps()) {
        let test = TestTracer::new();
        let mut guards: Vec<(EnteredSpan, Option<SpanId>)> = Vec::new();
        for step in steps {
            match step {
                Step::Enter => {
                    let guard = test.span("scope").entered();
                    let span_id = id(&guard);
                    guards.push((guard, span_id));
                }
                Step::Leave(which) | Step::Forget(which) if which < guards.len() => drop(guards.remove(which)),
                _ => {}
            }
            prop_assert_eq!(current(), guards.last().and_then(|(_, span_id)| *span_id));
        }
        while !guards.is_empty() {
            drop(guards.remove(0));
        }
        prop_assert_eq!(current(), None);
        prop_assert_eq!(test.stats().open, 0);
    }

    /// Two threads hand a span back and forth; what each has current is its own business.
    #[test]
    fn spans_wander_between_threads(hops in 1_usize..6) {
        let test = TestTracer::new();
        let mut span = test.span("wanderer");
        let expected = id(&span);
        let here = test.span("here").entered();
        for _ in 0..hops {
            span = std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(current(), None);
                    let entered = span.entered();
                    assert_eq!(current(), expected);
                    entered.exit()
                })
                .join()
                .unwrap()
            });
            prop_assert_eq!(current(), id(&here));
        }
        span.end();
        drop(here);
        prop_assert_eq!(test.spans().len(), 2);
    }
}

/// A guard that outlives the future it was made in, because somebody outside took it.
#[test]
fn a_guard_that_escapes_its_future_is_harmless() {
    let test = TestTracer::new();
    let escaped = Rc::new(RefCell::new(None));
    let stash = escaped.clone();
    let future = async move { stash.replace(Some(Span::new("inner").entered())) };
    let mut future = Box::pin(future.instrument(test.span("task")));
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(current(), None);
    let other = test.span("other").entered();
    drop(escaped.take());
    assert_eq!(current(), id(&other));
    drop(other);
    assert_eq!(test.spans().len(), 3);
}
