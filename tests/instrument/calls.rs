//! Functions and methods that are not async.

use crate::{Traced, attributes};
use std::{fmt::Debug, panic::catch_unwind, sync::Arc};
use throughline::{Outcome, Span, instrument};

#[instrument]
fn outer() -> u32 {
    inner(1) + inner(2)
}

#[instrument]
fn inner(factor: u32) -> u32 {
    factor * 10
}

#[test]
fn a_call_is_a_span_and_a_call_inside_it_a_child() {
    let traced = Traced::new();
    assert_eq!(outer(), 30);
    let spans = traced.spans();
    assert_eq!(traced.names(), ["inner", "inner", "outer"]);
    assert_eq!(spans[0].parent_span_id(), Some(spans[2].span_id()));
    assert_eq!(spans[1].parent_span_id(), Some(spans[2].span_id()));
    assert_eq!(spans[2].parent_span_id(), None);
    assert_eq!(attributes(&spans[1]), ["factor=2"]);
}

#[test]
fn without_a_tracer_the_call_is_just_a_call() {
    assert_eq!(outer(), 30);
    assert!(Span::current().context().is_none());
}

#[instrument]
fn current() -> Option<throughline::SpanContext> {
    Span::current().context()
}

#[test]
fn the_span_is_current_in_the_body_and_not_after() {
    let traced = Traced::new();
    let inside = current().expect("a span");
    assert!(Span::current().context().is_none());
    assert_eq!(inside.span_id(), traced.span().span_id());
}

#[instrument]
fn leaves_early(text: &str) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let number: u32 = text.parse().ok()?;
    for candidate in 0..number {
        if candidate == 3 {
            return Some(candidate);
        }
    }
    Some(number)
}

#[test]
fn every_way_out_of_the_body_ends_the_span() {
    let traced = Traced::new();
    assert_eq!(["", "x", "9", "2"].map(leaves_early), [None, None, Some(3), Some(2)]);
    assert_eq!(traced.names(), ["leaves_early"; 4]);
    assert!(Span::current().context().is_none());
}

#[instrument]
fn never() -> ! {
    panic!("on purpose")
}

#[test]
fn a_function_that_never_returns_may_panic() {
    let traced = Traced::new();
    assert!(catch_unwind(|| never()).is_err());
    let span = traced.span();
    assert_eq!(span.outcome(), Outcome::Panicked);
    assert!(span.status().is_error());
}

#[derive(Clone, Debug)]
struct Counter(u32);

impl Counter {
    #[instrument]
    fn created(start: u32) -> Self {
        Self(start)
    }

    #[instrument]
    fn by_reference(&self) -> u32 {
        self.0
    }

    #[instrument(skip(self))]
    fn by_mutable_reference(&mut self) -> &mut u32 {
        self.0 += 1;
        &mut self.0
    }

    #[instrument]
    fn by_value(self) -> u32 {
        self.0
    }

    #[instrument]
    fn by_mutable_value(mut self) -> Self {
        self.0 += 1;
        self
    }

    #[instrument]
    #[allow(clippy::boxed_local)]
    fn boxed(self: Box<Self>) -> u32 {
        self.0
    }

    #[instrument]
    fn shared(self: &Arc<Self>, more: u32) -> u32 {
        self.0 + more
    }
}

#[test]
fn methods_take_self_in_every_form_and_never_record_it() {
    let traced = Traced::new();
    let mut counter = Counter::created(1);
    *counter.by_mutable_reference() += 1;
    assert_eq!(counter.by_reference(), 3);
    assert_eq!(counter.clone().by_value(), 3);
    assert_eq!(Box::new(counter.clone()).boxed(), 3);
    assert_eq!(Arc::new(counter.by_mutable_value()).shared(1), 5);
    let recorded: Vec<_> = traced.spans().iter().flat_map(attributes).collect();
    assert_eq!(recorded, ["start=1", "more=1"]);
    assert_eq!(traced.spans().len(), 7);
}

