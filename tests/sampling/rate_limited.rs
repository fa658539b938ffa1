//! The rate limiter: by a clock that is moved by hand, under bursts, and from many threads.

use crate::support::{Seeded, ask, ask_under, caller, context, tracer};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use throughline::{
    Clock, TimeSource, TraceFlags,
    sampling::{AlwaysOff, InvalidRate, ParentBased, RateLimited, Sampler, SamplingParameters},
    testing::ManualClock,
};

fn limited(per_second: f64, burst: u32) -> (RateLimited, ManualClock) {
    let clock = ManualClock::new();
    (RateLimited::new(per_second).unwrap().burst(burst).clock(clock.clone().into()), clock)
}

/// How many of so many traces are sampled now.
fn sampled(sampler: &RateLimited, traces: u32) -> u32 {
    let mut random = Seeded::new(1);
    (0..traces).filter(|_| ask(sampler, random.trace_id()).is_sampled()).count() as u32
}

#[test]
fn the_rate_and_the_burst_are_kept() {
    let (sampler, clock) = limited(10.0, 5);
    assert_eq!(sampled(&sampler, 100), 5, "a burst");
    assert_eq!(sampled(&sampler, 100), 0);
    clock.advance(Duration::from_millis(99));
    assert_eq!(sampled(&sampler, 100), 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(sampled(&sampler, 100), 1, "one each 100 ms");
    clock.advance(Duration::from_millis(250));
    assert_eq!(sampled(&sampler, 100), 2);
    clock.advance(Duration::from_millis(50));
    assert_eq!(sampled(&sampler, 100), 1, "the half token was not lost");
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(sampled(&sampler, 100), 5, "an hour of silence gives one burst");
}

#[test]
fn rates_far_apart_hold() {
    for (per_second, burst) in [(0.5, 1), (3.0, 3), (1_000.0, 10), (1e6, 1_000)] {
        let (sampler, clock) = limited(per_second, burst);
        let mut kept = 0;
        let step = Duration::from_secs_f64(1.0 / per_second / 4.0);
        for _ in 0..4_000 {
            kept += sampled(&sampler, 3);
            clock.advance(step);
        }
        let expected = per_second * step.as_secs_f64() * 4_000.0 + f64::from(burst);
        assert!(
            (f64::from(kept) - expected).abs() <= 1.0 + expected * 1e-3,
            "{per_second}: {kept} {expected}"
        );
    }
}

#[test]
fn the_default_burst_is_a_second_s_worth() {
    let clock = ManualClock::new();
    let fast = RateLimited::new(7.5).unwrap().clock(clock.clone().into());
    let slow = RateLimited::new(0.1).unwrap().clock(clock.into());
    assert_eq!((sampled(&fast, 100), sampled(&slow, 100)), (8, 1));
    let none = RateLimited::new(0.0).unwrap().burst(10);
    assert_eq!(sampled(&none, 100), 0);
    for invalid in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(RateLimited::new(invalid).unwrap_err(), InvalidRate);
    }
}

/// One in years, or a burst of more than any clock counts: that is no leave to sample all.
#[test]
fn the_slowest_rate_is_a_rate() {
    const DAY: Duration = Duration::from_secs(86_400);
    for per_second in [1e-9, 1e-11, 1e-300, f64::MIN_POSITIVE] {
        let (sampler, clock) = limited(per_second, 1);
        assert_eq!(sampled(&sampler, 1_000), 1, "{per_second}");
        clock.advance(365 * DAY);
        assert_eq!(sampled(&sampler, 1_000), 0, "{per_second}");
        clock.advance(150 * 365 * DAY);
        assert_eq!(sampled(&sampler, 1_000), 1, "{per_second}: the least is one in 146 years");
    }
    let (sampler, clock) = limited(1e-6, u32::MAX);
    assert_eq!(sampled(&sampler, 10_000), 4_611, "what flows in within 146 years");
    clock.advance(Duration::from_secs(3_000_000));
    assert_eq!(sampled(&sampler, 10_000), 3);
}

/// A clock that is set by hand, back too.
struct Set(AtomicU64);

