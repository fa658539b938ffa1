//! Deciding at a trace's end (floor 3), when it is known how it went.
//!
//! A [`TailSampler`] holds the spans of a trace back until the first of them in this process, the local root,
//! has ended, and then asks its rules, the first of which that fits decides. All of it happens on
//! threads of the tracer's own: a span costs its own thread the same as without.
//!
//! ```
//! use std::time::Duration;
//! use throughline::{Tracer, sampling::tail::{TailRule, TailSampler}};
//!
//! let tail = TailSampler::new()
//!     .rule(TailRule::errors())
//!     .rule(TailRule::debug())
//!     .rule(TailRule::slower_than(Duration::from_secs(1)))
//!     .rule(TailRule::above_percentile(99.0)?)
//!     .rule(TailRule::attribute("tenant", "gold").ratio(0.5)?)
//!     .rule(TailRule::sampled().ratio(0.1)?.at_most(20.0)?);
//! let tracer = Tracer::builder("orders").tail_sampler(tail).build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## What it decides about
//!
//! The spans below one local root. Two requests of the same trace that this process answers are decided
//! apart. It does **not** see the spans of other services, and cannot: that a callee failed is known only by
//! what the calling span says of it, and what a caller or a callee keeps or drops is their own decision. To
//! decide about whole traces, send everything to a collector that is given the spans of all services.
//!
//! Traces that the head sampler records only ([`AlwaysRecord`](super::AlwaysRecord)) are exported if a rule
//! keeps them, and else are not; [`TailRule::sampled`] is for the others alone.
//!
//! ## What a span that was kept says
//!
//! The local root has the attribute [`RULE`]: the name of the rule that kept its trace. Every span has the
//! [adjusted count](crate::SpanRecord::adjusted_count) that goes with all stages it passed, and where that is
//! a consistent probability, `ot=th` in its tracestate. [`Tracer::tail_stats`](crate::Tracer::tail_stats)
//! counts by rule.
//!
//! ## Bounds
//!
//! | bound | default | what happens at it |
//! |---|---|---|
//! | spans, bytes of a trace | 1,024, 4 MiB | it is decided with what is there |
//! | spans, bytes of all traces | 65,536, 64 MiB | traces are decided: first those that have ended, then the oldest without an error, then the oldest |
//! | age | 30 s | the trace is decided with what is there |
//! | decisions remembered | 32,768, about 100 bytes each | the oldest is forgotten |
//!
//! Nothing is lost at a bound but information: the trace is decided *early*, counted by reason
//! ([`Early`]). A trace kept early stays kept, and its later spans go straight through. One that is not kept
//! is not remembered: its later spans are held back as those of a new trace, so that an error at its end is
//! still seen, if without what was given up before.
//!
//! A span that ends after its trace was decided follows the decision, as long as that is remembered.
//! [`TailSampler::linger`] waits for such spans.
//!
//! A flush, a shutdown too, decides what is undecided with what is there: it delivers every span that has
//! ended, or says that it was not kept.

mod buffer;
mod condition;
mod counters;
mod decisions;
mod key;
mod policy;
mod routes;
mod rule;
mod sampler;
mod sketch;
mod trace;
mod verdict;

pub(crate) use buffer::{Tail, TailOutlet};
pub use condition::TailCondition;
pub(crate) use counters::TailCounters;
pub use counters::{Early, EarlyReason, TailRuleStats, TailStats};
pub use rule::{InvalidPercentile, TailRule};
pub use sampler::TailSampler;
pub use trace::LocalTrace;
pub use verdict::RULE;
