//! Spans: their start and end, what is recorded on them, making them current.

use crate::recorder::{Recorder, SAMPLE, SAMPLES};
use divan::{Bencher, black_box};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};
use throughline::{Instrument, Span, sampling::AlwaysOff};

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn root(bencher: Bencher) {
    let recorder = Recorder::new();
    bencher.with_inputs(|| recorder.catch_up()).bench_local_values(|()| recorder.tracer.span("root").end());
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child(bencher: Bencher) {
    with_children(bencher, drop);
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child_entered(bencher: Bencher) {
    with_children(bencher, |child| drop(child.entered()));
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child_with_4_numbers(bencher: Bencher) {
    with_children(bencher, |child| {
        child
            .set_attribute("one", black_box(1))
            .set_attribute("two", black_box(2))
            .set_attribute("three", black_box(3))
            .set_attribute("four", black_box(4));
    });
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child_with_4_texts(bencher: Bencher) {
    with_children(bencher, |child| {
        child
            .set_attribute("one", black_box("a text of some words"))
            .set_attribute("two", black_box("a text of some words"))
            .set_attribute("three", black_box("a text of some words"))
            .set_attribute("four", black_box("a text of some words"));
    });
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child_with_event(bencher: Bencher) {
    with_children(bencher, |child| {
        child.add_event("retry", &[("attempt", black_box(2).into())]);
    });
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn child_with_error(bencher: Bencher) {
    let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
    with_children(bencher, |child| {
        child.record_error(black_box(&error));
    });
}

/// Runs a body on one child after another of a span that is current.
fn with_children(bencher: Bencher, body: impl Fn(Span)) {
    let recorder = Recorder::new();
    let root = recorder.tracer.span("root").entered();
    bencher.with_inputs(|| recorder.catch_up()).bench_local_values(|()| body(Span::new("child")));
    drop(root);
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn enter_and_exit(bencher: Bencher) {
    let recorder = Recorder::new();
    let span = recorder.tracer.span("span");
    bencher.bench_local(|| drop(black_box(&span).enter()));
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn current_attribute_found(bencher: Bencher) {
    let recorder = Recorder::new();
    let _span = recorder.tracer.span("span").entered();
    bencher.bench_local(|| Span::current().is_recording());
}

/// One poll of a future that carries a span: the switch of the context there and back.
#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn instrumented_poll(bencher: Bencher) {
    let recorder = Recorder::new();
    let mut future = pin!(std::future::pending::<()>().instrument(recorder.tracer.span("span")));
    let mut context = Context::from_waker(Waker::noop());
    bencher.bench_local(|| future.as_mut().poll(&mut context));
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn no_tracer(bencher: Bencher) {
    bencher.bench_local(|| drop(Span::new("child").entered()));
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn unsampled_root(bencher: Bencher) {
    let recorder = Recorder::sampling(AlwaysOff);
    bencher.bench_local(|| recorder.tracer.span("root").end());
}

#[divan::bench(sample_size = SAMPLE, sample_count = SAMPLES)]
fn unsampled_child(bencher: Bencher) {
    let recorder = Recorder::sampling(AlwaysOff);
    let _root = recorder.tracer.span("root").entered();
    bencher.bench_local(|| drop(Span::new("child").entered()));
}
