//! Which traces are recorded (floor 3).
//!
//! The decision falls once, where a trace enters this process; every span below follows it, and it
//! travels on in the `sampled` flag. [`tail`] decides again, at a trace's end.
//!
//! | sampler | records |
//! |---|---|
//! | [`AlwaysOn`], [`AlwaysOff`] | every trace, none |
//! | [`Ratio`] | a share of all traces, the same ones in every service |
//! | [`RateLimited`] | so many traces a second |
//! | [`ParentBased`] | what the caller records; asks another sampler where there is no caller |
//! | [`Rules`] | by name, kind, route, method or any attribute: the first rule that fits asks its sampler |
//! | [`AlwaysRecord`] | what another sampler says, and the rest for [`tail`] to look at |
//! | a closure, or a [`Sampler`] of one's own | |
//!
//! ```
//! use throughline::{Tracer, sampling::{AlwaysOff, Match, ParentBased, RateLimited, Ratio, Rules}};
//!
//! let here = Rules::new(Ratio::new(0.1)?)
//!     .rule(Match::route("/health"), AlwaysOff)
//!     .rule(Match::route("/orders/{id}").and_method("POST"), RateLimited::new(50.0)?);
//! let tracer = Tracer::builder("orders").sampler(ParentBased::new(here)).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What a span that was kept stands for
//!
//! [`SpanRecord::adjusted_count`](crate::SpanRecord::adjusted_count), so that statistics can be scaled up.
//! [`Ratio`] writes its threshold into the tracestate (`ot=th:…`), where services further along and backends
//! read it, and erases what is not true any more; [`RateLimited`] counts what it passes over, which stays in
//! this process and its exports, as the specification has no place for it
//! [OpenTelemetry, TraceState: Probability Sampling].
//!
//! A threshold of 0, everything, is written only where the caller's says something else: it is what its
//! absence is read as, and a tracestate costs every span.

mod always_off;
mod always_on;
mod always_record;
mod bucket;
mod decided;
mod parameters;
mod parent_based;
mod pattern;
mod rate_limited;
mod ratio;
mod result;
mod rules;
mod sampler;
pub mod tail;

pub use crate::context::{InvalidThreshold, Threshold};
pub use always_off::AlwaysOff;
pub use always_on::AlwaysOn;
pub use always_record::AlwaysRecord;
pub use bucket::InvalidRate;
pub(crate) use decided::Decided;
pub use parameters::SamplingParameters;
pub use parent_based::ParentBased;
pub use pattern::Pattern;
pub use rate_limited::RateLimited;
pub use ratio::{InvalidRatio, Ratio};
pub(crate) use result::Additions;
pub use result::{SamplingDecision, SamplingResult};
pub use rules::{Match, Rules};
pub use sampler::Sampler;