impl TimeSource for Set {
    fn unix_nanos(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_clock_that_goes_back_allows_no_more() {
    const SECOND: u64 = 1_000_000_000;
    let time = Arc::new(Set(AtomicU64::new(100 * SECOND)));
    let set = |seconds: u64| time.0.store(seconds * SECOND, Ordering::Relaxed);
    let limit = RateLimited::new(1.0).unwrap().burst(5).clock(Clock::custom(time.clone()));
    set(110);
    assert_eq!(sampled(&limit, 100), 5);
    for seconds in [105, 50, 0, 109, 110] {
        set(seconds);
        assert_eq!(sampled(&limit, 100), 0, "{seconds}");
    }
    set(112);
    assert_eq!(sampled(&limit, 100), 2, "it goes on where it has been");
    // Forth and back: what has been sampled once is not given again.
    set(1_000);
    assert_eq!(sampled(&limit, 3), 3);
    set(112);
    assert_eq!(sampled(&limit, 100), 0);
    set(1_000);
    assert_eq!(sampled(&limit, 100), 2);
}

#[test]
fn what_is_kept_stands_for_what_was_passed_over() {
    let (sampler, clock) = limited(1.0, 1);
    let mut random = Seeded::new(3);
    let counts: Vec<f64> = (0..10)
        .flat_map(|_| {
            clock.advance(Duration::from_secs(1));
            (0..7).map(|_| ask(&sampler, random.trace_id())).collect::<Vec<_>>()
        })
        .filter(|result| result.is_sampled())
        .map(|result| result.adjusted_count())
        .collect();
    assert_eq!(counts[0], 1.0, "nothing had been passed over");
    assert_eq!(counts[1..], [7.0; 9]);
}

#[test]
fn all_threads_share_one_bucket() {
    const THREADS: u64 = 8;
    let (sampler, clock) = limited(1_000.0, 100);
    let sampler = Arc::new(sampler);
    for round in 0..20 {
        let counts: Vec<(u64, f64)> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|seed| {
                    let sampler = sampler.clone();
                    scope.spawn(move || {
                        let mut random = Seeded::new(seed);
                        let results: Vec<_> = (0..200).map(|_| ask(&*sampler, random.trace_id())).collect();
                        let kept = results.iter().filter(|result| result.is_sampled());
                        (kept.clone().count() as u64, kept.map(|result| result.adjusted_count()).sum())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let kept: u64 = counts.iter().map(|(kept, _)| kept).sum();
        assert_eq!(kept, if round == 0 { 100 } else { 50 }, "the clock stands still");
        clock.advance(Duration::from_millis(50));
    }
}

#[test]
fn a_caller_s_01_is_honoured_within_a_bucket() {
    let (limit, clock) = limited(2.0, 2);
    let sampler = ParentBased::new(AlwaysOff).remote_sampled(limit);
    let (tracer, memory) = tracer(|builder| builder.sampler(sampler));
    let mut random = Seeded::new(5);
    for second in 0..3 {
        for _ in 0..10 {
            let caller = caller(random.trace_id(), TraceFlags::SAMPLED, "ot=th:0");
            let span = tracer.span_builder("order").remote(context(caller)).start();
            let outgoing = span.context().unwrap();
            assert_eq!(outgoing.is_sampled(), span.is_recording());
            assert!(outgoing.trace_state().is_empty(), "of no consistent probability any more");
        }
        clock.advance(Duration::from_secs(1));
        assert!(second < 3);
    }
    let report = tracer.shutdown(crate::support::LONG);
    assert!(report.is_complete());
    assert_eq!((memory.len(), report.stats.sampled_out), (6, 24));
    let estimate: f64 = memory.spans().iter().map(|span| span.adjusted_count()).sum();
    assert_eq!(estimate, 22.0, "all but the eight after the last that was kept");
}

#[test]
fn a_debug_flag_is_no_way_around_a_limit() {
    let (limit, clock) = limited(2.0, 2);
    let sampler = ParentBased::new(AlwaysOff).remote_sampled(limit);
    let mut random = Seeded::new(7);
    for _ in 0..3 {
        let callers = (0..10).map(|_| caller(random.trace_id(), TraceFlags::DEBUG, ""));
        assert_eq!(callers.filter(|caller| ask_under(&sampler, caller).is_sampled()).count(), 2);
        clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn the_weight_comes_on_top_of_the_caller_s() {
    let (limit, clock) = limited(1.0, 1);
    let sampler = ParentBased::new(AlwaysOff).remote_sampled(limit);
    let trace_id = "4bf92f3577b34da6a3ffffffffffffff".parse().unwrap();
    let quarter = caller(trace_id, TraceFlags::SAMPLED, "ot=th:c");
    let parameters = SamplingParameters::new(trace_id, "order", throughline::SpanKind::Server);
    let mut counts = Vec::new();
    for _ in 0..6 {
        counts.push(sampler.should_sample(&parameters.with_parent(&quarter)));
        if counts.len() == 3 {
            clock.advance(Duration::from_secs(1));
        }
    }
    let counts: Vec<_> =
        counts.iter().filter(|result| result.is_sampled()).map(|result| result.adjusted_count()).collect();
    assert_eq!(counts, [4.0, 12.0]);
}
