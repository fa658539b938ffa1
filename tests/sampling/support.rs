//! Trace ids out of a seed, callers, and what a sampler says of them.

#[path = "../support/books.rs"]
mod books;

pub use books::assert_balanced;
use std::time::Duration;
use throughline::{
    Context, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, Tracer, TracerBuilder,
    context::TraceState,
    exporters::Memory,
    sampling::{Sampler, SamplingParameters, SamplingResult},
};

pub const LONG: Duration = Duration::from_secs(30);

/// Random numbers that are the same in every run (splitmix64).
pub struct Seeded(u64);

impl Seeded {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn trace_id(&mut self) -> TraceId {
        let id = u128::from(self.next()) << 64 | u128::from(self.next());
        TraceId::from_u128(id | 1 << 127).unwrap()
    }
}

/// A caller's span.
pub fn caller(trace_id: TraceId, flags: TraceFlags, trace_state: &str) -> SpanContext {
    let trace_state: TraceState = trace_state.parse().unwrap();
    let span_id = SpanId::from_u64(0x00f0_67aa_0ba9_02b7).unwrap();
    SpanContext::new(trace_id, span_id, flags).with_trace_state(trace_state).with_remote(true)
}

pub fn context(span: SpanContext) -> Context {
    let mut context = Context::default();
    context.span = Some(span);
    context
}

/// What a sampler says of a trace that begins here.
pub fn ask(sampler: &impl Sampler, trace_id: TraceId) -> SamplingResult {
    sampler.should_sample(&SamplingParameters::new(trace_id, "order", SpanKind::Internal))
}

/// What a sampler says of a caller's trace.
pub fn ask_under(sampler: &impl Sampler, caller: &SpanContext) -> SamplingResult {
    let parameters = SamplingParameters::new(caller.trace_id(), "order", SpanKind::Server);
    sampler.should_sample(&parameters.with_parent(caller))
}

/// So many of `trials` succeed with this probability, give or take five standard deviations: a deviation
/// by chance fails once in 1.7 million seeds, and the seeds here are fixed.
#[track_caller]
pub fn assert_binomial(successes: u64, trials: u64, probability: f64) {
    let expected = trials as f64 * probability;
    let bound = 5.0 * (expected * (1.0 - probability)).sqrt();
    let difference = (successes as f64 - expected).abs();
    assert!(difference <= bound, "{successes} of {trials}, expected {expected} ± {bound}");
}

pub fn builder() -> TracerBuilder {
    Tracer::builder("test").environment(|_| None).drop_within(Duration::ZERO).diagnostics(|_| ())
}

pub fn tracer(configure: impl FnOnce(TracerBuilder) -> TracerBuilder) -> (Tracer, Memory) {
    let memory = Memory::new();
    (configure(builder()).exporter(memory.clone()).build().unwrap(), memory)
}

/// Waits for what another thread does by itself.
#[track_caller]
pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + LONG;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "it did not come to that");
        std::thread::sleep(Duration::from_millis(1));
    }
}
