//! Every way in which a span can end, and that it ends once.

use super::current;
use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};
use throughline::{
    EnteredSpan, Outcome, Span, Status, Tracer,
    testing::{AssertSpan, ManualClock, TestTracer},
};

#[test]
fn scope_drop_end_and_cancel() {
    let test = TestTracer::new();
    {
        let _span = test.span("scope");
    }
    drop(test.span("drop"));
    test.span("end").end();
    test.span("cancel").cancel();
    drop(test.span("entered").entered());
    for name in ["scope", "drop", "end", "entered"] {
        test.span_named(name).assert_outcome(Outcome::Completed).assert_status(&Status::Unset);
    }
    test.span_named("cancel").assert_outcome(Outcome::Cancelled).assert_status(&Status::Unset);
    let stats = test.stats();
    assert_eq!((stats.ended, stats.open), (5, 0));
}

#[test]
fn a_panic_ends_all_that_it_unwinds_as_errors() {
    let test = TestTracer::new();
    let outside = test.span("outside");
    catch_unwind(AssertUnwindSafe(|| {
        let _order = test.span("order").entered();
        let _pay = Span::new("pay");
        let _guarded = test.span("guarded").entered();
        panic!("boom");
    }))
    .unwrap_err();
    assert_eq!(current(), None);
    outside.end();
    for name in ["order", "pay", "guarded"] {
        test.span_named(name).assert_outcome(Outcome::Panicked).assert_status(&Status::error("panicked"));
    }
    test.span_named("outside").assert_outcome(Outcome::Completed).assert_status(&Status::Unset);
    Span::new("after").end();
    test.span_named("after").assert_root().assert_outcome(Outcome::Completed);
}

#[test]
fn a_panic_does_not_overrule_what_was_said() {
    let test = TestTracer::new();
    catch_unwind(AssertUnwindSafe(|| {
        let span = test.span("order");
        span.set_status(Status::Ok).set_attribute("kept", 1);
        panic!("boom");
    }))
    .unwrap_err();
    let span = test.span_named("order");
    span.assert_outcome(Outcome::Panicked).assert_status(&Status::Ok).assert_attribute("kept", 1);
}

#[test]
fn spans_of_destructors_that_run_in_a_panic_are_no_victims() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            let span = Span::new("clean up").entered();
            span.set_attribute("done", true);
            Span::new("below").end();
        }
    }
    let test = TestTracer::new();
    catch_unwind(AssertUnwindSafe(|| {
        let _order = test.span("order").entered();
        let _resource = CleansUp;
        panic!("boom");
    }))
    .unwrap_err();
    assert_eq!(test.tree(), "order\n  clean up\n    below\n");
    test.span_named("order").assert_outcome(Outcome::Panicked);
    test.span_named("clean up").assert_outcome(Outcome::Completed).assert_attribute("done", true);
    test.span_named("below").assert_outcome(Outcome::Completed);
}

#[test]
fn a_panic_within_a_destructor_s_panic_is_survived() {
    struct PanicsAndCatches;
    impl Drop for PanicsAndCatches {
        fn drop(&mut self) {
            let inner = || {
                let _span = Span::new("inner").entered();
                panic!("once more");
            };
            catch_unwind(AssertUnwindSafe(inner)).unwrap_err();
        }
    }
    let test = TestTracer::new();
    catch_unwind(AssertUnwindSafe(|| {
        let _order = test.span("order").entered();
        let _resource = PanicsAndCatches;
        panic!("boom");
    }))
    .unwrap_err();
    assert_eq!(test.tree(), "order\n  inner\n");
    assert_eq!(current(), None);
}

#[test]
fn a_span_that_outlives_a_panic_it_was_not_part_of_is_completed() {
    let test = TestTracer::new();
    let span = test.span("order");
    span.in_scope(|| {
        catch_unwind(|| panic!("caught below")).unwrap_err();
    });
    span.end();
    test.span_named("order").assert_outcome(Outcome::Completed);
}

#[test]
fn a_panic_in_scope_leaves_the_span_open_and_no_longer_current() {
    let test = TestTracer::new();
    let span = test.span("order");
    catch_unwind(AssertUnwindSafe(|| span.in_scope(|| panic!("boom")))).unwrap_err();
    assert_eq!(current(), None);
    assert!(test.spans().is_empty(), "whoever caught the panic has the span");
    span.end();
    test.span_named("order").assert_outcome(Outcome::Completed);
}