trait Shape {
    fn area(&self) -> u32;

    #[instrument]
    fn doubled(&self) -> u32 {
        self.area() * 2
    }
}

impl Shape for Counter {
    #[instrument(name = "Counter::area")]
    fn area(&self) -> u32 {
        self.0
    }
}

#[test]
fn trait_methods_and_their_default_bodies_are_functions_too() {
    let traced = Traced::new();
    let shape: &dyn Shape = &Counter(4);
    assert_eq!(shape.doubled(), 8);
    assert_eq!(traced.names(), ["Counter::area", "doubled"]);
}

#[instrument]
fn generic<'a, T, const N: usize>(items: &'a [T; N], index: &usize) -> Option<&'a T>
where
    T: Debug,
{
    items.get(*index)
}

#[instrument]
fn opaque(items: impl IntoIterator<Item = u32> + Debug) -> impl Iterator<Item = u32> {
    items.into_iter().map(|item| item + 1)
}

#[instrument]
fn elided<'a>(text: &'a str, _other: &str) -> std::str::Chars<'a> {
    text.chars()
}

#[test]
fn generics_lifetimes_and_opaque_types_stay_what_they_are() {
    let traced = Traced::new();
    assert_eq!(generic(&['a', 'b'], &1), Some(&'b'));
    assert_eq!(opaque(vec![1, 2]).sum::<u32>(), 5);
    assert_eq!(elided("abc", "").count(), 3);
    let spans = traced.spans();
    assert_eq!(attributes(&spans[0]), ["items=['a', 'b']", "index=1"]);
    assert_eq!(attributes(&spans[1]), ["items=[1, 2]"]);
    assert_eq!(attributes(&spans[2]), ["text=abc", "_other="]);
}

/// # Safety
///
/// `pointer` points to a number.
#[instrument(skip_all)]
unsafe fn read(pointer: *const u32) -> u32 {
    // SAFETY: what the caller promised.
    unsafe { pointer.read() }
}

#[instrument]
extern "C" fn foreign(number: i32) -> i32 {
    number + 1
}

#[test]
fn unsafe_and_foreign_functions_keep_their_qualifiers() {
    let traced = Traced::new();
    // SAFETY: the number lives through the call.
    assert_eq!(unsafe { read(&7) }, 7);
    let function: extern "C" fn(i32) -> i32 = foreign;
    assert_eq!(function(1), 2);
    assert_eq!(traced.names(), ["read", "foreign"]);
}

#[instrument]
#[track_caller]
fn caller() -> u32 {
    std::panic::Location::caller().line()
}

#[instrument]
fn relaxed() -> u32 {
    #![allow(unused_variables)]
    let unused = 1;
    2
}

#[test]
fn attributes_of_the_function_and_of_its_body_are_kept() {
    let _traced = Traced::new();
    assert_eq!(caller(), line!());
    assert_eq!(relaxed(), 2);
}

macro_rules! define {
    ($name:ident, $argument:ident: $kind:ty, $body:block) => {
        #[instrument]
        fn $name($argument: $kind) -> $kind $body
    };
}

define!(defined, number: u64, { number + 1 });

#[test]
fn a_function_may_come_out_of_a_macro() {
    let traced = Traced::new();
    assert_eq!(defined(0), 1);
    assert_eq!(traced.span().attribute("number"), Some(0_i64.into()));
}

#[instrument]
fn factorial(of: u64) -> u64 {
    if of == 0 { 1 } else { of * factorial(of - 1) }
}

#[test]
fn recursion_nests() {
    let traced = Traced::new();
    assert_eq!(factorial(3), 6);
    let spans = traced.spans();
    assert_eq!(spans.iter().filter(|span| span.parent_span_id().is_none()).count(), 1);
    assert!(spans.windows(2).all(|pair| pair[0].parent_span_id() == Some(pair[1].span_id())));
}