#[test]
fn spans_in_thread_locals_end_with_their_thread() {
    thread_local! {
        static SPAN: RefCell<Option<Span>> = const { RefCell::new(None) };
        static ENTERED: RefCell<Option<EnteredSpan>> = const { RefCell::new(None) };
    }
    let test = TestTracer::new();
    // A join waits for a thread's destructors; the end of a scope does not.
    let on_a_thread = |work: fn(&Tracer)| {
        let tracer = test.tracer().clone();
        thread::spawn(move || work(&tracer)).join().unwrap();
    };
    // Before and after the thread's own state has come to be: destructors run in either order.
    on_a_thread(|tracer| {
        SPAN.with(|place| place.replace(Some(Span::none())));
        SPAN.with(|place| place.replace(Some(tracer.span("touched first"))));
    });
    on_a_thread(|tracer| {
        let span = tracer.span("touched last");
        SPAN.with(|place| place.replace(Some(span)));
    });
    on_a_thread(|tracer| {
        ENTERED.with(|place| place.replace(Some(Span::none().entered())));
        ENTERED.with(|place| place.replace(Some(tracer.span("entered").entered())));
    });
    let mut names: Vec<_> = test.spans().iter().map(|span| span.name().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["entered", "touched first", "touched last"]);
    assert!(test.spans().iter().all(|span| span.outcome() == Outcome::Completed));
    let stats = test.stats();
    assert_eq!((stats.ended, stats.open, stats.buffered), (3, 0, 0));
}

#[test]
fn spans_started_while_the_thread_goes_are_harmless() {
    struct LastWords(throughline::Tracer);
    impl Drop for LastWords {
        fn drop(&mut self) {
            let span = self.0.span("last words").entered();
            span.set_attribute("said", true);
            Span::new("below").end();
            Span::current().set_attribute("current", 1);
        }
    }
    thread_local! {
        static LAST: RefCell<Option<LastWords>> = const { RefCell::new(None) };
    }
    let test = TestTracer::new();
    let tracer = test.tracer().clone();
    thread::spawn(move || {
        LAST.with(|place| place.replace(None));
        tracer.span("first words").end();
        LAST.with(|place| place.replace(Some(LastWords(tracer))));
    })
    .join()
    .unwrap();
    test.span_named("first words");
    let stats = test.stats();
    assert_eq!((stats.open, stats.buffered), (0, 0));
}

#[test]
fn a_thread_that_panics_delivers_what_it_had() {
    let test = TestTracer::new();
    let tracer = test.tracer().clone();
    let result = thread::spawn(move || {
        tracer.span("before").end();
        let _open = tracer.span("open");
        panic!("boom");
    })
    .join();
    assert!(result.is_err());
    test.span_named("before").assert_outcome(Outcome::Completed);
    test.span_named("open").assert_outcome(Outcome::Panicked);
}

#[test]
fn a_span_never_ends_before_it_starts() {
    let clock = ManualClock::new();
    let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
    let span = test.span("order");
    clock.set(ManualClock::START - 86_400_000_000_000);
    assert_eq!(span.elapsed(), Duration::ZERO);
    span.add_event("a day earlier", &[]);
    span.end();
    let span = test.span_named("order");
    assert_eq!(span.start_unix_nanos(), ManualClock::START);
    assert_eq!(span.end_unix_nanos(), ManualClock::START);
    assert_eq!(span.duration(), Duration::ZERO);
}

#[test]
fn extreme_times_are_survived() {
    for time in [0, 1, u64::MAX / 2, u64::MAX] {
        let clock = ManualClock::new();
        clock.set(time);
        let test = TestTracer::with(|builder| builder.clock(clock.clone().into()));
        test.span("order").end();
        let span = test.span_named("order");
        assert!(span.end_unix_nanos() >= span.start_unix_nanos());
    }
}

#[test]
fn a_span_that_never_ends_is_counted_as_open() {
    let test = TestTracer::new();
    for _ in 0..1_000 {
        std::mem::forget(test.span("leaked"));
    }
    test.span("ended").end();
    assert_eq!(test.spans().len(), 1);
    let stats = test.stats();
    assert_eq!((stats.ended, stats.open), (1, 1_000));
}
